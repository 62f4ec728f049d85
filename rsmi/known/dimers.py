"""Dimers on small tori: how many coverings, how stiff, and what a block says about the rest."""

import math
from collections.abc import Callable
from functools import cache, partial

import torch

from rsmi.information import Estimate
from rsmi.known.checking import Check, lazily
from rsmi.sampling.dimers import (
    DimerBlock,
    Dimers,
    cylinder_stiffness,
    dimer_block,
    log_open_coverings,
    log_torus_coverings,
)

_COUNTED = "all coverings, counted by an independent program"
_BLOCK = "all 90 176 coverings of the 6x6 torus, independent program"
_STIFFNESS = "transfer matrix of circumference 8, independent program"

_TORUS = {(4, 4): 272, (4, 6): 3108, (6, 6): 90176}
_OPEN = {(4, 4): 36, (4, 6): 281, (6, 6): 6728, (8, 8): 12988816}
_KEPT = {"full": 1.327309, "fields": 1.162203, "columns": 0.672539, "signs": 0.468302}
# temperature: g of the infinite cylinder
_STIFF = {math.inf: 0.51569, 2.0: 0.90062, 1.0: 1.47638, 0.65: 2.39712}


def dimers() -> list[Check]:
    """All checks of this section."""
    return [*_coverings(), *_stiffness(), *_block()]


def _coverings() -> list[Check]:
    known = [("torus", log_torus_coverings, _TORUS), ("open", log_open_coverings, _OPEN)]
    return [
        _check(f"{name}.{m}x{n}", partial(_count, logarithm, m, n), count, 1e-9 * count, _COUNTED)
        for name, logarithm, counts in known
        for (m, n), count in counts.items()
    ]


def _count(logarithm: Callable[[int, int], float], m: int, n: int) -> float:
    return math.exp(logarithm(m, n))


def _stiffness() -> list[Check]:
    return [
        _check(f"stiffness.T={t:g}", partial(cylinder_stiffness, 8, t), g, 1e-5, _STIFFNESS)
        for t, g in _STIFF.items()
    ]


def _check(
    name: str, compute: Callable[[], float], expected: float, tolerance: float, source: str
) -> Check:
    return Check(name, "dimers", lazily(compute, "1"), expected, tolerance, source)


def _block() -> list[Check]:
    solve = cache(partial(dimer_block, Dimers((6, 6))))
    return [
        Check(f"6x6.{name}", "dimers", partial(_kept, solve, name), value, 1e-6, _BLOCK)
        for name, value in _KEPT.items()
    ]


def _kept(solve: Callable[[], DimerBlock], name: str) -> Estimate:
    """Information that an observable of the block keeps."""
    block = solve()
    if name == "full":
        return block.full()
    fields = block.fields()
    if name == "signs":
        pair = torch.stack([fields[:, 0] + fields[:, 1], fields[:, 0] - fields[:, 1]], 1)
        return block.kept(pair > 0)
    return block.kept(fields if name == "fields" else block.columns())
