"""The dimer model: free, or with an attraction of parallel dimers."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.dimers.lattice import Boundary, DimerLattice, LatticeName
from rsmi.sampling.dimers.observables import flippable, winding
from rsmi.sampling.dimers.pictures import check_bonds

COLDEST = 0.01


@dataclass(frozen=True)
class Dimers:
    """Dimers that cover every site of a lattice once, H = -(number of parallel pairs).

    A pair is a plaquette with two parallel dimers. A configuration is int8 (axes, *shape): +1
    where a dimer lies on the bond that starts at the site and goes forward along the axis.

    Args:
        shape: sites along each axis.
        temperature: T in units of the attraction, infinite for free dimers.
        lattice: "square", "honeycomb" (brick wall, free dimers only) or "cubic".
        boundary: "torus", "open", or "corner" (open square with odd sides, one corner taken out).

    Raises:
        InputError: no perfect matching, two sublattices missing, or a temperature out of range.

    Source: Kasteleyn (1961), Physica 27, 1209; Alet et al. (2005), cond-mat/0501241.

    >>> Dimers((4, 4)).configuration_shape
    (2, 4, 4)
    """

    shape: tuple[int, ...]
    temperature: float = math.inf
    lattice: LatticeName = "square"
    boundary: Boundary = "torus"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", self.geometry.shape)
        if not self.temperature >= COLDEST:
            raise InputError(
                f"temperature is {self.temperature}; expected at least {COLDEST} in units of the "
                "attraction, or inf for free dimers; give a larger number"
            )
        if self.lattice == "honeycomb" and math.isfinite(self.temperature):
            raise InputError(
                f"temperature is {self.temperature} on the honeycomb lattice, where two dimers are "
                "never parallel on one face; give temperature inf, or lattice 'square'"
            )

    @cached_property
    def geometry(self) -> DimerLattice:
        """The lattice with its neighbours."""
        return DimerLattice(self.shape, self.lattice, self.boundary)

    @property
    def configuration_shape(self) -> tuple[int, ...]:
        """Shape (axes, *shape) of one configuration."""
        return self.geometry.configuration_shape

    @property
    def coupling(self) -> float:
        """K = 1 / T, zero for free dimers."""
        return 1 / self.temperature

    def energy(self, configurations: Tensor) -> Tensor:
        """Total energy, E = -(number of faces that can be flipped), int64 (n,).

        Args:
            configurations: bonds int8 (n, axes, *shape), +1 or -1.

        Raises:
            InputError: wrong type or shape.
        """
        return -flippable(self.geometry, configurations)

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Orientation, dimers along the last axis minus dimers along the first, int64 (n,).

        It vanishes in the disordered phase of the square lattice and tells columns from rows.

        Args:
            configurations: bonds int8 (n, axes, *shape), +1 or -1.

        Raises:
            InputError: wrong type or shape.
        """
        self.check(configurations)
        return self._along(configurations, -1) - self._along(configurations, 0)

    def observables(self, configurations: Tensor) -> dict[str, Tensor]:
        """Energy, orientation, flippable faces and, on a torus, windings; int64 (n,) each.

        Args:
            configurations: bonds int8 (n, axes, *shape), +1 or -1.

        Raises:
            InputError: wrong type or shape.
        """
        energy = self.energy(configurations)
        found = {"energy": energy, "magnetisation": self.magnetisation(configurations)}
        found["flippable"] = -energy
        if self.boundary == "torus":
            for axis, values in enumerate(winding(self.geometry, configurations).T):
                found[f"winding_{axis}"] = values
        return found

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the tensor is int8 of shape (n, axes, *shape)."""
        check_bonds(self.geometry, configurations)

    @staticmethod
    def _along(configurations: Tensor, axis: int) -> Tensor:
        return (configurations[:, axis] == 1).flatten(1).sum(1, dtype=torch.int64)
