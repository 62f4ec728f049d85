"""The Ising model on the periodic hypercubic lattice."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.pair import PairInteraction
from rsmi.sampling.start import hot_and_cold
from rsmi.sampling.torus import OnTorus, check_shape

CRITICAL_COUPLING = math.log(1 + math.sqrt(2)) / 2
"""Critical coupling of the square lattice, ln(1 + sqrt 2) / 2 (Kramers, Wannier 1941)."""

CRITICAL_COUPLING_3D = 0.221654626
"""K_c of the cubic Ising model, error 5e-9, from simulations: Ferrenberg, Xu, Landau (2018), Phys.
Rev. E 97, 043301."""


@dataclass(frozen=True)
class Ising(OnTorus):
    """Ising model with H = -J sum over bonds of s s' on a torus, at coupling K = J / T.

    Every site has one bond to the next site along each axis. An axis of length 2 therefore
    carries two bonds between the same two sites.

    Args:
        shape: sites along each axis, at least 2 each.
        coupling: K = J / T, without unit; negative for antiferromagnets.

    Raises:
        InputError: an axis shorter than 2 or a coupling that is not finite.

    >>> Ising((4, 4), CRITICAL_COUPLING).energy(torch.ones(1, 4, 4, dtype=torch.int8))
    tensor([-32])
    """

    shape: tuple[int, ...]
    coupling: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        check_shape(self.shape)
        if not math.isfinite(self.coupling):
            raise InputError(
                f"coupling is {self.coupling}; expected a finite number K = J / T; "
                f"the square lattice is critical at {CRITICAL_COUPLING:.6f}"
            )

    @classmethod
    def at_temperature(cls, shape: tuple[int, ...], temperature: float) -> Self:
        """The model at temperature T in units of J, K = 1 / T.

        Args:
            shape: sites along each axis.
            temperature: T / J, finite and not zero.

        Raises:
            InputError: the temperature is zero or not finite.

        >>> Ising.at_temperature((8, 8), 2.5).coupling
        0.4
        """
        if not math.isfinite(temperature) or temperature == 0:
            raise InputError(
                f"temperature is {temperature}; expected a finite number other than 0 in units "
                "of J; the square lattice is critical at 2.269185"
            )
        return cls(shape, 1 / temperature)

    def energy(self, configurations: Tensor) -> Tensor:
        """Total energy, E = - sum over bonds of s s', in units of J.

        Args:
            configurations: int8 (n, *shape), +1 or -1.

        Returns:
            int64 (n,).

        Raises:
            InputError: the configurations do not have the model's shape.
        """
        self.check(configurations)
        total = torch.zeros(len(configurations), dtype=torch.int64, device=configurations.device)
        for axis in range(1, configurations.ndim):
            total -= _site_sum(configurations * configurations.roll(-1, axis))
        return total

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Total magnetisation, M = sum of s.

        Args:
            configurations: int8 (n, *shape), +1 or -1.

        Returns:
            int64 (n,).

        Raises:
            InputError: the configurations do not have the model's shape.
        """
        self.check(configurations)
        return _site_sum(configurations)

    def interaction(self) -> PairInteraction:
        """K s s' with the letters 0 for -1 and 1 for +1."""
        return PairInteraction.ising(self.coupling)

    def start(self, chains: int, seed: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold.

        Raises:
            InputError: fewer than one chain.
        """
        return hot_and_cold(self.shape, chains, seed)

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the tensor is int8 of shape (n, *shape)."""
        if configurations.dtype != torch.int8 or configurations.shape[1:] != self.shape:
            raise InputError(
                f"configurations are {configurations.dtype} of shape "
                f"{tuple(configurations.shape)}; expected torch.int8 of shape "
                f"(n, {', '.join(map(str, self.shape))}); convert or reshape them"
            )


def _site_sum(spins: Tensor) -> Tensor:
    """Sum over sites, int64 (n,); torch adds int8 to int32 five times faster than to int64."""
    return spins.flatten(1).sum(1, dtype=torch.int32).to(torch.int64)
