"""Deterministic rules as assignments of a symbol to each block state."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.errors import InputError

Z2 = Literal["impose", "allow"]


def free_states(n_states: int, z2: Z2) -> int:
    """How many block states may choose their symbol freely.

    With `impose`, flipping every spin must flip every coarse bit, so one state of each pair
    follows the other; with `allow` all are free.

    Raises:
        InputError: For an unknown option, or an odd number of states with `impose`.

    >>> free_states(16, "impose"), free_states(16, "allow")
    (8, 16)
    """
    if z2 not in ("impose", "allow"):
        raise InputError(f"z2 is {z2!r}; expected 'impose' or 'allow'")
    if z2 == "impose" and n_states % 2:
        raise InputError(
            f"z2 'impose' needs an even number of block states, got {n_states}; use 'allow'"
        )
    return n_states // 2 if z2 == "impose" else n_states


def check_symbols(n_symbols: int, z2: Z2) -> None:
    """Refuse a coarse alphabet of one symbol, or one whose symbols are no coarse bits to flip.

    Raises:
        InputError: For fewer than 2 symbols, or with `impose` another number than a power of 2.
    """
    if n_symbols < 2:
        raise InputError(f"{n_symbols} coarse symbols were asked for; expected at least 2")
    if z2 == "impose" and n_symbols & (n_symbols - 1):
        raise InputError(
            f"z2 'impose' flips coarse bits, and {n_symbols} symbols are not those of bits; take "
            "2, 4, 8 or 16 symbols, or z2 'allow'"
        )


def complete(free: Tensor, n_symbols: int, z2: Z2) -> Tensor:
    """Extend the free choices to all block states: (b, free) to (b, V) int64.

    Complementing every bit of an index counts it from the other end, so a flipped state v is
    V - 1 - v and a flipped symbol h is K - 1 - h.

    >>> complete(torch.tensor([[0, 1]]), 2, "impose").tolist()
    [[0, 1, 0, 1]]
    """
    return free if z2 == "allow" else torch.cat([free, n_symbols - 1 - free.flip(1)], 1)


def all_assignments(n_free: int, n_symbols: int) -> Tensor:
    """Every assignment of symbols to free states, (K**(n_free-1), n_free) int64.

    Relabelling symbols changes no information, so the first state always takes symbol 0.

    >>> all_assignments(3, 2).tolist()
    [[0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]]
    """
    numbers = torch.arange(n_symbols ** (n_free - 1))[:, None]
    digits = numbers // n_symbols ** torch.arange(n_free - 1) % n_symbols
    return F.pad(digits, (1, 0))


def to_tables(assignments: Tensor, n_symbols: int) -> Tensor:
    """Rule tables of assignments: (..., V) int64 to (..., V, K) float64.

    >>> to_tables(torch.tensor([0, 1]), 2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return F.one_hot(assignments, n_symbols).double()


def oriented(assignment: Tensor, n_symbols: int) -> Tensor:
    """Relabel an assignment (V,) so that the last state has the last symbol.

    For bits that is the block with every spin up, whose bits are all up. Bits are turned one by
    one, so that an odd rule stays odd; other symbols are counted on around a circle.

    >>> oriented(torch.tensor([1, 0]), 2).tolist()
    [0, 1]
    """
    if n_symbols & (n_symbols - 1) == 0:
        return assignment ^ (assignment[-1] ^ (n_symbols - 1))
    return (assignment - assignment[-1] - 1) % n_symbols
