"""Local search for the rule that keeps most information, where there are too many to try all."""

import torch
from torch import Tensor

from rsmi.information.assignments import Z2, complete, free_states, to_tables
from rsmi.information.discrete import rule_information

_STARTS = 64
_POLISHED = 8  # joint optima, the best ones, from which single moves go on
_STEPS = 200
_TINY = 1e-300
_GAIN = 1e-12


def ascend(posterior: Tensor, weights: Tensor, n_symbols: int, z2: Z2, seed: int) -> Tensor:
    """Best assignment found from random starts.

    Joint steps that move every block state at once reach a neighbourhood fast; single moves
    then leave the optima that only joint steps are stuck in.

    Args:
        posterior: (n, V) float64, row e is p(v|e).
        weights: (n,) float64 summing to 1.
        n_symbols: K.
        z2: Symmetry imposed or not.
        seed: Of the random starts.

    Returns:
        (V,) int64 symbols.
    """
    n_free = free_states(posterior.shape[1], z2)
    generator = torch.Generator().manual_seed(seed)
    free = torch.randint(n_symbols, (_STARTS, n_free), generator=generator)
    step = max(1, (1 << 24) // (len(posterior) * n_symbols))
    starts = [
        _joint_steps(posterior, weights, part, n_symbols, z2)
        for part in torch.split(free, min(step, 16))
    ]
    free = torch.cat(starts)
    values = _values(posterior, weights, free, n_symbols, z2)
    leaders = free[values.topk(_POLISHED).indices]
    ends = [_single_moves(posterior, weights, leader, n_symbols, z2) for leader in leaders]
    return complete(max(ends, key=lambda end: end[1])[0][None], n_symbols, z2)[0]


def _joint_steps(p: Tensor, weights: Tensor, free: Tensor, n_symbols: int, z2: Z2) -> Tensor:
    r"""Repeat h(v) = argmax_h sum_e p(v, e) ln[p(h|e) / p(h)] for a batch of assignments.

    This maximises the tangent of I(H:E), which lies below the convex function itself, so no
    step lowers the information.
    """
    for _ in range(_STEPS):
        rules = to_tables(complete(free, n_symbols, z2), n_symbols)
        given = torch.einsum("ev,bvh->beh", p, rules).clamp_(min=_TINY)
        marginal = torch.einsum("e,beh->bh", weights, given)
        gain = torch.einsum("ev,beh->bvh", p * weights[:, None], (given / marginal[:, None]).log())
        if z2 == "impose":
            gain = (gain + gain.flip(1, 2))[:, : free.shape[1]]
        moved = gain.argmax(-1)
        if torch.equal(moved, free):
            break
        free = moved
    return free


def _single_moves(
    p: Tensor, weights: Tensor, free: Tensor, n_symbols: int, z2: Z2
) -> tuple[Tensor, float]:
    """Take the best change of one free state until none gains; the end and its value."""
    value = float(_values(p, weights, free[None], n_symbols, z2)[0])
    for _ in range(_STEPS):
        moves = _neighbours(free, n_symbols)
        values = _values(p, weights, moves, n_symbols, z2)
        if values.max() <= value + _GAIN:
            break
        free, value = moves[values.argmax()], float(values.max())
    return free, value


def _neighbours(free: Tensor, n_symbols: int) -> Tensor:
    """Every assignment that differs in one free state."""
    shift = torch.eye(len(free), dtype=torch.int64)
    return torch.cat([(free + k * shift) % n_symbols for k in range(1, n_symbols)])


def _values(p: Tensor, weights: Tensor, free: Tensor, n_symbols: int, z2: Z2) -> Tensor:
    """Information of each assignment in a batch (b, free)."""
    parts = [
        rule_information(p, to_tables(complete(part, n_symbols, z2), n_symbols), weights)
        for part in torch.split(free, 64)
    ]
    return torch.cat(parts)
