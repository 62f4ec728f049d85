"""Swendsen-Wang and Wolff updates of unfrustrated Ising models without a field."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.sampling.base import Address, ChainSampler, Spins
from rsmi.sampling.graphs.clusters import swendsen_wang_chains, wolff_chains
from rsmi.sampling.graphs.frustration import frustrated_edge
from rsmi.sampling.graphs.model import GraphIsing

Floats = NDArray[np.float64]


def edge_probabilities(coupling: float, strengths: Floats) -> Floats:
    """Probability to join the sites of a satisfied bond, p = 1 - exp(-2 K |b|).

    Source: Swendsen, Wang (1987), Phys. Rev. Lett. 58, 86.

    >>> edge_probabilities(0.0, np.array([1.0])).tolist()
    [0.0]
    """
    return -np.expm1(-2 * coupling * np.abs(strengths))


@dataclass(frozen=True)
class _GraphClusters(ChainSampler[GraphIsing]):
    """What the cluster updates of unfrustrated models have in common."""

    name: ClassVar[str]

    def _check_model(self) -> None:
        check_clusters(self.model, self.name)

    @cached_property
    def _bonds(self) -> tuple[Floats, Floats]:
        """Strength of every edge, and the probability to join its sites."""
        strengths = self.model.strengths
        return strengths, edge_probabilities(self.model.coupling, strengths)


@dataclass(frozen=True)
class GraphSwendsenWang(_GraphClusters):
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

    name: ClassVar[str] = "Swendsen-Wang"

    def _sweep(self, spins: Spins, address: Address) -> None:
        swendsen_wang_chains(spins, self.model.lattice.edges, *self._bonds, address)


@dataclass(frozen=True)
class GraphWolff(_GraphClusters):
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

    name: ClassVar[str] = "Wolff"

    def _sweep(self, spins: Spins, address: Address) -> None:
        wolff_chains(spins, self.model.neighbours, *self._bonds, address)


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
