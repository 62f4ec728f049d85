"""Scaling dimensions of the critical Ising model, and monomers among dimers."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.information import Estimate
from rsmi.known.checking import Check
from rsmi.renormalization import scaling_dimensions
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang
from rsmi.sampling.dimers import DimerLattice, coverings, monomer_visits
from rsmi.sampling.exact.universality import ISING_2D

_ONSAGER = "Onsager (1944), Yang (1952)"
_COUNTED = "4 Z(r) / Z of all coverings of the 4x4 torus, with and without two sites, one by one"

_CHAINS, _RECORDS = 64, 150
_COVERINGS = 20_000
# by displacement: next neighbours, and a knight's move
_VISITS = {(0, 1): 1.0, (1, 2): 12 / 17}


def operators() -> list[Check]:
    """All checks of this section."""
    drawn = cache(lambda: [_drawn(size) for size in (8, 16)])
    found = [
        Check(
            f"ising.L=8,16.{name}", "operators", partial(_dimension, drawn, sector),
            ISING_2D[name], 0.0, _ONSAGER,
        )
        for sector, name in (("odd", "delta_sigma"), ("even", "delta_epsilon"))
    ]  # fmt: skip
    return found + [
        Check(f"monomers.4x4.({x},{y})", "operators", partial(_visits, x, y), known, 0.0, _COUNTED)
        for (x, y), known in _VISITS.items()
    ]


def _drawn(size: int) -> NDArray[np.int8]:
    """Critical configurations, (chains, draws, size, size)."""
    sampler = SwendsenWang(Ising((size, size), CRITICAL_COUPLING), seed=size)
    state = sampler.initial(_CHAINS)
    sampler.advance(state, 0, 64)
    kept = []
    for record in range(_RECORDS):
        sampler.advance(state, 64 + 2 * record, 2)
        kept.append(state.clone())
    return np.asarray(torch.stack(kept, 1).numpy())


def _dimension(drawn: Callable[[], list[NDArray[np.int8]]], sector: str) -> Estimate:
    return scaling_dimensions(drawn(), sector, chains=_CHAINS).dimensions[0]


def _visits(x: int, y: int) -> Estimate:
    """How often the head of a worm stands at a place beside its tail."""
    lattice = DimerLattice((4, 4))
    every = coverings(lattice)
    generator = torch.Generator().manual_seed(1)
    chosen = every[torch.randint(len(every), (_COVERINGS,), generator=generator)]
    seen = monomer_visits(lattice, chosen.contiguous(), seed=1)[:, x, y].double()
    return Estimate(
        float(seen.mean()), float(seen.std()) / _COVERINGS**0.5, "estimate", "1", _COVERINGS
    )
