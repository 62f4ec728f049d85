"""Local search for the rule that keeps most information, where there are too many to try all."""

import torch
from torch import Tensor

from rsmi.information.assignments import Action
from rsmi.information.discrete import rule_information
from rsmi.information.merging import merge_similar

_STARTS = 64
_POLISHED = 8  # joint optima, the best ones, from which single moves go on
_STEPS = 200
_MERGED = 256  # environments on which the search is done
_MET, _MOST_SEARCHES = 12, 32  # how often it must end at its best value, and how many there are
_SAME = 1e-9
_TINY = 1e-300
_GAIN = 1e-12


def ascend(posterior: Tensor, weights: Tensor, action: Action, seed: int) -> Tensor:
    """Best assignment found from random starts.

    Joint steps that move every block state at once reach a neighbourhood fast; single moves
    then leave the optima that only joint steps are stuck in. The search on merged environments
    goes on until it has ended several times where its best value is; the winner goes on from there
    on all of them.

    Args:
        posterior: (n, V) float64, row e is p(v|e).
        weights: (n,) float64 summing to 1.
        action: Group that the rule commutes with, on V states and K symbols.
        seed: Of the random starts.

    Returns:
        (V,) int64, an assignment of the action.
    """
    generator = torch.Generator().manual_seed(seed)
    merged = merge_similar(posterior, weights, _MERGED)
    best, value, met = _search(*merged, action, generator)
    for _ in range(_MOST_SEARCHES - 1):
        if met >= _MET:
            break
        other, found, times = _search(*merged, action, generator)
        if found > value + _SAME:
            best, value, met = other, found, times
        elif found > value - _SAME:
            met += times
    best = _joint_steps(posterior, weights, best[None], action)[0]
    return action.complete(_single_moves(posterior, weights, best, action)[0][None])[0]


def _search(
    p: Tensor, weights: Tensor, action: Action, generator: torch.Generator
) -> tuple[Tensor, float, int]:
    """Best of some starts, its value, and how many of those that were polished ended there."""
    counts = torch.tensor(action.choices)
    chance = torch.rand(_STARTS, len(counts), generator=generator, dtype=torch.float64)
    step = max(1, (1 << 24) // (len(p) * action.n_symbols))
    parts = torch.split((chance * counts).long(), min(step, 16))
    free = torch.cat([_joint_steps(p, weights, part, action) for part in parts])
    leaders = free[_values(p, weights, free, action).topk(_POLISHED).indices]
    ends = [_single_moves(p, weights, leader, action) for leader in leaders]
    best, value = max(ends, key=lambda end: end[1])
    return best, value, sum(end[1] > value - _SAME for end in ends)


def _joint_steps(p: Tensor, weights: Tensor, free: Tensor, action: Action) -> Tensor:
    r"""Repeat h(v) = argmax_h sum_e p(v, e) ln[p(h|e) / p(h)] for a batch of assignments.

    This maximises the tangent of I(H:E), which lies below the convex function itself, so no
    step lowers the information.
    """
    for _ in range(_STEPS):
        rules = action.tables(action.complete(free))
        given = torch.einsum("ev,bvh->beh", p, rules).clamp_(min=_TINY)
        marginal = torch.einsum("e,beh->bh", weights, given)
        gain = torch.einsum("ev,beh->bvh", p * weights[:, None], (given / marginal[:, None]).log())
        moved = action.gains(gain).argmax(-1)
        if torch.equal(moved, free):
            break
        free = moved
    return free


def _single_moves(p: Tensor, weights: Tensor, free: Tensor, action: Action) -> tuple[Tensor, float]:
    """Take the best change of one free state until none gains; the end and its value."""
    value = float(_values(p, weights, free[None], action)[0])
    for _ in range(_STEPS):
        moves = _neighbours(free, action.choices)
        values = _values(p, weights, moves, action)
        if values.max() <= value + _GAIN:
            break
        free, value = moves[values.argmax()], float(values.max())
    return free, value


def _neighbours(free: Tensor, choices: tuple[int, ...]) -> Tensor:
    """Every choice (m, orbits) that differs in one orbit."""
    counts = torch.tensor(choices)
    orbit = torch.arange(len(counts)).repeat_interleave(counts - 1)
    first = (counts - 1).cumsum(0) - (counts - 1)
    step = 1 + torch.arange(len(orbit)) - first[orbit]
    moves = free.repeat(len(orbit), 1)
    moves[torch.arange(len(orbit)), orbit] = (free[orbit] + step) % counts[orbit]
    return moves


def _values(p: Tensor, weights: Tensor, free: Tensor, action: Action) -> Tensor:
    """Information of each rule in a batch of choices (b, orbits)."""
    parts = [
        rule_information(p, action.tables(action.complete(part)), weights)
        for part in torch.split(free, 64)
    ]
    return torch.cat(parts)
