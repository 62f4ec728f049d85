r"""The infinite triangular, honeycomb and kagome lattices in closed form.

With :math:`C = \cosh 2K`, :math:`S = \sinh 2K` and
:math:`\Lambda(a,b) = \cos a + \cos b + \cos(a + b)`,

.. math::
    \tfrac1N \ln Z_{tri}(K) &= \ln 2 + \tfrac1{8\pi^2} \iint \ln[C^3 + S^3 - S \Lambda] \\
    \tfrac1N \ln Z_{hon}(K) &= \tfrac34 \ln 2
        + \tfrac1{16\pi^2} \iint \ln[1 + C^3 - S^2 \Lambda]

and the kagome lattice follows from the honeycomb lattice at :math:`e^{2K'} = c = (e^{4K} + 1)/2`: a
spin on every bond, then star to triangle. Negative K is the antiferromagnet.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError

CRITICAL_COUPLINGS: Mapping[str, float] = {
    "square": math.log(1 + math.sqrt(2)) / 2,
    "triangular": math.log(3) / 4,
    "honeycomb": math.log(2 + math.sqrt(3)) / 2,
    "kagome": math.log(3 + 2 * math.sqrt(3)) / 4,
}
"""K_c of the ferromagnet: Houtappel (1950), Physica 16, 425; kagome Kano, Naya (1953),
Prog. Theor. Phys. 10, 158."""

RESIDUAL_ENTROPIES: Mapping[str, float] = {"triangular": 0.3230659472, "kagome": 0.5018331646}
"""Entropy per site of the antiferromagnet at T = 0 in nats: Wannier (1950), Phys. Rev. 79, 357 with
the erratum of 1973; Kano, Naya (1953)."""

GRID = 512
_HALF_LOG_3_4 = 0.75 * math.log(2)


@dataclass(frozen=True)
class PlanarIsing:
    """Thermodynamics of an infinite lattice, per site.

    Args:
        log_partition: ln Z / N.
        energy: mean energy, units of |J| with the sign convention E = - sum of s s' (b = 1).
    """

    log_partition: float
    energy: float

    def entropy(self, coupling: float) -> float:
        """ln Z / N + K E / N in nats."""
        return self.log_partition + coupling * self.energy


def planar_ising(lattice: str, coupling: float) -> PlanarIsing:
    """Free energy and energy of an infinite planar lattice with bonds b = 1.

    Args:
        lattice: "triangular", "honeycomb" or "kagome".
        coupling: K = J / T of either sign. The integrals are done on 512 x 512 points, which is
            exact to 1e-12 away from K_c and to 1e-6 at K_c.

    Raises:
        InputError: another lattice, or a coupling that is not finite or beyond 50.

    Source: Houtappel (1950), Physica 16, 425; Syozi in Domb, Green (1972), vol. 1.

    >>> round(planar_ising("triangular", -8.0).entropy(-8.0), 4)
    0.3231
    """
    if lattice not in _SOLVED:
        raise InputError(
            f"lattice is {lattice!r}; an exact solution is known here for "
            f"{', '.join(sorted(_SOLVED))}; use kaufman for the square torus"
        )
    if not abs(coupling) <= 50:
        raise InputError(f"coupling is {coupling}; expected a number from -50 to 50")
    return PlanarIsing(*_SOLVED[lattice](coupling))


def _triangular(coupling: float) -> tuple[float, float]:
    c, s = math.cosh(2 * coupling), math.sinh(2 * coupling)
    # C^3 + S^3 factorised: the two terms cancel to the last digit at large negative K.
    both = math.exp(2 * coupling)
    inside = both * (c * c - c * s + s * s) - s * _cosines()
    slope = 6 * both * c * s - 2 * c * _cosines()
    return math.log(2) + float(np.log(inside).mean()) / 2, -float((slope / inside).mean()) / 2


def _honeycomb(coupling: float) -> tuple[float, float]:
    c, s = math.cosh(2 * coupling), math.sinh(2 * coupling)
    inside = 1 + c**3 - s * s * _cosines()
    slope = 6 * c * c * s - 4 * s * c * _cosines()
    return _HALF_LOG_3_4 + float(np.log(inside).mean()) / 4, -float((slope / inside).mean()) / 4


def _kagome(coupling: float) -> tuple[float, float]:
    r"""ln Z / N = ln A + (2/3)(ln Z_hon / N_hon - ln R), A^2 = 4 c, R^4 = 16 e^{4K} ((1+c)/2)^2."""
    weight = math.exp(4 * coupling)
    c = (weight + 1) / 2
    honeycomb, energy = _honeycomb(math.log(c) / 2)
    log_a = math.log(4 * c) / 2
    log_r = math.log(2) + coupling + math.log((1 + c) / 2) / 2
    dc = 2 * weight
    slope_a = dc / (2 * c)
    slope_r = 1 + dc / (2 * (1 + c))
    slope_honeycomb = -energy * dc / (2 * c)
    return (
        log_a + 2 / 3 * (honeycomb - log_r),
        -(slope_a + 2 / 3 * (slope_honeycomb - slope_r)),
    )


def _cosines() -> NDArray[np.float64]:
    """cos a + cos b + cos(a + b) on the midpoints of a grid over the torus."""
    angle = 2 * np.pi * (np.arange(GRID) + 0.5) / GRID
    return np.cos(angle)[:, None] + np.cos(angle) + np.cos(angle[:, None] + angle)


_SOLVED = {"triangular": _triangular, "honeycomb": _honeycomb, "kagome": _kagome}
