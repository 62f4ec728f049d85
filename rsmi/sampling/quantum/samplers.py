"""Configurations of a wave function: independent ones from a table, a Markov chain otherwise."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.sampling.base import Address, ChainSampler, Spins
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.quantum.waves import ExactWave, RbmWave
from rsmi.sampling.random import fill_uint64, unit, word

Sites = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BornSampler(ChainSampler[ExactWave]):
    """Independent draws from psi^2: every sweep replaces the whole configuration.

    Only the last of several sweeps is drawn.

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

    @cached_property
    def _bounds(self) -> Floats:
        return np.cumsum(self.model.probabilities)

    def _sweep(self, spins: Spins, address: Address) -> None:
        first_chain, first_sweep, sweeps, seed = address
        if sweeps == 0:
            return
        draws = _uniform(first_chain, first_chain + len(spins), first_sweep + sweeps - 1, seed)
        found = np.searchsorted(self._bounds, draws * self._bounds[-1], side="right")
        spins[:] = self.model.configurations[found]


@dataclass(frozen=True)
class AmplitudeSampler(ChainSampler[RbmWave]):
    """Heat bath between a configuration and each of its moves in turn, weight psi^2.

    A sweep offers every move once; s' is taken with probability psi'^2 / (psi^2 + psi'^2).

    Args:
        model: a chain of any length with a Boltzmann machine as its wave function; `advance`
            takes states in the sector of the ground state only.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.
    """

    @cached_property
    def _moves(self) -> tuple[Sites, bool]:
        """The sites that each move flips, (moves, 1 or 2), and whether M is conserved."""
        chain = self.model.chain
        flips = chain.moves() < 0
        # In the ferromagnetic configuration an exchange of neighbours changes nothing.
        level = np.ones((1, chain.sites), dtype=np.int8)
        conserve = bool((chain.elements(level) == 0).any())
        return np.array([row.nonzero()[0] for row in flips], dtype=np.int64), conserve

    def _check(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        super()._check(state, first_sweep, sweeps)
        if not self.model.chain.allowed(state.numpy()).all():
            raise InputError(
                "the state leaves the sector of the ground state, which no move can mend; expected "
                "states like those of initial(); start from there"
            )

    def _sweep(self, spins: Spins, address: Address) -> None:
        model = self.model
        machine = (model.visible_bias, model.hidden_bias, model.weights)
        _advance(spins, *self._moves, machine, address)


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
    moves: Sites,
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
