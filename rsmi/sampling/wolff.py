"""Wolff single-cluster updates of many independent chains."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rsmi.lattice import Hypercubic
from rsmi.sampling.base import Address, ChainSampler, Spins
from rsmi.sampling.ising import Ising
from rsmi.sampling.random import Stream
from rsmi.sampling.swendsen_wang import bond_probability, check_ferromagnet
from rsmi.sampling.wolff_kernel import CHANCE_BITS, flip_clusters


@dataclass(frozen=True)
class Wolff(ChainSampler[Ising]):
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

    def _check_model(self) -> None:
        check_ferromagnet(self.model.coupling, "Wolff")

    @cached_property
    def _tables(self) -> tuple[NDArray[np.uint32], tuple[int, ...], np.uint64]:
        neighbours = Hypercubic(self.model.shape).neighbours().astype(np.uint32)
        threshold = np.uint64(round(bond_probability(self.model.coupling) * 2**CHANCE_BITS))
        return neighbours, self.model.shape, threshold

    def _sweep(self, spins: Spins, address: Address) -> None:
        chain, sweep, sweeps, seed = address
        flip_clusters(spins, *self._tables, chain, sweep, sweeps, int(Stream.WOLFF), seed)
