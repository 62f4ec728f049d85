"""Critical points of the Potts and Blume-Capel models on the square lattice."""

import math
from collections.abc import Mapping

from rsmi.errors import InputError

BLUME_CAPEL_TRICRITICAL: Mapping[str, tuple[float, float]] = {
    "temperature": (0.60858, 0.00002),
    "crystal_field": (1.96582, 0.00001),
}
"""Tricritical point of the square lattice, (value, error) in units of J: where the leading scaled
gaps of a strip, `strip_dimensions`, are 3/40 and 1/5. Widths 7, 8, 9 give T = .607801, .608054,
.608206 and D = 1.965934, 1.965898, 1.965875. Their limit with corrections b L^-omega, omega free,
is T = .60856, D = 1.965816. Public programs use T = .6085776, D = 1.9658149 without naming a
source; value and error hold both."""


def critical_coupling(states: int) -> float:
    """Transition of the square-lattice Potts model, K_c = ln(1 + sqrt q).

    Args:
        states: q >= 2; continuous up to 4, of first order above.

    Raises:
        InputError: q < 2.

    Source: Potts (1952), Proc. Camb. Phil. Soc. 48, 106; Baxter (1973), J. Phys. C 6, L445.

    >>> round(1 / critical_coupling(3), 6)
    0.994973
    """
    _check(states)
    return math.log(1 + math.sqrt(states))


def critical_energy(states: int) -> float:
    """Energy per site of the infinite square lattice at K_c, -(1 + 1 / sqrt q) in units of J.

    Above q = 4 it is the mean of the two coexisting phases.

    Args:
        states: q >= 2.

    Raises:
        InputError: q < 2.

    Source: Wu (1982), Rev. Mod. Phys. 54, 235 (duality).

    >>> round(critical_energy(4), 6)
    -1.5
    """
    _check(states)
    return -(1 + 1 / math.sqrt(states))


def _check(states: int) -> None:
    if states < 2:
        raise InputError(f"states is {states}; expected a whole number q of at least 2")
