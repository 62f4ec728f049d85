"""Cluster updates of the ferromagnetic Potts model and of the signs of Blume-Capel spins."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling.graphs.cluster_updates import edge_probabilities
from rsmi.sampling.graphs.clusters import swendsen_wang_chains as sign_clusters
from rsmi.sampling.graphs.running import check_state
from rsmi.sampling.potts.blume_capel import BlumeCapel
from rsmi.sampling.potts.clusters import swendsen_wang_chains, wolff_chains
from rsmi.sampling.potts.heat_bath import (
    advance_blume_capel,
    blume_capel_bounds,
    initial_spins,
    initial_states,
)
from rsmi.sampling.potts.model import Potts, forward_bonds
from rsmi.sampling.threads import check_run, share_chains


def bond_probability(coupling: float) -> float:
    """Probability to join two neighbours in the same state, p = 1 - exp(-K).

    Source: Swendsen, Wang (1987), Phys. Rev. Lett. 58, 86.

    >>> bond_probability(0.0)
    0.0
    """
    return -math.expm1(-coupling)


@dataclass(frozen=True)
class PottsSwendsenWang:
    """Swendsen-Wang: join equal neighbours at random, give every cluster a random state.

    Args:
        model: ferromagnetic Potts model.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a negative coupling, a bad seed, or fewer than one worker.

    >>> sampler = PottsSwendsenWang(Potts((4, 4), 3, 1.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    model: Potts
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)
        _check_ferromagnet(self.model, "Swendsen-Wang")

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        return initial_states(self.model, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, *shape) on the CPU, contiguous, 0 ... q - 1.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model.
        """
        model = self.model
        spins = check_state(state, model.shape, (0, model.states - 1), first_sweep, sweeps)
        edges = forward_bonds(model.shape)
        probability = bond_probability(model.coupling)

        def work(group: slice) -> None:
            address = (group.start, first_sweep, sweeps, np.uint64(self.seed))
            swendsen_wang_chains(spins[group], edges, probability, model.states, address)

        share_chains(len(spins), self.workers, work)


@dataclass(frozen=True)
class PottsWolff:
    """Wolff: grow one cluster of equal states from a random site, give it another state.

    One sweep is one cluster.

    Args:
        model: ferromagnetic Potts model.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a negative coupling, a bad seed, or fewer than one worker.

    Source: Wolff (1989), Phys. Rev. Lett. 62, 361.

    >>> sampler = PottsWolff(Potts((4, 4), 3, 1.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    model: Potts
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)
        _check_ferromagnet(self.model, "Wolff")

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        return initial_states(self.model, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Change clusters number first_sweep, first_sweep + 1, ... of every chain, in place.

        Args:
            state: int8 (chains, *shape) on the CPU, contiguous, 0 ... q - 1.
            first_sweep: absolute number of the first cluster.
            sweeps: how many clusters.

        Raises:
            InputError: the state does not fit the model.
        """
        model = self.model
        spins = check_state(state, model.shape, (0, model.states - 1), first_sweep, sweeps)
        neighbours = Hypercubic(model.shape).neighbours()
        probability = bond_probability(model.coupling)

        def work(group: slice) -> None:
            address = (group.start, first_sweep, sweeps, np.uint64(self.seed))
            wolff_chains(spins[group], neighbours, probability, model.states, address)

        share_chains(len(spins), self.workers, work)


@dataclass(frozen=True)
class BlumeCapelClusters:
    """A heat-bath sweep of all spins, then Swendsen-Wang clusters of those that are not 0.

    The clusters change signs only, so the heat bath is needed to create and remove zeros.

    Args:
        model: Blume-Capel model.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.

    Source: Bouabci, Carneiro (1996), Phys. Rev. B 54, 359.

    >>> sampler = BlumeCapelClusters(BlumeCapel((4, 4), 1.0, 1.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    model: BlumeCapel
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        return initial_spins(self.model, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, *shape) on the CPU, contiguous, -1, 0 or +1.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model.
        """
        spins = check_state(state, self.model.shape, (-1, 1), first_sweep, sweeps)
        neighbours = Hypercubic(self.model.shape).neighbours()
        bounds = blume_capel_bounds(self.model)
        edges = forward_bonds(self.model.shape)
        strengths = np.ones(len(edges))
        probability = edge_probabilities(self.model.coupling, strengths)

        def work(group: slice) -> None:
            for sweep in range(first_sweep, first_sweep + sweeps):
                address = (group.start, sweep, 1, np.uint64(self.seed))
                advance_blume_capel(spins[group], neighbours, bounds, address)
                sign_clusters(spins[group], edges, strengths, probability, address)

        share_chains(len(spins), self.workers, work)


def _check_ferromagnet(model: Potts, update: str) -> None:
    if model.coupling < 0:
        raise InputError(
            f"coupling is {model.coupling}; {update} needs K >= 0, because its clusters join equal "
            "states; use the update 'heat_bath' for antiferromagnets"
        )
