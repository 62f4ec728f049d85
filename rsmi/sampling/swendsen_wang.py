"""Swendsen-Wang cluster updates of many independent chains on all processor cores."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.clusters import BOND_BITS, sweep_chains
from rsmi.sampling.ising import Ising
from rsmi.sampling.random import Stream
from rsmi.sampling.start import check_advance, initial_state
from rsmi.sampling.threads import check_run, share_chains


def bond_probability(coupling: float) -> float:
    """Probability to bond two parallel neighbours, p = 1 - exp(-2 K).

    Source: Swendsen, Wang (1987), Phys. Rev. Lett. 58, 86.

    >>> round(bond_probability(0.44068679350977), 6)
    0.585786
    """
    return -math.expm1(-2 * coupling)


@dataclass(frozen=True)
class SwendsenWang:
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

    model: Ising
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)
        if self.model.coupling < 0:
            raise InputError(
                f"coupling is {self.model.coupling}; Swendsen-Wang needs K >= 0, because its "
                "clusters join parallel spins; use the update 'metropolis' for antiferromagnets"
            )

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        return initial_state(self.model, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, *shape) on the CPU, contiguous, +1 or -1.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model or is not on the CPU.
        """
        check_advance(self.model, state, first_sweep, sweeps)
        if state.device.type != "cpu":
            raise InputError(
                f"the state is on {state.device}; Swendsen-Wang runs on the CPU; "
                "move the state there or use the update 'metropolis'"
            )
        spins = state.numpy().reshape(len(state), -1, self.model.shape[-1])
        threshold = np.uint64(round(bond_probability(self.model.coupling) * 2**BOND_BITS))
        forward = forward_rows(self.model.shape)

        def work(group: slice) -> None:
            sweep_chains(
                spins[group],
                forward,
                threshold,
                group.start,
                first_sweep,
                sweeps,
                int(Stream.SWENDSEN_WANG),
                np.uint64(self.seed),
            )

        share_chains(len(state), self.workers, work)


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
