"""Ground states as laws of classical spins: listed amplitudes, or a Boltzmann machine."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.graphs.running import check_configurations
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.quantum.chains import QuantumChain
from rsmi.sampling.quantum.diagonalise import ground_state, hamiltonian, sector
from rsmi.sampling.random import fill_uint64

Spins = NDArray[np.int8]
Floats = NDArray[np.float64]


class Wave(ABC):
    """A positive wave function of a chain; configurations follow its square."""

    chain: QuantumChain

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of spins, as a shape."""
        return (self.chain.sites,)

    @abstractmethod
    def log_ratios(self, spins: Spins) -> Floats:
        """ln psi(s') - ln psi(s) of every move from configurations (n, sites), (n, moves)."""

    def energy(self, configurations: Tensor) -> Tensor:
        """Local energy sum over s' of H(s, s') psi(s') / psi(s), units of J, float64 (n,).

        Its mean over psi^2 is the energy of the state, its variance that of H; in an eigenstate
        every configuration has the same value.

        Args:
            configurations: int8 (n, sites), +1 or -1, in the sector of the state.

        Raises:
            InputError: the configurations do not fit the chain.
        """
        spins = check_configurations(configurations, self.shape, -1, 1)
        elements = self.chain.elements(spins)
        ratios = np.exp(np.where(elements != 0, self.log_ratios(spins), -np.inf))
        return torch.from_numpy(self.chain.diagonal(spins) + (elements * ratios).sum(axis=1))

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Sum of the spins in the chosen basis, int64 (n,).

        Raises:
            InputError: the configurations do not fit the chain.
        """
        self.check(configurations)
        return configurations.sum(1, dtype=torch.int64)

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the tensor is int8 (n, sites) on the CPU with values -1 to 1."""
        check_configurations(configurations, self.shape, -1, 1)

    def start(self, chains: int, seed: int) -> Tensor:
        """Hot and cold starts in turn, int8 (chains, sites).

        Raises:
            InputError: fewer than one chain.
        """
        if chains < 1:
            raise InputError(f"chains is {chains}; expected at least 1; give a positive number")
        sites = self.chain.sites
        words = np.empty((chains, sites + sites % 2), dtype=np.uint64)
        for number in range(chains):
            fill_uint64(words[number], 0, number, 0, int(GraphStream.INITIAL), np.uint64(seed))
        spins = self.chain.hot(words[:, :sites])
        spins[1::2] = self.chain.cold()
        return torch.from_numpy(np.ascontiguousarray(spins))


@dataclass(frozen=True, eq=False)
class ExactWave(Wave):
    """Amplitudes of every configuration of a short chain.

    Args:
        chain: at most 20 spins.
        amplitudes: psi > 0, float64 (dimension,), in the order of `sector`.

    Raises:
        InputError: another number of amplitudes.

    >>> from rsmi.sampling.quantum.chains import HeisenbergChain
    >>> wave = ExactWave.ground_state(HeisenbergChain(4))
    >>> wave.energy(torch.tensor([[1, 1, -1, -1]], dtype=torch.int8)).round(decimals=9)
    tensor([-2.], dtype=torch.float64)
    """

    chain: QuantumChain
    amplitudes: Floats

    def __post_init__(self) -> None:
        if self.amplitudes.shape != (len(self.configurations),):
            raise InputError(
                f"amplitudes have shape {self.amplitudes.shape}; expected one for each of the "
                f"{len(self.configurations)} configurations of the chain; use ground_state"
            )

    @classmethod
    def ground_state(cls, chain: QuantumChain) -> "ExactWave":
        """The ground state by exact diagonalisation.

        Raises:
            InputError: more than 20 spins.
        """
        return cls(chain, ground_state(chain)[1])

    @cached_property
    def configurations(self) -> Spins:
        """All configurations, (dimension, sites)."""
        return sector(self.chain)

    @cached_property
    def probabilities(self) -> Floats:
        """psi^2 of each configuration, (dimension,)."""
        return np.asarray(self.amplitudes**2 / (self.amplitudes**2).sum())

    @cached_property
    def _log_by_state(self) -> Floats:
        """ln psi by state index, (2**sites,)."""
        table = np.full(1 << self.chain.sites, -np.inf)
        with np.errstate(divide="ignore"):
            table[self._index(self.configurations)] = np.log(self.amplitudes)
        return table

    def moments(self) -> tuple[float, float]:
        """Mean and variance of H in the state, units of J and J^2."""
        image = hamiltonian(self.chain) @ self.amplitudes
        norm = float(self.amplitudes @ self.amplitudes)
        mean = float(self.amplitudes @ image) / norm
        rest = image - mean * self.amplitudes
        return mean, float(rest @ rest) / norm

    def log_ratios(self, spins: Spins) -> Floats:
        """ln psi(s') - ln psi(s) of every move from configurations (n, sites), (n, moves)."""
        moved = spins[:, None] * self.chain.moves()
        here = self._log_by_state[self._index(spins)]
        return np.asarray(self._log_by_state[self._index(moved)] - here[:, None])

    def _index(self, spins: Spins) -> NDArray[np.int64]:
        return (spins > 0) @ (1 << np.arange(self.chain.sites))


@dataclass(frozen=True, eq=False)
class RbmWave(Wave):
    r"""Restricted Boltzmann machine with real weights.

    .. math:: \ln \psi(s) = a \cdot s + \sum_j \ln \cosh(b_j + \sum_i W_{ji} s_i)

    Args:
        chain: the chain.
        visible_bias: a, float64 (sites,).
        hidden_bias: b, float64 (hidden,).
        weights: W, float64 (hidden, sites).

    Raises:
        InputError: sizes that do not belong together.

    Source: Carleo, Troyer (2017), Science 355, 602, arXiv:1606.02318.
    """

    chain: QuantumChain
    visible_bias: Floats
    hidden_bias: Floats
    weights: Floats

    def __post_init__(self) -> None:
        hidden = len(self.hidden_bias)
        expected = (self.chain.sites,), (hidden, self.chain.sites)
        if (self.visible_bias.shape, self.weights.shape) != expected:
            raise InputError(
                f"visible bias has shape {self.visible_bias.shape} and weights "
                f"{self.weights.shape}; expected {expected[0]} and {expected[1]}"
            )

    def log_amplitudes(self, spins: Spins) -> Floats:
        """ln psi of configurations (n, sites), (n,), up to a constant."""
        angles = self.hidden_bias + spins @ self.weights.T
        return np.asarray(spins @ self.visible_bias + _log_cosh(angles).sum(axis=1))

    def log_ratios(self, spins: Spins) -> Floats:
        """ln psi(s') - ln psi(s) of every move from configurations (n, sites), (n, moves)."""
        here = self.log_amplitudes(spins)
        moved = [self.log_amplitudes(spins * flips) - here for flips in self.chain.moves()]
        return np.stack(moved, axis=1)


def _log_cosh(x: Floats) -> Floats:
    """ln(2 cosh x) without overflow."""
    return np.logaddexp(x, -x)
