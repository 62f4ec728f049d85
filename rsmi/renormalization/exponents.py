"""From the scan over levels and bases to critical exponents with both errors stated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rsmi.information.estimate import Estimate
from rsmi.renormalization.stability import ScanEntry

_OMEGA_3D = 0.83
"""Leading correction exponent of the 3D Ising class: Simmons-Duffin (2017), arXiv:1612.08471."""


@dataclass(frozen=True)
class Exponent:
    """A critical exponent with its error split by origin.

    Args:
        name: `y_t`, `y_h`, `nu`, `eta`, `delta_sigma` or `delta_epsilon`.
        value: With the total error, both parts added in quadrature.
        statistical: Standard error from the finite number of samples (jackknife).
        truncation: Estimate of the bias from finite basis and finite number of steps.
    """

    name: str
    value: Estimate
    statistical: float
    truncation: float

    @classmethod
    def of(cls, name: str, value: float, statistical: float, truncation: float) -> "Exponent":
        """Join the two errors."""
        total = math.hypot(statistical, truncation)
        return cls(name, Estimate(value, total, "estimate", unit="1"), statistical, truncation)

    def mapped(self, name: str, value: float, slope: float) -> "Exponent":
        """Another exponent that depends on this one with derivative `slope`."""
        return Exponent.of(name, value, abs(slope) * self.statistical, abs(slope) * self.truncation)


def choose(entries: Sequence[ScanEntry]) -> ScanEntry:
    """The entry an exponent is read from, by a rule that does not look at the values.

    The deepest step whose coarse lattice is at least four times as wide as the widest
    interaction (so that the torus is not felt), with the largest basis; if no lattice is that
    wide, the first step. Early steps are still far from the fixed point, late ones are noisy.
    """
    largest = _largest(entries)
    width = math.isqrt(max(entry.diameter2 for entry in entries))
    wide = [entry for entry in largest if min(entry.coarse_shape) >= 4 * max(width, 1)]
    return wide[-1] if wide else largest[0]


def truncation_error(entries: Sequence[ScanEntry], chosen: ScanEntry) -> float:
    """How far the chosen exponent may be from that of the full transformation.

    Two changes are added, as biases add: dropping the interactions of the largest diameter, and
    going one step back. A step back that happens to change little is not trusted: the change
    of the step before it, shrunk by b**2, is the least that is stated, because two transients
    of opposite sign can cancel in one step. Where there is no step before, the larger of the
    change to the step after and of the whole change from the smallest basis stands for it.

    In three dimensions the leading correction shrinks by b**-0.83 only, so that after a step with
    b = 2 it is 1.3 times the change of that step; the largest change of all steps is taken.

    This is a scale for the bias, not a bound; it was checked on the Ising model in two and three
    dimensions, where the answer is known.
    """
    y = chosen.exponent.value
    same = [entry for entry in entries if entry.level == chosen.level]
    inner = [entry for entry in same if entry.diameter2 < chosen.diameter2]
    basis = abs(y - inner[-1].exponent.value) if inner else 0.0
    changes = [abs(b - a) for a, b in pairwise(e.exponent.value for e in _largest(entries))]
    scale = chosen.shape[0] / chosen.coarse_shape[0]
    if len(chosen.shape) >= 3:
        return basis + max(changes) * _remainder(scale)
    done = changes[: chosen.level]
    if not done:
        return basis + max([abs(y - same[0].exponent.value), *changes[:1]])
    return basis + max([done[-1], *(change / scale**2 for change in done[-2:-1])])


def _remainder(scale: float) -> float:
    """What a correction b**-omega leaves after a step, in units of the change of that step."""
    left = scale**-_OMEGA_3D
    return float(left / (1 - left))


def _largest(entries: Sequence[ScanEntry]) -> list[ScanEntry]:
    """The entry with the largest basis of each level, in order of level."""
    last = {entry.level: entry for entry in entries}
    return [last[level] for level in sorted(last)]


def critical_exponents(
    even: Sequence[ScanEntry], odd: Sequence[ScanEntry], dimension: int
) -> dict[str, Exponent]:
    """Exponents of both sectors and those that follow from them.

    ```
    nu = 1 / y_t,   eta = d + 2 - 2 y_h,   Delta_sigma = d - y_h,   Delta_epsilon = d - y_t
    ```

    Args:
        even: Scan of the even sector.
        odd: Scan of the odd sector.
        dimension: d.

    Returns:
        `y_t`, `y_h`, `nu`, `eta`, `delta_sigma`, `delta_epsilon`.
    """
    y_t, y_h = _read("y_t", even), _read("y_h", odd)
    t, h = y_t.value.value, y_h.value.value
    found = [
        y_t,
        y_h,
        y_t.mapped("nu", 1 / t, 1 / t**2),
        y_h.mapped("eta", dimension + 2 - 2 * h, 2.0),
        y_h.mapped("delta_sigma", dimension - h, 1.0),
        y_t.mapped("delta_epsilon", dimension - t, 1.0),
    ]
    return {exponent.name: exponent for exponent in found}


def _read(name: str, entries: Sequence[ScanEntry]) -> Exponent:
    chosen = choose(entries)
    error = truncation_error(entries, chosen)
    return Exponent.of(name, chosen.exponent.value, chosen.exponent.error, error)
