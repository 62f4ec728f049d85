"""Swendsen-Wang cluster updates of many independent chains on all processor cores."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.sampling.base import Address, ChainSampler, Spins
from rsmi.sampling.clusters import BOND_BITS, sweep_chains
from rsmi.sampling.ising import Ising
from rsmi.sampling.random import Stream


def bond_probability(coupling: float) -> float:
    """Probability to bond two parallel neighbours, p = 1 - exp(-2 K).

    Source: Swendsen, Wang (1987), Phys. Rev. Lett. 58, 86.

    >>> round(bond_probability(0.44068679350977), 6)
    0.585786
    """
    return -math.expm1(-2 * coupling)


@dataclass(frozen=True)
class SwendsenWang(ChainSampler[Ising]):
    """Swendsen-Wang update: bond parallel neighbours, give every cluster a random sign.

    Args:
        model: ferromagnetic Ising model on a torus of any dimension.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: negative coupling, a bad seed, or fewer than one worker.

    >>> sampler = SwendsenWang(Ising((4, 4), 0.4), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    def _check_model(self) -> None:
        check_ferromagnet(self.model.coupling, "Swendsen-Wang")

    @cached_property
    def _tables(self) -> tuple[NDArray[np.int64], np.uint64]:
        threshold = np.uint64(round(bond_probability(self.model.coupling) * 2**BOND_BITS))
        return forward_rows(self.model.shape), threshold

    def _sweep(self, spins: Spins, address: Address) -> None:
        rows = spins.reshape(len(spins), -1, self.model.shape[-1])
        chain, sweep, sweeps, seed = address
        stream = int(Stream.SWENDSEN_WANG)
        sweep_chains(rows, *self._tables, chain, sweep, sweeps, stream, seed)


def check_ferromagnet(coupling: float, update: str) -> None:
    """Raise InputError for a coupling at which clusters of parallel spins are no help."""
    if coupling < 0:
        raise InputError(
            f"coupling is {coupling}; {update} needs K >= 0, because its clusters join parallel "
            "spins; use the update 'metropolis' for antiferromagnets"
        )


def forward_rows(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Next row along every axis but the last, rows numbered in row-major order.

    Args:
        shape: sites along each axis.

    Returns:
        int64 (axes - 1, rows).

    >>> forward_rows((3, 5)).tolist()
    [[1, 2, 0]]
    """
    rows = np.arange(math.prod(shape[:-1])).reshape(shape[:-1])
    neighbours = [np.roll(rows, -1, axis).ravel() for axis in range(rows.ndim)]
    return np.array(neighbours, dtype=np.int64).reshape(rows.ndim, rows.size)
