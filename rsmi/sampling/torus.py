"""What models at a coupling, and those on a torus, have in common."""

import math

from rsmi.errors import InputError


class AtCoupling:
    """A model at K = J / T."""

    coupling: float

    @property
    def temperature(self) -> float:
        """Temperature T = 1 / K in units of J, infinite at K = 0."""
        return math.inf if self.coupling == 0 else 1 / self.coupling


class OnTorus(AtCoupling):
    """A model with one spin on each site of a periodic hypercubic lattice."""

    shape: tuple[int, ...]

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return math.prod(self.shape)


def check_shape(shape: tuple[int, ...]) -> None:
    """Raise InputError unless every axis has at least two sites."""
    if not shape or any(type(side) is not int or side < 2 for side in shape):
        raise InputError(
            f"shape is {shape}; expected one integer of at least 2 for each axis; "
            "give for example [64, 64]"
        )
