"""Critical points and exponents of the Potts and Blume-Capel models on the square lattice."""

import math
from collections.abc import Mapping

from rsmi.errors import InputError

POTTS_2D: Mapping[int, Mapping[str, float]] = {
    2: {"y_t": 1.0, "y_h": 15 / 8, "nu": 1.0, "delta_sigma": 1 / 8, "delta_epsilon": 1.0},
    3: {
        "y_t": 6 / 5,
        "y_h": 28 / 15,
        "nu": 5 / 6,
        "delta_sigma": 2 / 15,
        "delta_epsilon": 4 / 5,
    },
    4: {"y_t": 3 / 2, "y_h": 15 / 8, "nu": 2 / 3, "delta_sigma": 1 / 8, "delta_epsilon": 1 / 2},
}
"""Exponents of the two-dimensional q-state Potts model, q = 4 with logarithmic corrections; above 4
the transition is of first order. Nienhuis, Riedel, Schick (1980), J. Phys. A 13, L189; Nienhuis
(1984), J. Stat. Phys. 34, 731."""

TRICRITICAL_ISING_2D: Mapping[str, float] = {
    "y_t": 9 / 5,
    "y_h": 77 / 40,
    "nu": 5 / 9,
    "delta_sigma": 3 / 40,
    "delta_epsilon": 1 / 5,
}
"""Exponents at the tricritical point of the square-lattice Blume-Capel model: Friedan, Qiu, Shenker
(1984), Phys. Rev. Lett. 52, 1575."""

BLUME_CAPEL_TRICRITICAL: Mapping[str, tuple[float, float]] = {
    "temperature": (0.608, 0.001),
    "crystal_field": (1.9665, 0.0003),
}
"""Tricritical point of the square lattice, (value, error) in units of J, from simulations: Wilding,
Nielaba (1996), Phys. Rev. E 53, 926. Transfer matrices give 0.610(5), 1.9655(50): Beale (1986),
Phys. Rev. B 33, 1717."""


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
