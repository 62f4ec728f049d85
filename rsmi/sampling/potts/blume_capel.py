"""The Blume-Capel model on the periodic hypercubic lattice."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.graphs.running import check_configurations, starting_values
from rsmi.sampling.pair import PairInteraction
from rsmi.sampling.potts.model import check_temperature
from rsmi.sampling.torus import OnTorus, check_shape


@dataclass(frozen=True)
class BlumeCapel(OnTorus):
    r"""Blume-Capel model, spins s = -1, 0, +1 with a crystal field D, on a torus at K = J / T.

    .. math:: E / J = - \sum_{\langle ij \rangle} s_i s_j + D \sum_i s_i^2

    D -> -infinity is the Ising model at the same K.

    Args:
        shape: sites along each axis, at least 2 each.
        coupling: K = J / T >= 0, without unit.
        crystal_field: D in units of J.

    Raises:
        InputError: an axis shorter than 2, K < 0, or numbers that are not finite or overflow.

    Source: Blume (1966), Phys. Rev. 141, 517; Capel (1966), Physica 32, 966.

    >>> BlumeCapel((4, 4), 1.0, 1.5).energy(torch.ones(1, 4, 4, dtype=torch.int8))
    tensor([-8.], dtype=torch.float64)
    """

    shape: tuple[int, ...]
    coupling: float
    crystal_field: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        check_shape(self.shape)
        if not math.isfinite(self.coupling) or self.coupling < 0:
            raise InputError(
                f"coupling is {self.coupling}; expected a finite number K = J / T of at least 0; "
                "on even tori flip every second spin instead of the sign of J"
            )
        if not math.isfinite(self.crystal_field):
            raise InputError(
                f"crystal_field is {self.crystal_field}; expected a finite number in units of J; "
                "the square lattice is tricritical near 1.966"
            )
        largest = self.coupling * (2 * len(self.shape) + abs(self.crystal_field)) * self.n_sites
        if not math.isfinite(2 * largest):
            raise InputError(
                f"coupling {self.coupling:g} times crystal_field {self.crystal_field:g} overflows; "
                "expected a finite product; give D in units of J"
            )

    @classmethod
    def at_temperature(
        cls, shape: tuple[int, ...], temperature: float, crystal_field: float
    ) -> Self:
        """The model at temperature T in units of J, K = 1 / T.

        Raises:
            InputError: the temperature is zero or not finite.

        >>> BlumeCapel.at_temperature((8, 8), 2.5, 0.0).coupling
        0.4
        """
        check_temperature(temperature)
        return cls(shape, 1 / temperature, crystal_field)

    def energy(self, configurations: Tensor) -> Tensor:
        """Total energy in units of J, float64 (n,).

        Args:
            configurations: int8 (n, *shape), values -1, 0, +1.

        Raises:
            InputError: the configurations do not fit the model.
        """
        return self.crystal_field * self.nonzero(configurations) - self.alignment(configurations)

    def alignment(self, configurations: Tensor) -> Tensor:
        """Sum over bonds of s s', int64 (n,)."""
        self.check(configurations)
        total = torch.zeros(len(configurations), dtype=torch.int64)
        for axis in range(1, configurations.ndim):
            products = configurations * configurations.roll(-1, axis)
            total += products.flatten(1).sum(1, dtype=torch.int64)
        return total

    def nonzero(self, configurations: Tensor) -> Tensor:
        """Number of spins that are not 0, float64 (n,)."""
        self.check(configurations)
        return (configurations != 0).flatten(1).sum(1).double()

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Total magnetisation, M = sum of s, int64 (n,).

        Raises:
            InputError: the configurations do not fit the model.
        """
        self.check(configurations)
        return configurations.flatten(1).sum(1, dtype=torch.int64)

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the tensor is int8 (n, *shape), on the CPU, -1, 0 or +1."""
        check_configurations(configurations, self.shape, -1, 1)

    def interaction(self) -> PairInteraction:
        """K s s' - K D s^2 with the letters 0, 1, 2 for -1, 0, +1."""
        values = torch.tensor([-1.0, 0.0, 1.0])
        return PairInteraction.products(values, self.coupling, self.crystal_field)

    def start(self, chains: int, seed: int) -> Tensor:
        """Independent spins -1, 0, +1 and all +1 in turn, int8 (chains, *shape).

        Raises:
            InputError: fewer than one chain.
        """
        spins = starting_values(self.n_sites, chains, 3, 2, seed) - 1
        return spins.reshape(chains, *self.shape)
