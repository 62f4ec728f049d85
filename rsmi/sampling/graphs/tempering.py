"""Parallel tempering: copies of a model on a ladder of temperatures exchange configurations."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.information.number import Estimate
from rsmi.sampling.base import Address, ChainSampler, Spins
from rsmi.sampling.graphs.heat_bath import (
    Graph,
    heat_bath_graph,
    heat_bath_sweep,
    up_table,
)
from rsmi.sampling.graphs.ladder import Ladder
from rsmi.sampling.graphs.model import spin_energy
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.random import fill_uint64, unit, word

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class SwapReport:
    """How often neighbouring temperatures exchanged their configurations.

    Args:
        temperatures: the ladder, (r,).
        attempts, accepted: exchanges of temperatures i and i + 1, (r - 1,) each.
    """

    temperatures: tuple[float, ...]
    attempts: Counts
    accepted: Counts

    @property
    def acceptance(self) -> list[Estimate]:
        """Acceptance rate of each exchange; the error takes attempts as independent."""
        pairs = zip(self.accepted.tolist(), self.attempts.tolist(), strict=True)
        return [_rate(accepted, attempts) for accepted, attempts in pairs]

    def __str__(self) -> str:
        steps = zip(self.temperatures, self.temperatures[1:], self.acceptance, strict=False)
        return ", ".join(f"{low:.4g}-{high:.4g}: {rate.value:.2f}" for low, high, rate in steps)


@dataclass(frozen=True)
class ParallelTempering(ChainSampler[Ladder]):
    """A heat-bath sweep of every copy, then exchanges of every second pair of neighbours.

    Copies at T_i and T_j are exchanged with probability min(1, exp((1/T_i - 1/T_j)(E_i - E_j)));
    even and odd pairs take turns.

    Args:
        model: the ladder.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains (ladders); the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.

    Source: Hukushima, Nemoto (1996), J. Phys. Soc. Jpn. 65, 1604, cond-mat/9512035.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> from rsmi.sampling.graphs import GraphIsing
    >>> model = GraphIsing(graph_lattice("triangular", (4, 4)), 1.0, bonds=-1.0)
    >>> sampler = ParallelTempering(Ladder(model, (0.5, 1.0, 2.0)), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> report = sampler.exchange(state, first_sweep=0, sweeps=4)
    >>> report.attempts.tolist()
    [4, 4]
    """

    def exchange(self, state: Tensor, first_sweep: int, sweeps: int) -> SwapReport:
        """The same as `advance`, and how many exchanges were accepted."""
        self._check(state, first_sweep, sweeps)
        accepted = np.sum(self._shared(state, first_sweep, sweeps), axis=0)
        turns = [_turns(first_sweep, sweeps, pair % 2) for pair in range(len(accepted))]
        return SwapReport(self.model.temperatures, np.array(turns) * len(state), accepted)

    @cached_property
    def _tables(self) -> tuple[Graph, NDArray[np.int64], Floats, Floats, Floats]:
        model, couplings = self.model.model, 1 / np.array(self.model.temperatures)
        tables = np.array([up_table(model, coupling) for coupling in couplings])
        return heat_bath_graph(model), model.lattice.edges, model.strengths, couplings, tables

    def _sweep(self, spins: Spins, address: Address) -> Counts:
        copies = spins.reshape(len(spins), len(self.model.temperatures), -1)
        accepted = np.zeros(len(self.model.temperatures) - 1, dtype=np.int64)
        _temper(copies, *self._tables, address, accepted)
        return accepted


@njit(cache=True, nogil=True, forceinline=True)
def swap_probability(difference: float, energy_gap: float) -> float:
    """min(1, exp((1/T_i - 1/T_j)(E_i - E_j))) from the two differences.

    >>> swap_probability(0.5, 0.0)
    1.0
    """
    return np.exp(min(0.0, difference * energy_gap))


@njit(cache=True, nogil=True)
def _temper(
    copies: NDArray[np.int8],
    graph: Graph,
    edges: NDArray[np.int64],
    strengths: Floats,
    couplings: Floats,
    tables: Floats,
    address: Address,
    accepted: Counts,
) -> None:
    """Sweeps and exchanges of a group of ladders (chains, copies, n_sites), in place.

    Args:
        copies: int8 (chains, copies, n_sites).
        graph, edges, strengths: the model.
        couplings, tables: K and the probabilities of `up_table` of every copy.
        address: first chain, first sweep, sweeps, seed.
        accepted: int64 (copies - 1,), exchanges of copies r and r + 1 are added to it.
    """
    first_chain, first_sweep, sweeps, seed = address
    rungs, sites = copies.shape[1], copies.shape[2]
    padded = sites + sites % 2
    words = np.empty(padded, np.uint64)
    energies = np.empty(rungs)
    for chain in range(copies.shape[0]):
        number = first_chain + chain
        for sweep in range(first_sweep, first_sweep + sweeps):
            for r in range(rungs):
                stream = GraphStream.TEMPERING_SITES
                fill_uint64(words, r * padded, number, sweep, stream, seed)
                spins = copies[chain, r]
                heat_bath_sweep(spins, graph, couplings[r], tables[r], words)
                energies[r] = spin_energy(spins, edges, strengths, graph[3])
            for r in range(sweep % 2, rungs - 1, 2):
                chance = swap_probability(
                    couplings[r] - couplings[r + 1], energies[r] - energies[r + 1]
                )
                if unit(word(r, number, sweep, GraphStream.TEMPERING_SWAPS, seed)) < chance:
                    accepted[r] += 1
                    for site in range(sites):
                        lower = copies[chain, r, site]
                        copies[chain, r, site] = copies[chain, r + 1, site]
                        copies[chain, r + 1, site] = lower


def _turns(first_sweep: int, sweeps: int, parity: int) -> int:
    """How many of the sweeps first_sweep ... first_sweep + sweeps - 1 have this parity."""
    return (first_sweep + sweeps + 1 - parity) // 2 - (first_sweep + 1 - parity) // 2


def _rate(accepted: int, attempts: int) -> Estimate:
    if attempts == 0:
        return Estimate(math.nan, math.nan, "estimate", "1", 0)
    value = accepted / attempts
    return Estimate(value, math.sqrt(value * (1 - value) / attempts), "estimate", "1", attempts)
