r"""Equal rows by hashes, and entropies by counting them."""

from dataclasses import dataclass
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


Labels = NDArray[np.int64]
Weights = NDArray[np.float64]


def dense_labels(ids: NDArray[np.int64]) -> Labels:
    """Number the distinct rows of (n, k) integers from 0 upwards, in sorted order.

    >>> dense_labels(np.array([[5, 1], [2, 2], [5, 1]])).tolist()
    [1, 0, 1]
    """
    columns = ids.reshape(len(ids), -1)
    order = np.argsort(columns[:, 0])
    new = _starts(columns, order)
    first = columns[order, 0]
    if (new[1:] & (first[1:] == first[:-1])).any():
        # The first column does not tell all rows apart, which hashed ones hardly ever need.
        order = np.lexsort(columns.T[::-1])
        new = _starts(columns, order)
    labels = np.empty(len(ids), dtype=np.int64)
    labels[order] = np.cumsum(new) - 1
    return labels


def _starts(columns: NDArray[np.int64], order: Labels) -> NDArray[np.bool_]:
    """Where a row differs from the one before it in this order."""
    new = np.ones(len(order), dtype=np.bool_)
    ordered = columns[order]
    new[1:] = (ordered[1:] != ordered[:-1]).any(1)
    return new


def pair(a: Labels, b: Labels) -> Labels:
    """Number the distinct pairs.

    >>> pair(np.array([0, 0, 1]), np.array([1, 1, 0])).tolist()
    [0, 0, 1]
    """
    return np.unique(a * (int(b.max()) + 1) + b, return_inverse=True)[1].astype(np.int64)


def label_entropy(labels: Labels, weights: Weights) -> float:
    """Shannon entropy in nats of labels whose rows have these probabilities.

    >>> round(label_entropy(np.array([0, 1]), np.array([0.5, 0.5])), 6)
    0.693147
    """
    p = np.bincount(labels, weights)
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def conditional_entropy(labels: Labels, given: Labels, weights: Weights) -> float:
    r"""H(A|B) in nats; exactly 0 where the condition fixes the label.

    .. math:: H(A|B) = \sum_{ab} p(a,b) \ln\frac{p(b)}{p(a,b)}

    >>> conditional_entropy(np.array([3, 4]), np.array([0, 1]), np.array([0.3, 0.7]))
    0.0
    """
    both = pair(labels, given)
    p_both, p_given = np.bincount(both, weights), np.bincount(given, weights)
    condition = np.empty(len(p_both), dtype=np.int64)
    condition[both] = given
    met = p_both > 0
    ratio = p_given[condition[met]] / p_both[met]
    return float((p_both[met] * np.log(ratio)).sum())


@dataclass(frozen=True)
class Counted:
    """Entropies, in nats, of the distribution that the weighted rows (x, y, t) are.

    Args:
        x: H(X).
        y: H(Y).
        t: H(T).
        x_given_t: H(X|T).
        y_given_t: H(Y|T).
        x_given_ty: H(X|T,Y).
    """

    x: float
    y: float
    t: float
    x_given_t: float
    y_given_t: float
    x_given_ty: float

    def quantities(self) -> dict[str, float]:
        """H(T), H(X|T), I(X;T), and with labels H(Y|T), I(T;Y) and H(X|T,Y), in nats."""
        return {
            "H(T)": self.t,
            "H(X|T)": self.x_given_t,
            "I(X;T)": self.x - self.x_given_t,
            "H(Y|T)": self.y_given_t,
            "I(T;Y)": self.y - self.y_given_t,
            "H(X|T,Y)": self.x_given_ty,
        }


def count(x: Labels, y: Labels, t: Labels, weights: Weights) -> Counted:
    """Count the rows of one layer.

    Args:
        x: (n,) label of the input of each row.
        y: (n,) label of its class; all 0 where there are none.
        t: (n,) label of its activation.
        weights: (n,) probabilities, summing to 1.

    >>> half, zero = np.array([0.5, 0.5]), np.zeros(2, dtype=np.int64)
    >>> round(count(np.arange(2), zero, zero, half).x_given_t, 6)
    0.693147
    """
    return Counted(
        x=label_entropy(x, weights),
        y=label_entropy(y, weights),
        t=label_entropy(t, weights),
        x_given_t=conditional_entropy(x, t, weights),
        y_given_t=conditional_entropy(y, t, weights),
        x_given_ty=conditional_entropy(x, pair(y, t), weights),
    )
