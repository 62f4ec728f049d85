"""Words of letters as integers, those of two-valued spins as bits, and the tiling into blocks."""

import math

import torch
from torch import Tensor

from rsmi.errors import InputError


def state_index(spins: Tensor) -> Tensor:
    """Number the state of a group of spins: bit i is set where spin i is +1.

    Args:
        spins: (..., k) of +1 and -1, k <= 62.

    Returns:
        (...) int64 in [0, 2**k).

    >>> state_index(torch.tensor([[1, -1, -1], [1, 1, -1]])).tolist()
    [1, 3]
    """
    weights = 1 << torch.arange(spins.shape[-1], device=spins.device)
    return ((spins > 0) * weights).sum(-1)


def states(n_spins: int) -> Tensor:
    """All states of `n_spins` spins, the inverse of `state_index`: (2**n_spins, n_spins) int8.

    >>> states(2).tolist()
    [[-1, -1], [1, -1], [-1, 1], [1, 1]]
    """
    numbers = torch.arange(1 << n_spins)[:, None]
    return (2 * ((numbers >> torch.arange(n_spins)) & 1) - 1).to(torch.int8)


def words(n_letters: int, length: int, start: int = 0, stop: int | None = None) -> Tensor:
    """All words of letters 0 ... q - 1, numbered with the first letter as the lowest digit.

    With two letters, 0 for -1 and 1 for +1, the order is that of `states`.

    Args:
        n_letters: q.
        length: Letters of a word.
        start: Number of the first word.
        stop: Number behind the last one; without it all are there.

    Returns:
        (q**length, length) int64, or those of the range.

    >>> words(3, 2)[:5].tolist()
    [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1]]
    """
    numbers = torch.arange(start, n_letters**length if stop is None else stop)[:, None]
    return numbers // n_letters ** torch.arange(length) % n_letters


def word_index(letters: Tensor, n_letters: int) -> Tensor:
    """Number words of letters, the inverse of `words`.

    Args:
        letters: (..., length) integers 0 ... q - 1.
        n_letters: q; q**length < 2**63.

    Returns:
        (...) int64 in [0, q**length).

    >>> word_index(torch.tensor([[0, 0], [1, 0], [0, 1]]), 3).tolist()
    [0, 1, 3]
    """
    powers = n_letters ** torch.arange(letters.shape[-1], device=letters.device)
    return (letters * powers).sum(-1)


def tile(configurations: Tensor, block: tuple[int, ...]) -> Tensor:
    """Cut configurations into non-overlapping blocks.

    Args:
        configurations: (n, *shape), any dtype.
        block: Extents of a block; each divides the lattice extent.

    Returns:
        (n, *coarse_shape, n_v): the spins of each block in row-major order.

    Raises:
        InputError: If the lattice is not divisible by the block.

    >>> tile(torch.arange(16).reshape(1, 4, 4), (2, 2))[0, 0].tolist()
    [[0, 1, 4, 5], [2, 3, 6, 7]]
    """
    coarse = coarse_shape(tuple(configurations.shape[1:]), block)
    d = len(block)
    split = [extent for pair in zip(coarse, block, strict=True) for extent in pair]
    order = [0, *range(1, 2 * d, 2), *range(2, 2 * d + 1, 2)]
    blocks = configurations.reshape(-1, *split).permute(order)
    return blocks.reshape(len(configurations), *coarse, math.prod(block))


def coarse_shape(shape: tuple[int, ...], block: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the lattice of blocks, checked for divisibility.

    >>> coarse_shape((64, 64), (2, 2))
    (32, 32)
    """
    if len(shape) != len(block) or any(b < 1 or s % b for s, b in zip(shape, block, strict=False)):
        raise InputError(
            f"a lattice of shape {list(shape)} cannot be tiled with blocks of {list(block)}; "
            "each extent of the lattice must be a multiple of the block's"
        )
    return tuple(s // b for s, b in zip(shape, block, strict=True))
