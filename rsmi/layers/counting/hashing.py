r"""Rows of activations as 128-bit numbers, so that a layer costs 16 bytes per sample.

Four independent strongly universal hashes of 32 bits: with random 64-bit keys m,
:math:`h(w) = \lfloor (m_0 + \sum_i m_i w_i \bmod 2^{64}) / 2^{32} \rfloor` sends two different
rows of 32-bit words to the same number with probability at most 2**-32 over the keys (Lemire and
Kaser 2014, arXiv:1202.4961), so two rows share all four with probability at most 2**-128.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError

_SEED = 4
_WORDS_AT_ONCE = 1 << 22
_FEW = 4096


def row_ids(rows: Tensor) -> Tensor:
    """Identify equal rows by equal numbers.

    Floats are compared by value: 0.0 and -0.0 are one number, and half precision keeps its own
    resolution.

    Args:
        rows: (n, ...) of any real dtype, finite.

    Returns:
        (n, 2) int64 on the CPU; different rows share an id with probability at most
        `collision_probability(n)`.

    >>> ids = row_ids(torch.tensor([[1.0, 0.0], [1.0, -0.0], [1.0, 2.0]]))
    >>> bool((ids[0] == ids[1]).all()), bool((ids[0] == ids[2]).all())
    (True, False)
    """
    words = _words(rows.reshape(len(rows), -1))
    keys = _keys(words.shape[1])
    if words.device.type == "cpu":
        out = np.empty((len(words), 2), dtype=np.int64)
        _hash_rows(words.numpy(), keys.view(np.uint64), out)
        return torch.from_numpy(out)
    return hash_words(words, torch.from_numpy(keys).to(words.device)).cpu()


def collision_probability(rows: int) -> float:
    """Upper bound of the probability that any two of so many different rows share an id.

    >>> collision_probability(10**6) < 1.5e-27
    True
    """
    return 0.5 * rows * (rows - 1) * 2.0**-128


def hash_words(words: Tensor, keys: Tensor) -> Tensor:
    """The hash in plain torch, for accelerators and as the reference of the fast loop.

    Args:
        words: (n, k) int32.
        keys: (k + 1, 4) int64.

    Returns:
        (n, 2) int64.
    """
    step = max(1, _WORDS_AT_ONCE // max(words.shape[1], 1))
    parts = [_hash_part(part, keys) for part in words.split(step)]
    return torch.cat(parts) if parts else words.new_zeros(0, 2, dtype=torch.int64)


def _hash_part(words: Tensor, keys: Tensor) -> Tensor:
    unsigned = words.long() & 0xFFFFFFFF
    sums = [(unsigned * keys[1:, j]).sum(1) + keys[0, j] for j in range(4)]
    high = [(total >> 32) & 0xFFFFFFFF for total in sums]
    return torch.stack([high[0] | (high[1] << 32), high[2] | (high[3] << 32)], 1)


def _keys(words: int) -> NDArray[np.int64]:
    """The same keys for the same number of words, everywhere; few words have them at hand."""
    return _few_keys(words) if words <= _FEW else _drawn_keys(words)


def _drawn_keys(words: int) -> NDArray[np.int64]:
    return np.random.default_rng(_SEED).integers(-(2**63), 2**63, (words + 1, 4), dtype=np.int64)


def _words(rows: Tensor) -> Tensor:
    """Rows as 32-bit words: equal numbers have equal words."""
    if rows.is_complex():
        raise InputError(f"activations are {rows.dtype}; expected real numbers: take .abs()")
    if rows.is_floating_point():
        wide = rows if rows.dtype == torch.float64 else rows.float()
        return (wide + 0.0).contiguous().view(torch.int32)
    if rows.dtype == torch.int64:
        return rows.contiguous().view(torch.int32)
    return rows.to(torch.int32).contiguous()


_few_keys = lru_cache(128)(_drawn_keys)


@njit(cache=True, nogil=True)
def _hash_rows(words: NDArray[np.int32], keys: NDArray[np.uint64], out: NDArray[np.int64]) -> None:
    shift = np.uint64(32)
    for i in range(words.shape[0]):
        a, b, c, d = keys[0, 0], keys[0, 1], keys[0, 2], keys[0, 3]
        for k in range(words.shape[1]):
            w = np.uint64(np.uint32(words[i, k]))
            a += keys[k + 1, 0] * w
            b += keys[k + 1, 1] * w
            c += keys[k + 1, 2] * w
            d += keys[k + 1, 3] * w
        out[i, 0] = np.int64((a >> shift) | ((b >> shift) << shift))
        out[i, 1] = np.int64((c >> shift) | ((d >> shift) << shift))
