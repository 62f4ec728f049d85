"""Heat bath on any graph: each spin in turn is drawn from its law given its neighbours."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.base import Address, ChainSampler, Spins
from rsmi.sampling.graphs.model import GraphIsing
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.random import fill_uint64, unit

Sites = NDArray[np.int64]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Graph = tuple[Sites, Sites, Floats, Floats]

LARGEST_TABLE = 64


@njit(cache=True, nogil=True, forceinline=True)
def up_probability(coupling: float, field: float) -> float:
    """Probability of s = +1 in a local field h, 1 / (1 + exp(-2 K h)).

    Source: Glauber (1963), J. Math. Phys. 4, 294.

    >>> up_probability(0.3, 0.0)
    0.5
    """
    return 1.0 / (1.0 + np.exp(-2.0 * coupling * field))


@dataclass(frozen=True)
class GraphHeatBath(ChainSampler[GraphIsing]):
    """Heat bath, one sweep visits the sites in the order of their numbers.

    Works for every model: frustrated, random, diluted, in a field.

    Args:
        model: Ising model on a graph.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> sampler = GraphHeatBath(GraphIsing(graph_lattice("kagome", (3, 3)), 0.4), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    @cached_property
    def _tables(self) -> tuple[Graph, float, Floats]:
        coupling = self.model.coupling
        return heat_bath_graph(self.model), coupling, up_table(self.model, coupling)

    def _sweep(self, spins: Spins, address: Address) -> None:
        _advance(spins, *self._tables, address)


def heat_bath_graph(model: GraphIsing) -> Graph:
    """Compressed rows with the bond of every entry, and the fields."""
    start, other, edge = model.neighbours
    return start, other, model.strengths[edge], model.fields


def up_table(model: GraphIsing, coupling: float) -> Floats:
    """Probability of s = +1 at local fields -top ... top where they are whole numbers.

    Returns:
        float64 (2 top + 1,); empty where fields are not whole numbers or there are too many.
    """
    start, _, edge = model.neighbours
    sums = np.concatenate([[0.0], np.cumsum(np.abs(model.strengths[edge]))])
    most = sums[start[1:]] - sums[start[:-1]] + np.abs(model.fields)
    top = most.max(initial=0.0)
    if not model.whole_numbers or top > LARGEST_TABLE:
        return np.empty(0)
    return np.array([up_probability(coupling, field) for field in np.arange(-top, top + 1)])


@njit(cache=True, nogil=True)
def heat_bath_sweep(
    spins: Spins, graph: Graph, coupling: float, table: Floats, words: Words
) -> None:
    """One sweep of one configuration (n_sites,) with a random word for each site."""
    start, other, strength, fields = graph
    top = table.size // 2
    for site in range(spins.size):
        field = fields[site]
        for k in range(start[site], start[site + 1]):
            field += strength[k] * spins[other[k]]
        chance = table[np.int64(field) + top] if table.size else up_probability(coupling, field)
        up = np.int8(unit(words[site]) < chance)
        spins[site] = np.int8(spins[site] != 0) * (np.int8(2) * up - np.int8(1))


@njit(cache=True, nogil=True)
def _advance(
    spins: Spins,
    graph: Graph,
    coupling: float,
    table: Floats,
    address: Address,
) -> None:
    first_chain, first_sweep, sweeps, seed = address
    sites = spins.shape[1]
    words = np.empty(sites + sites % 2, np.uint64)
    for chain in range(spins.shape[0]):
        for sweep in range(first_sweep, first_sweep + sweeps):
            fill_uint64(words, 0, first_chain + chain, sweep, GraphStream.HEAT_BATH, seed)
            heat_bath_sweep(spins[chain], graph, coupling, table, words)
