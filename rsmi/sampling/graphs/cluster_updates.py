"""Swendsen-Wang and Wolff updates of unfrustrated Ising models without a field."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.graphs.clusters import swendsen_wang_chains, wolff_chains
from rsmi.sampling.graphs.frustration import frustrated_edge
from rsmi.sampling.graphs.heat_bath import initial_spins
from rsmi.sampling.graphs.model import GraphIsing
from rsmi.sampling.graphs.running import check_state
from rsmi.sampling.threads import check_run, share_chains


def edge_probabilities(coupling: float, strengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability to join the sites of a satisfied bond, p = 1 - exp(-2 K |b|).

    Source: Swendsen, Wang (1987), Phys. Rev. Lett. 58, 86.

    >>> edge_probabilities(0.0, np.array([1.0])).tolist()
    [0.0]
    """
    return -np.expm1(-2 * coupling * np.abs(strengths))


@dataclass(frozen=True)
class GraphSwendsenWang:
    """Swendsen-Wang: join satisfied bonds at random, flip every cluster by a fair coin.

    Bonds may have both signs as long as all can be satisfied at once (an antiferromagnet on a
    bipartite lattice, a Mattis model).

    Args:
        model: unfrustrated Ising model on a graph without a field.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a field, frustrated bonds, a bad seed, or fewer than one worker.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> sampler = GraphSwendsenWang(GraphIsing(graph_lattice("honeycomb", (3, 3)), 0.6), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    model: GraphIsing
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)
        check_clusters(self.model, "Swendsen-Wang")

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        return initial_spins(self.model, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, *shape) on the CPU, contiguous; 0 at empty sites.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model.
        """
        spins = check_state(state, self.model.shape, (-1, 1), first_sweep, sweeps)
        strengths = self.model.strengths
        probability = edge_probabilities(self.model.coupling, strengths)

        def work(group: slice) -> None:
            address = (group.start, first_sweep, sweeps, np.uint64(self.seed))
            edges = self.model.lattice.edges
            swendsen_wang_chains(spins[group], edges, strengths, probability, address)

        share_chains(len(spins), self.workers, work)


@dataclass(frozen=True)
class GraphWolff:
    """Wolff: grow one cluster of satisfied bonds from a random site and flip it; that is a sweep.

    Args:
        model: unfrustrated Ising model on a graph without a field.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a field, frustrated bonds, a bad seed, or fewer than one worker.

    Source: Wolff (1989), Phys. Rev. Lett. 62, 361.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> sampler = GraphWolff(GraphIsing(graph_lattice("triangular", (4, 4)), 0.27), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    model: GraphIsing
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)
        check_clusters(self.model, "Wolff")

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        return initial_spins(self.model, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Flip clusters number first_sweep, first_sweep + 1, ... of every chain, in place.

        Args:
            state: int8 (chains, *shape) on the CPU, contiguous; 0 at empty sites.
            first_sweep: absolute number of the first cluster.
            sweeps: how many clusters.

        Raises:
            InputError: the state does not fit the model.
        """
        spins = check_state(state, self.model.shape, (-1, 1), first_sweep, sweeps)
        strengths = self.model.strengths
        probability = edge_probabilities(self.model.coupling, strengths)

        def work(group: slice) -> None:
            address = (group.start, first_sweep, sweeps, np.uint64(self.seed))
            wolff_chains(spins[group], self.model.neighbours, strengths, probability, address)

        share_chains(len(spins), self.workers, work)


def check_clusters(model: GraphIsing, update: str) -> None:
    """Raise InputError where clusters of satisfied bonds are no help.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> check_clusters(GraphIsing(graph_lattice("kagome", (3, 3)), 0.4), "Wolff")
    """
    if (model.fields[model.present] != 0).any():
        raise InputError(
            f"the model has a field; {update} needs field 0, because a cluster is flipped without "
            "regard to the energy of its spins in the field; use the update 'heat_bath'"
        )
    edge = frustrated_edge(model)
    if edge is not None:
        a, b = model.lattice.edges[edge]
        raise InputError(
            f"the bonds are frustrated (edge {edge} between sites {a} and {b} closes a loop whose "
            f"bonds cannot all be satisfied); {update} needs bonds without frustration, because "
            "otherwise its clusters span the lattice above the ordering temperature and are not "
            "the correlated regions; use the update 'parallel_tempering', or 'heat_bath' at high "
            "temperature"
        )
