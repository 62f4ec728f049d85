"""Parallel tempering: copies of a model on a ladder of temperatures exchange configurations."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.estimate import Estimate
from rsmi.sampling.graphs.heat_bath import (
    Graph,
    heat_bath_graph,
    heat_bath_sweep,
    up_table,
)
from rsmi.sampling.graphs.model import GraphIsing, spin_energy
from rsmi.sampling.graphs.running import check_state, starting_values
from rsmi.sampling.graphs.streams import GraphStream, unit, word
from rsmi.sampling.random import fill_uint64
from rsmi.sampling.threads import check_run, share_chains

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ladder:
    """One copy of an Ising model at each of several temperatures: a single larger model.

    Its weight is the product of exp(-E_r / T_r), so one ladder is one Markov chain. Copy r is
    `configurations[:, r]`.

    Args:
        model: Ising model on a graph; its own coupling is not used.
        temperatures: at least two, in units of J, increasing.

    Raises:
        InputError: fewer than two temperatures, or not positive and increasing.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> Ladder(GraphIsing(graph_lattice("square", (4, 4)), 1.0), (1.0, 2.0)).shape
    (2, 4, 4)
    """

    model: GraphIsing
    temperatures: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperatures", tuple(self.temperatures))
        steps = np.diff(np.array([0.0, *self.temperatures]))
        if len(self.temperatures) < 2 or not np.isfinite(steps).all() or not (steps > 0).all():
            raise InputError(
                f"temperatures are {list(self.temperatures)}; expected at least two positive "
                "numbers in increasing order; geometric_ladder makes them"
            )
        replace(self.model, coupling=1 / self.temperatures[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of temperatures, then the shape of the model."""
        return (len(self.temperatures), *self.model.shape)

    def energies(self, configurations: Tensor) -> Tensor:
        """Energy of every copy in units of J, (n, temperatures)."""
        copies = self._copies(configurations)
        return self.model.energy(copies).reshape(-1, len(self.temperatures))

    def magnetisations(self, configurations: Tensor) -> Tensor:
        """Magnetisation of every copy, int64 (n, temperatures)."""
        copies = self._copies(configurations)
        return self.model.magnetisation(copies).reshape(-1, len(self.temperatures))

    def energy(self, configurations: Tensor) -> Tensor:
        """Sum of the energies of all copies in units of J, (n,)."""
        return self.energies(configurations).sum(1)

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Sum of the magnetisations of all copies, int64 (n,)."""
        return self.magnetisations(configurations).sum(1)

    def _copies(self, configurations: Tensor) -> Tensor:
        if configurations.shape[1:] != self.shape:
            raise InputError(
                f"configurations have shape {tuple(configurations.shape)}; expected "
                f"(n, {', '.join(map(str, self.shape))}), one copy for each temperature"
            )
        return configurations.flatten(0, 1)


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
class ParallelTempering:
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
    >>> model = GraphIsing(graph_lattice("triangular", (4, 4)), 1.0, bonds=-1.0)
    >>> sampler = ParallelTempering(Ladder(model, (0.5, 1.0, 2.0)), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> report = sampler.exchange(state, first_sweep=0, sweeps=4)
    >>> report.attempts.tolist()
    [4, 4]
    """

    model: Ladder
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        model, rungs = self.model.model, len(self.model.temperatures)
        spins = 2 * starting_values(rungs * model.n_sites, chains, 2, 1, self.seed) - 1
        spins.view(chains, rungs, -1)[:, :, ~model.present] = 0
        return spins.reshape(chains, *self.model.shape)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every ladder through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, *shape) on the CPU, contiguous; 0 at empty sites.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model.
        """
        self.exchange(state, first_sweep, sweeps)

    def exchange(self, state: Tensor, first_sweep: int, sweeps: int) -> SwapReport:
        """The same as `advance`, and how many exchanges were accepted."""
        spins = check_state(state, self.model.shape, (-1, 1), first_sweep, sweeps)
        copies = spins.reshape(len(spins), len(self.model.temperatures), -1)
        model = self.model.model
        couplings = 1 / np.array(self.model.temperatures)
        tables = np.array([up_table(model, coupling) for coupling in couplings])
        accepted = np.zeros((len(spins), len(couplings) - 1), dtype=np.int64)

        def work(group: slice) -> None:
            address = (group.start, first_sweep, sweeps, np.uint64(self.seed))
            graph = heat_bath_graph(model)
            edges = model.lattice.edges
            _temper(
                copies[group],
                graph,
                edges,
                model.strengths,
                couplings,
                tables,
                address,
                accepted[group],
            )

        share_chains(len(spins), self.workers, work)
        pairs = range(len(couplings) - 1)
        turns = np.array([_turns(first_sweep, sweeps, pair % 2) for pair in pairs])
        return SwapReport(self.model.temperatures, turns * len(spins), accepted.sum(axis=0))


def geometric_ladder(lowest: float, highest: float, count: int) -> tuple[float, ...]:
    """Temperatures in geometric progression, a ladder of even acceptance at constant heat capacity.

    Args:
        lowest, highest: first and last temperature, units of J.
        count: how many, at least 2.

    Raises:
        InputError: not 0 < lowest < highest, or fewer than 2.

    >>> geometric_ladder(0.5, 2.0, 3)
    (0.5, 1.0, 2.0)
    """
    if not 0 < lowest < highest < math.inf or count < 2:
        raise InputError(
            f"a ladder of {count} temperatures from {lowest} to {highest} was asked for; expected "
            "at least 2 and 0 < lowest < highest"
        )
    return tuple(float(t) for t in np.geomspace(lowest, highest, count))


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
    address: tuple[int, int, int, np.uint64],
    accepted: Counts,
) -> None:
    """Sweeps and exchanges of a group of ladders (chains, copies, n_sites), in place."""
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
                    accepted[chain, r] += 1
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
