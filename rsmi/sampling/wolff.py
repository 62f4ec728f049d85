"""Wolff single-cluster updates of many independent chains."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling.ising import Ising
from rsmi.sampling.random import Stream
from rsmi.sampling.start import check_advance, initial_state
from rsmi.sampling.swendsen_wang import bond_probability
from rsmi.sampling.threads import check_run, share_chains
from rsmi.sampling.wolff_kernel import CHANCE_BITS, flip_clusters


@dataclass(frozen=True)
class Wolff:
    """Wolff update: grow a cluster of bonded parallel spins from a random site and flip it.

    One sweep is one cluster, of <M^2> / n sites on average, not a visit of all n sites as in the
    other updates.

    Args:
        model: ferromagnetic Ising model on a torus of any dimension.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: negative coupling, a bad seed, or fewer than one worker.

    Source: Wolff (1989), Phys. Rev. Lett. 62, 361.

    >>> sampler = Wolff(Ising((4, 4), 0.4), seed=1)
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
                f"coupling is {self.model.coupling}; Wolff needs K >= 0, because its cluster "
                "joins parallel spins; use the update 'metropolis' for antiferromagnets"
            )

    @cached_property
    def _neighbours(self) -> NDArray[np.uint32]:
        return Hypercubic(self.model.shape).neighbours().astype(np.uint32)

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        return initial_state(self.model, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Flip one cluster of every chain in sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, *shape) on the CPU, contiguous, +1 or -1.
            first_sweep: absolute number of the first sweep.
            sweeps: how many clusters.

        Raises:
            InputError: the state does not fit the model or is not on the CPU.
        """
        check_advance(self.model, state, first_sweep, sweeps)
        if state.device.type != "cpu":
            raise InputError(
                f"the state is on {state.device}; Wolff runs on the CPU; move the state there or "
                "use the update 'metropolis' or 'swendsen_wang'"
            )
        spins = state.numpy().reshape(len(state), -1)
        threshold = np.uint64(round(bond_probability(self.model.coupling) * 2**CHANCE_BITS))
        stream, seed = int(Stream.WOLFF), np.uint64(self.seed)

        def work(chains: slice) -> None:
            part, first = spins[chains], chains.start
            args = (first, first_sweep, sweeps, stream, seed)
            flip_clusters(part, self._neighbours, self.model.shape, threshold, *args)

        share_chains(len(state), self.workers, work)
