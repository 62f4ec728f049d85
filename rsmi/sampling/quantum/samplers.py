"""Configurations of a wave function: independent ones from a table, a Markov chain otherwise."""

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.graphs.running import check_state
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.quantum.chains import QuantumChain
from rsmi.sampling.quantum.waves import ExactWave, RbmWave
from rsmi.sampling.random import fill_uint64, unit, word
from rsmi.sampling.threads import check_run, share_chains

Spins = NDArray[np.int8]
Floats = NDArray[np.float64]
Address = tuple[int, int, int, np.uint64]


@dataclass(frozen=True)
class BornSampler:
    """Independent draws from psi^2: every sweep replaces the whole configuration.

    Args:
        model: a short chain whose amplitudes are listed.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.

    >>> from rsmi.sampling.quantum.chains import TransverseIsingChain
    >>> sampler = BornSampler(ExactWave.ground_state(TransverseIsingChain(4, 1.0)), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=1)
    """

    model: ExactWave
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, sites): even chains hot, odd chains cold."""
        return initial_spins(self.model.chain, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Draw again in sweeps first_sweep, first_sweep + 1, ...; only the last one remains.

        Args:
            state: int8 (chains, sites) on the CPU, contiguous.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model.
        """
        spins = check_state(state, self.model.shape, (-1, 1), first_sweep, sweeps)
        if sweeps == 0:
            return
        bounds = np.cumsum(self.model.probabilities)
        last = first_sweep + sweeps - 1

        def work(group: slice) -> None:
            draws = _uniform(group.start, group.stop, last, np.uint64(self.seed))
            found = np.searchsorted(bounds, draws * bounds[-1], side="right")
            spins[group] = self.model.configurations[found]

        share_chains(len(spins), self.workers, work)


@dataclass(frozen=True)
class AmplitudeSampler:
    """Heat bath between a configuration and each of its moves in turn, weight psi^2.

    A sweep offers every move once; s' is taken with probability psi'^2 / (psi^2 + psi'^2).

    Args:
        model: a chain of any length with a Boltzmann machine as its wave function.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.
    """

    model: RbmWave
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, sites): even chains hot, odd chains cold."""
        return initial_spins(self.model.chain, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, sites) on the CPU, contiguous, in the sector of the ground state.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model or its sector.
        """
        model = self.model
        spins = check_state(state, model.shape, (-1, 1), first_sweep, sweeps)
        if not model.chain.allowed(spins).all():
            raise InputError(
                "the state leaves the sector of the ground state, which no move can mend; expected "
                "states like those of initial(); start from there"
            )
        moves = moved_sites(model.chain)
        # In the ferromagnetic configuration an exchange of neighbours changes nothing.
        level = np.ones((1, model.chain.sites), dtype=np.int8)
        conserve = bool((model.chain.elements(level) == 0).any())

        def work(group: slice) -> None:
            address = (group.start, first_sweep, sweeps, np.uint64(self.seed))
            machine = (model.visible_bias, model.hidden_bias, model.weights)
            _advance(spins[group], moves, conserve, machine, address)

        share_chains(len(spins), self.workers, work)


def initial_spins(chain: QuantumChain, chains: int, seed: int) -> Tensor:
    """Hot and cold starts in turn, int8 (chains, sites)."""
    if chains < 1:
        raise InputError(f"chains is {chains}; expected at least 1; give a positive number")
    padded = chain.sites + chain.sites % 2
    words = np.empty((chains, padded), dtype=np.uint64)
    for number in range(chains):
        fill_uint64(words[number], 0, number, 0, int(GraphStream.INITIAL), np.uint64(seed))
    spins = chain.hot(words[:, : chain.sites])
    spins[1::2] = chain.cold()
    return torch.from_numpy(np.ascontiguousarray(spins))


def moved_sites(chain: QuantumChain) -> NDArray[np.int64]:
    """The sites that each move flips, (moves, 1 or 2)."""
    flips = chain.moves() < 0
    return np.array([row.nonzero()[0] for row in flips], dtype=np.int64)


@njit(cache=True, nogil=True, forceinline=True)
def move_probability(log_ratio: float) -> float:
    """psi'^2 / (psi^2 + psi'^2) from ln(psi' / psi).

    >>> move_probability(0.0)
    0.5
    """
    return 1.0 / (1.0 + np.exp(-2.0 * log_ratio))


@njit(cache=True, nogil=True)
def _uniform(first: int, last: int, sweep: int, seed: np.uint64) -> Floats:
    out = np.empty(last - first)
    for chain in range(first, last):
        out[chain - first] = unit(word(0, chain, sweep, GraphStream.BORN, seed))
    return out


@njit(cache=True, nogil=True, forceinline=True)
def _log_cosh(x: float) -> float:
    """ln(2 cosh x) without overflow."""
    return np.abs(x) + np.log1p(np.exp(-2.0 * np.abs(x)))


@njit(cache=True, nogil=True)
def _advance(
    spins: Spins,
    moves: NDArray[np.int64],
    conserve: bool,
    machine: tuple[Floats, Floats, Floats],
    address: Address,
) -> None:
    """Sweeps of a group of chains; `conserve` leaves out moves that change the magnetisation."""
    first_chain, first_sweep, sweeps, seed = address
    visible, hidden, weights = machine
    count, width = moves.shape
    words = np.empty(count + count % 2, np.uint64)
    angles = np.empty(hidden.size)
    trial = np.empty(hidden.size)
    for chain in range(spins.shape[0]):
        state = spins[chain]
        for sweep in range(first_sweep, first_sweep + sweeps):
            fill_uint64(words, 0, first_chain + chain, sweep, GraphStream.AMPLITUDE_SITES, seed)
            for j in range(hidden.size):
                angles[j] = hidden[j]
                for site in range(state.size):
                    angles[j] += weights[j, site] * state[site]
            for move in range(count):
                if conserve and state[moves[move, 0]] == state[moves[move, 1]]:
                    continue
                log_ratio = 0.0
                for k in range(width):
                    log_ratio -= 2.0 * visible[moves[move, k]] * state[moves[move, k]]
                for j in range(hidden.size):
                    trial[j] = angles[j]
                    for k in range(width):
                        trial[j] -= 2.0 * weights[j, moves[move, k]] * state[moves[move, k]]
                    log_ratio += _log_cosh(trial[j]) - _log_cosh(angles[j])
                if unit(words[move]) < move_probability(log_ratio):
                    angles[:] = trial
                    for k in range(width):
                        state[moves[move, k]] = -state[moves[move, k]]
