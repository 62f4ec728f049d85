"""The Potts model on the periodic hypercubic lattice."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling.graphs.running import check_configurations, starting_values
from rsmi.sampling.pair import PairInteraction
from rsmi.sampling.torus import OnTorus, check_shape

MOST_STATES = 127
LARGEST_EXPONENT = 600.0


@dataclass(frozen=True)
class Potts(OnTorus):
    r"""Potts model at coupling K = J / T on a torus; a site holds one of the values 0 ... q - 1.

    .. math:: E = -J \sum_{\langle ij \rangle} \delta(s_i, s_j)

    As in the Ising model, an axis of length 2 carries two bonds between the same two sites. For
    q = 2 this is the Ising model at half of its coupling: K_Potts = 2 K_Ising.

    Args:
        shape: sites along each axis, at least 2 each.
        states: q, from 2 to 127.
        coupling: K = J / T, without unit; negative for antiferromagnets.

    Raises:
        InputError: an axis shorter than 2, q < 2, or a coupling that is not finite or overflows.

    >>> Potts((4, 4), 3, 1.0).energy(torch.zeros(1, 4, 4, dtype=torch.int8))
    tensor([-32])
    """

    shape: tuple[int, ...]
    states: int
    coupling: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        check_shape(self.shape)
        if type(self.states) is not int or not 2 <= self.states <= MOST_STATES:
            raise InputError(
                f"states is {self.states}; expected a whole number q from 2 to {MOST_STATES}; "
                "q = 2 is the Ising model"
            )
        limit = LARGEST_EXPONENT / (2 * len(self.shape))
        if not abs(self.coupling) <= limit:
            raise InputError(
                f"coupling is {self.coupling}; expected a finite number K = J / T of at most "
                f"{limit:g} in size, since exp(K n) overflows beyond; the square lattice is "
                "critical at ln(1 + sqrt q)"
            )

    @classmethod
    def at_temperature(cls, shape: tuple[int, ...], states: int, temperature: float) -> Self:
        """The model at temperature T in units of J, K = 1 / T.

        Raises:
            InputError: the temperature is zero or not finite.

        >>> Potts.at_temperature((8, 8), 3, 2.5).coupling
        0.4
        """
        check_temperature(temperature)
        return cls(shape, states, 1 / temperature)

    def energy(self, configurations: Tensor) -> Tensor:
        """Total energy, minus the number of equal neighbours, in units of J, int64 (n,).

        Args:
            configurations: int8 (n, *shape), values 0 ... q - 1.

        Raises:
            InputError: the configurations do not fit the model.
        """
        self.check(configurations)
        total = torch.zeros(len(configurations), dtype=torch.int64)
        for axis in range(1, configurations.ndim):
            equal = configurations == configurations.roll(-1, axis)
            total -= equal.flatten(1).sum(1)
        return total

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Order parameter M = q max_a n_a - N, n_a the number of sites in state a, int64 (n,).

        M / ((q - 1) N) is 0 in disorder and 1 in order; for q = 2, M is the |M| of Ising spins.

        Raises:
            InputError: the configurations do not fit the model.
        """
        return self.states * self.occupations(configurations).amax(1) - self.n_sites

    def occupations(self, configurations: Tensor) -> Tensor:
        """Number of sites in each state, int64 (n, q)."""
        values = check_configurations(configurations, self.shape, 0, self.states - 1)
        counts = [(values == state).sum(axis=1) for state in range(self.states)]
        return torch.from_numpy(np.stack(counts, axis=1).astype(np.int64))

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the tensor is int8 (n, *shape), on the CPU, 0 ... q - 1."""
        check_configurations(configurations, self.shape, 0, self.states - 1)

    def interaction(self) -> PairInteraction:
        """K delta(s, s') of the letters 0 ... q - 1."""
        return PairInteraction.equal_letters(self.states, self.coupling)

    def start(self, chains: int, seed: int) -> Tensor:
        """Independent states and all in state 0 in turn, int8 (chains, *shape).

        Raises:
            InputError: fewer than one chain.
        """
        states = starting_values(self.n_sites, chains, self.states, 0, seed)
        return states.reshape(chains, *self.shape)


def check_temperature(temperature: float) -> None:
    """Raise InputError for a temperature of zero or one that is not finite."""
    if not math.isfinite(temperature) or temperature == 0:
        raise InputError(
            f"temperature is {temperature}; expected a finite number other than 0 in units of J"
        )


def forward_bonds(shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Each bond of the torus once, int64 (n_bonds, 2)."""
    return np.ascontiguousarray(Hypercubic(shape).bonds())
