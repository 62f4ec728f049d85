"""Exponents of universality classes: exact in two dimensions, measured to many digits in three."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rsmi.information.number import Estimate


@dataclass(frozen=True)
class UniversalityClass:
    """A fixed point with one relevant even and one relevant odd direction that matter.

    Args:
        dimension: d of space.
        y_t: thermal exponent.
        y_h: magnetic exponent.
        omega: exponent of the leading correction, b^-omega in a step of scale b, or a smaller one
            where steps show that; 0 where it is logarithmic.
        further: the next exponents of the invariant (`even[1]`) and of the other sector (`odd[1]`),
            where a primary field has them; of fields that a rule may add nothing is known.
    """

    dimension: int
    y_t: Estimate
    y_h: Estimate
    omega: float
    further: Mapping[str, float] = field(default_factory=dict)

    def exponents(self) -> dict[str, Estimate]:
        """All exponents by name, from scaling relations.

        nu = 1 / y_t, eta = d + 2 - 2 y_h, Delta_sigma = d - y_h, Delta_epsilon = d - y_t.

        >>> str(UNIVERSALITY["ising_3d"].exponents()["nu"])
        '0.62997097(12)'
        """
        d, y_t, y_h = self.dimension, self.y_t, self.y_h
        return {
            "y_t": y_t,
            "y_h": y_h,
            "nu": _like(y_t, 1 / y_t.value, y_t.value**-2),
            "eta": _like(y_h, d + 2 - 2 * y_h.value, 2),
            "delta_sigma": _like(y_h, d - y_h.value, 1),
            "delta_epsilon": _like(y_t, d - y_t.value, 1),
        }

    def values(self) -> dict[str, float]:
        """The exponents without their errors."""
        return {name: found.value for name, found in self.exponents().items()}


@dataclass(frozen=True)
class CriticalPoint:
    """The critical point of a model, and how far from it a coupling may be.

    Args:
        universality: its class.
        coupling: K_c.
        error: relative, of a coupling that counts as critical.
    """

    universality: UniversalityClass
    coupling: float
    error: float = 1e-9

    def holds(self, coupling: float) -> bool:
        """Whether a coupling is the critical one.

        >>> CriticalPoint(UNIVERSALITY["ising_2d"], 0.25).holds(0.26)
        False
        """
        return abs(coupling / self.coupling - 1) <= self.error


def _like(source: Estimate, value: float, slope: float) -> Estimate:
    """A function of an exponent, with its error and kind."""
    return Estimate(value, slope * source.error, source.kind, "1")


def _exact(y_t: float, y_h: float, omega: float, **further: float) -> UniversalityClass:
    """A class in two dimensions, with its next even and odd exponents."""
    thermal, magnetic = (Estimate(value, 0.0, "exact", "1") for value in (y_t, y_h))
    behind = {f"{name}[1]": value for name, value in further.items()}
    return UniversalityClass(2, thermal, magnetic, omega, behind)


UNIVERSALITY: Mapping[str, UniversalityClass] = {
    "ising_2d": _exact(1, 15 / 8, 2),
    "potts3_2d": _exact(6 / 5, 28 / 15, 4 / 5, even=-4 / 5, odd=2 / 3),
    "potts4_2d": _exact(3 / 2, 15 / 8, 0),
    "percolation_2d": _exact(3 / 4, 91 / 48, 3 / 2),
    "tricritical_ising_2d": _exact(9 / 5, 77 / 40, 1 / 2, even=4 / 5, odd=9 / 8),
    "ising_3d": UniversalityClass(
        3,
        Estimate(3 - 1.41262528, 29e-8, "estimate", "1"),
        Estimate(3 - 0.518148806, 24e-9, "estimate", "1"),
        0.83,
        {"even[1]": -0.82951},
    ),
}
"""Ising: Onsager (1944); Yang (1952). Potts, q = 4 with logarithmic corrections, and percolation:
Nienhuis (1984), J. Stat. Phys. 34, 731. Tricritical Ising: Friedan, Qiu, Shenker (1984), Phys. Rev.
Lett. 52, 1575. Three dimensions: bootstrap of the stress tensor (2024), arXiv:2411.15300.

Corrections: of Potts models and percolation Nienhuis (1984); of the Ising model in three dimensions
Simmons-Duffin (2017), arXiv:1612.08471. At the tricritical point the energy of dimension 3 in the
table of Friedan, Qiu, Shenker would leave 1 / b; of rules with vacancies on 32 x 32 more is left,
y_h = 1.940, 1.935, 1.932 over three steps, so that half of that exponent is counted with."""

ISING_2D: Mapping[str, float] = UNIVERSALITY["ising_2d"].values()
"""Two-dimensional Ising universality class."""

POTTS_2D: Mapping[int, Mapping[str, float]] = {
    2: ISING_2D,
    3: UNIVERSALITY["potts3_2d"].values(),
    4: UNIVERSALITY["potts4_2d"].values(),
}
"""The two-dimensional q-state Potts model; above q = 4 the transition is of first order."""

TRICRITICAL_ISING_2D: Mapping[str, float] = UNIVERSALITY["tricritical_ising_2d"].values()
"""The tricritical point of the square-lattice Blume-Capel model; y_t is the largest even one."""
