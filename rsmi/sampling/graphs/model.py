"""The Ising model on any graph, with a bond of its own for every edge and a field at every site."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.lattice.graphs import GraphLattice
from rsmi.sampling.graphs.running import check_configurations, starting_values
from rsmi.sampling.torus import AtCoupling

Floats = NDArray[np.float64]
Sites = NDArray[np.int64]
Bools = NDArray[np.bool_]

_EXACT = 2.0**53


@dataclass(frozen=True, eq=False)
class GraphIsing(AtCoupling):
    r"""Ising model on a graph at coupling K = J / T, with the Boltzmann weight exp(-K E).

    .. math:: E = - \sum_e b_e s_{e_1} s_{e_2} - \sum_i h_i s_i

    E, b and h are in units of J. An empty site holds 0 and takes no part.

    Args:
        lattice: the graph.
        coupling: K = J / T >= 0, without unit.
        bonds: b, one number for all edges or float64 (n_edges,); negative is antiferromagnetic.
        field: h, one number for all sites or float64 (n_sites,).
        occupied: bool (n_sites,), False at the empty sites of a diluted magnet; None for all True.

    Raises:
        InputError: wrong sizes, numbers that are not finite, K < 0, or K E that overflows.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> model = GraphIsing(graph_lattice("triangular", (4, 4)), 0.2, bonds=-1.0)
    >>> model.energy(torch.ones(1, 4, 4, dtype=torch.int8))
    tensor([48])
    """

    lattice: GraphLattice
    coupling: float
    bonds: float | Floats = 1.0
    field: float | Floats = 0.0
    occupied: Bools | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.coupling) or self.coupling < 0:
            raise InputError(
                f"coupling is {self.coupling}; expected a finite number K = J / T of at least 0; "
                "make bonds negative for an antiferromagnet"
            )
        total = float(np.abs(self.strengths).sum() + np.abs(self.fields).sum())
        if not math.isfinite(2 * self.coupling * total):
            raise InputError(
                f"coupling {self.coupling:g} times the largest energy {total:g} overflows; "
                "expected bonds, field and coupling whose product is finite; give them in units of "
                "a typical bond"
            )
        if self.occupied is not None and self.present.shape != (self.lattice.n_sites,):
            raise InputError(
                f"occupied has shape {self.present.shape}; expected one True or False for each of "
                f"the {self.lattice.n_sites} sites"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a configuration, that of the lattice."""
        return self.lattice.shape

    @property
    def n_sites(self) -> int:
        """Number of sites, empty ones included."""
        return self.lattice.n_sites

    @cached_property
    def strengths(self) -> Floats:
        """b of every edge, (n_edges,)."""
        return _spread("bonds", self.bonds, self.lattice.n_edges, "edge")

    @cached_property
    def fields(self) -> Floats:
        """h of every site, (n_sites,)."""
        return _spread("field", self.field, self.lattice.n_sites, "site")

    @cached_property
    def present(self) -> Bools:
        """Which sites hold a spin, (n_sites,)."""
        if self.occupied is None:
            return np.ones(self.lattice.n_sites, dtype=np.bool_)
        return np.array(self.occupied, dtype=np.bool_)

    @cached_property
    def neighbours(self) -> tuple[Sites, Sites, Sites]:
        """Compressed rows of the graph: for each site its edges and the sites at their other ends.

        Returns:
            start (n_sites + 1,), other (2 n_edges,), edge (2 n_edges,), all int64.
        """
        edges = self.lattice.edges
        ends = np.concatenate([edges[:, 0], edges[:, 1]])
        order = np.argsort(ends, kind="stable")
        other = np.concatenate([edges[:, 1], edges[:, 0]])[order]
        edge = np.tile(np.arange(len(edges), dtype=np.int64), 2)[order]
        start = np.concatenate([[0], np.cumsum(self.lattice.degrees())]).astype(np.int64)
        return start, other, edge

    @cached_property
    def whole_numbers(self) -> bool:
        """Whether all energies are integers."""
        numbers = np.concatenate([self.strengths, self.fields])
        return bool((numbers == np.rint(numbers)).all() and np.abs(numbers).sum() < _EXACT)

    def energy(self, configurations: Tensor) -> Tensor:
        """Total energy in units of J.

        Args:
            configurations: int8 (n, *shape), +1 or -1, and 0 at empty sites.

        Returns:
            (n,), int64 where every bond and field is a whole number and float64 otherwise.

        Raises:
            InputError: the configurations do not fit the model.
        """
        spins = check_configurations(configurations, self.shape, -1, 1)
        out = np.empty(len(spins))
        _energies(np.ascontiguousarray(spins), self.lattice.edges, self.strengths, self.fields, out)
        found = torch.from_numpy(out)
        return found.to(torch.int64) if self.whole_numbers else found

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Total magnetisation, M = sum of s, int64 (n,).

        Raises:
            InputError: the configurations do not fit the model.
        """
        self.check(configurations)
        return configurations.flatten(1).sum(1, dtype=torch.int64)

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the tensor is int8 (n, *shape) on the CPU with values -1 to 1."""
        check_configurations(configurations, self.shape, -1, 1)

    def start(self, chains: int, seed: int) -> Tensor:
        """Hot and cold starts in turn, 0 at empty sites, int8 (chains, *shape).

        Raises:
            InputError: fewer than one chain.
        """
        spins = 2 * starting_values(self.n_sites, chains, 2, 1, seed) - 1
        spins[:, ~self.present] = 0
        return spins.reshape(chains, *self.shape)


@njit(cache=True, nogil=True)
def spin_energy(spins: NDArray[np.int8], edges: Sites, strengths: Floats, fields: Floats) -> float:
    """E of one configuration (n_sites,), added up in the order of edges and then of sites."""
    total = 0.0
    for e in range(edges.shape[0]):
        total -= strengths[e] * spins[edges[e, 0]] * spins[edges[e, 1]]
    for site in range(spins.size):
        total -= fields[site] * spins[site]
    return total


@njit(cache=True, nogil=True)
def _energies(
    spins: NDArray[np.int8], edges: Sites, strengths: Floats, fields: Floats, out: Floats
) -> None:
    for row in range(spins.shape[0]):
        out[row] = spin_energy(spins[row], edges, strengths, fields)


def _spread(name: str, value: float | Floats, size: int, each: str) -> Floats:
    """One number for each edge or site, checked."""
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.ndim and numbers.shape != (size,):
        raise InputError(
            f"{name} has shape {numbers.shape}; expected one number, or one for each {each}: "
            f"({size},)"
        )
    if not np.isfinite(numbers).all():
        bad = int((~np.isfinite(numbers)).sum())
        raise InputError(
            f"{name} holds {bad} value(s) that are not finite; expected finite numbers in units "
            "of J; replace NaN and inf"
        )
    return np.ascontiguousarray(np.broadcast_to(numbers, (size,)))
