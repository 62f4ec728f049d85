"""From the scan over levels and bases to critical exponents with both errors stated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import AnalysisError
from rsmi.information.number import Estimate
from rsmi.renormalization.couplings import Parity
from rsmi.renormalization.stability import ScanEntry, by_level, jackknife_error

SYMBOLS: dict[Parity, str] = {"even": "y_t", "odd": "y_h"}
"""Exponent that belongs to the leading eigenvalue of a sector."""

_LEAST_WIDTH = 2
# Measured with majority-like rules at the critical point of the two-dimensional Ising model.
_LEFT, _LEFT_SOFT = 0.35, 0.5  # of what a correction 1 / b leaves; of rules that are soft
_FIRST_STEP: dict[Parity, float] = {"even": 0.013, "odd": 0.006}  # times b
_LEAST_CHANGE = 0.4  # of the first step, that the second makes at least
_ONE_SHELL: dict[Parity, float] = {"even": 0.06, "odd": 0.003}  # a single diameter
_BEYOND, _BEYOND_THAT = 0.25, 0.08


@dataclass(frozen=True)
class Exponent:
    """A critical exponent with its error split by origin.

    Args:
        name: `y_t`, `y_h`, `nu`, `eta`, `delta_sigma` or `delta_epsilon`; `even[1]`, `odd[1]`.
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


@dataclass(frozen=True)
class Change:
    """How an exponent moves from one step to the next, in the largest basis that both have.

    Args:
        before: Entry of the earlier step.
        after: Entry of the later one.
        value: Exponent after minus exponent before; its error knows that both share the data.
    """

    before: ScanEntry
    after: ScanEntry
    value: Estimate

    @classmethod
    def of(cls, before: ScanEntry, after: ScanEntry) -> "Change":
        """The difference of two entries of one basis."""
        error = jackknife_error(after.left_out - before.left_out)
        moved = after.exponent.value - before.exponent.value
        return cls(before, after, Estimate(moved, error, "estimate", unit="1"))

    @property
    def left_out(self) -> NDArray[np.float64]:
        """The change without each block of the data."""
        return self.after.left_out - self.before.left_out

    @property
    def size(self) -> float:
        """How large it is beyond its own noise."""
        return max(abs(self.value.value) - self.value.error, 0.0)

    @property
    def most(self) -> float:
        """How large it may be, by its own noise."""
        return abs(self.value.value) + self.value.error


def changes(entries: Sequence[ScanEntry]) -> list[Change]:
    """The change of every step from the one before it, in order of level."""
    found = []
    for before, after in pairwise(by_level(entries)):
        n = min(len(before), len(after)) - 1
        found.append(Change.of(before[n], after[n]))
    return found


def choose(entries: Sequence[ScanEntry]) -> ScanEntry:
    """The entry an exponent is read from, by a rule that does not look at the values.

    The deepest step whose coarse lattice is at least four times as wide as the widest interaction
    and at least 8 sites, so that the torus is not felt, with the largest basis. The first step is
    still far from the fixed point: where only that one is so wide, the second is taken if all
    interactions fit its coarse lattice.
    """
    largest = [level[-1] for level in by_level(entries)]
    width = max(math.isqrt(max(entry.diameter2 for entry in entries)), _LEAST_WIDTH)
    wide = [entry for entry in largest if min(entry.coarse_shape) >= 4 * width]
    second = largest[1:2]
    if len(wide) < 2 and second and min(second[0].coarse_shape) >= 2 * width:
        return second[0]
    return wide[-1] if wide else largest[0]


def truncation_error(entries: Sequence[ScanEntry], chosen: ScanEntry, soft: bool = False) -> float:
    """How far the chosen exponent may be from that of the full transformation, one sigma.

    ```
    error^2 = basis^2 + steps^2
    steps = max(.35 min(max_j D_j b^(j - k), max(E_{k - 1} / b, E_k)) / (b - 1), D_{k + 1})
    D_j = max(|y_j - y_{j - 1}| - noise, 0),    E_j = |y_j - y_{j - 1}| + noise
    ```

    k is the chosen step. A correction that shrinks by b in every step would leave D_k / (b - 1);
    of majority-like rules of the two-dimensional Ising model, whose leading corrections shrink as
    b^-2, a third of that is left; of rules that draw symbols by chance (`soft`), whose changes
    shrink by a third in each step, a half. D_1 is taken to be at least what it is of such rules,
    except where the last two changes are measured so well that they say more. A first step with
    none after it that counts states what first steps of such rules do. The basis states a quarter
    of what its largest diameter changes, at least .08 of what the one before did; with a single
    diameter what one coupling misses.

    The constants were measured on the Ising model in two dimensions, where the answer is known;
    `benchmarks/trust.py` shows how often the error holds there.
    """
    steps = _step_error(changes(entries), chosen, _LEFT_SOFT if soft else _LEFT)
    return math.hypot(_basis_error(entries, chosen), steps)


def extrapolated(entries: Sequence[ScanEntry], chosen: ScanEntry, omega: float) -> "Exponent":
    """The limit of an exponent whose leading correction shrinks by b**-omega only, omega below 2.

    ```
    y = y_k + e_k,    e_k = (y_k - y_{k - 1}) / (b^omega - 1),
    error^2 = noise^2 + basis^2 + steps^2
    steps = max(|e_j| b^(omega (j - k)) / 2, |y_{k + 1} + e_{k + 1} - y| - noise)
    ```

    k is the chosen step, at least the second one, and j <= k: half of what is added may be wrong,
    or of what a step before it would add (a change that noise cancels is not trusted), and so may
    be what the step after it says otherwise.
    """
    left, every = _scale(chosen) ** -omega, changes(entries)
    factor, found = left / (1 - left), [c for c in every if c.after.level >= chosen.level]
    if not found:
        raise AnalysisError(
            "one step alone could be measured, and where the flow nears its fixed point slowly the "
            "error cannot be told from it; use more samples or a larger lattice"
        )
    limits = [
        (c.after.exponent.value + factor * c.value.value, c.after.left_out + factor * c.left_out)
        for c in found
        if c is found[0] or not c.after.narrow
    ]
    (value, left_out), at = limits[0], found[0].after.level
    before = [c for c in every if c.after.level <= at]
    steps = [abs(factor * c.value.value) * left ** (at - c.after.level) / 2 for c in before]
    for other, others in limits[1:2]:
        steps.append(abs(other - value) - jackknife_error(others - left_out))
    left = math.hypot(_basis_error(entries, found[0].after), max(steps))
    return Exponent.of(SYMBOLS[chosen.parity], value, jackknife_error(left_out), left)


def _step_error(found: Sequence[Change], chosen: ScanEntry, left: float) -> float:
    b, k = _scale(chosen), chosen.level
    done = [c for c in found if c.after.level <= k]
    later = [c.size for c in found if c.before.level == k and not c.after.narrow]
    first = _FIRST_STEP[chosen.parity] * b
    if done:  # a first change that a drift happens to cancel is not trusted
        most = max(c.size * b ** (c.after.level - k) for c in done)
        most = max(most, _LEAST_CHANGE * first * b ** (1 - k))
        if len(done) > 1:  # nor is a single one
            most = min(most, max(c.most * b ** (c.after.level - k) for c in done[-2:]))
        first = most * left / (b - 1)
    return max(first, *later, 0.0)


def _basis_error(entries: Sequence[ScanEntry], chosen: ScanEntry) -> float:
    """What the interactions left out may change, from what the outermost ones do."""
    found = [change.size for change in _shells(entries, chosen)]
    if not found:
        return _ONE_SHELL[chosen.parity]
    return max(_BEYOND * found[-1], *(_BEYOND_THAT * size for size in found[-2:-1]), 0.0)


def _shells(entries: Sequence[ScanEntry], chosen: ScanEntry) -> list[Change]:
    """What the interactions of each further diameter change."""
    same = [entry for entry in entries if entry.level == chosen.level]
    shells = list({entry.diameter2: entry for entry in same}.values())
    return [Change.of(inner, outer) for inner, outer in pairwise(shells)]


def _scale(entry: ScanEntry) -> float:
    """Linear size b of the block."""
    return entry.shape[0] / entry.coarse_shape[0]


def exponents_of(
    even: Sequence[ScanEntry],
    odd: Sequence[ScanEntry],
    dimension: int,
    omega: float | None = None,
    soft: bool = False,
) -> dict[str, Exponent]:
    """Exponents of both sectors and those that follow from them.

    ```
    nu = 1 / y_t,   eta = d + 2 - 2 y_h,   Delta_sigma = d - y_h,   Delta_epsilon = d - y_t
    ```

    Args:
        even: Scan of the even sector.
        odd: Scan of the odd sector.
        dimension: d.
        omega: Exponent of corrections that shrink more slowly than b**-2.
        soft: Whether the rule draws symbols by chance, beyond ties.

    Returns:
        `y_t`, `y_h`, `nu`, `eta`, `delta_sigma`, `delta_epsilon`.
    """
    y_t, y_h = _read(even, omega, soft), _read(odd, omega, soft)
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


def _read(entries: Sequence[ScanEntry], omega: float | None, soft: bool) -> Exponent:
    """The limit of slow steps; else the chosen step, or the one before it if that knows better.

    Where samples are many the torus of the deepest steps decides, which moves y_t sooner than y_h.
    """
    chosen = choose(entries)
    if omega is not None:
        return extrapolated(entries, chosen, omega)
    before = [e for e in entries if e.level == chosen.level - 1 > 0][-1:]
    stated = [_stated(entries, entry, soft) for entry in (chosen, *before)]
    return min(stated, key=lambda exponent: exponent.value.error or 0.0)


def _stated(entries: Sequence[ScanEntry], entry: ScanEntry, soft: bool) -> Exponent:
    """The exponent of one entry with both errors."""
    error = truncation_error(entries, entry, soft)
    return Exponent.of(SYMBOLS[entry.parity], entry.exponent.value, entry.exponent.error, error)


def further_exponents(entries: Sequence[ScanEntry]) -> dict[str, Exponent]:
    """Exponents of the eigenvalues behind the leading ones, by sector and rank.

    Their truncation is the larger one of half of what the chosen step changes and of what the step
    after it does, and all that the longest interactions change, noise kept.

    Args:
        entries: Of all sectors and ranks.

    Returns:
        Names such as `even[1]`. Which of them are universal no data can tell: a rule adds
        eigenvalues of redundant operators, which depend on it.
    """
    found = {}
    for parity, rank in sorted({(entry.parity, entry.rank) for entry in entries}):
        own = [entry for entry in entries if (entry.parity, entry.rank) == (parity, rank)]
        chosen, moved = choose(own), changes(own)
        steps = [
            abs(c.value.value) / _scale(chosen) for c in moved if c.after.level == chosen.level
        ]
        steps += [abs(c.value.value) for c in moved if c.before.level == chosen.level]
        shells = [abs(change.value.value) for change in _shells(own, chosen)[-1:]]
        left = math.hypot(max(steps, default=0.0), *shells)
        value = chosen.exponent
        name = f"{parity}[{rank}]"
        found[name] = Exponent.of(name, value.value, value.error, left)
    return found


def relevance(exponent: Exponent) -> str:
    """Whether perturbations along an eigenvector grow, beyond two errors.

    >>> relevance(Exponent.of("even[1]", 0.8, 0.02, 0.03))
    'relevant'
    >>> relevance(Exponent.of("even[1]", -0.03, 0.02, 0.03))
    'marginal within the error'
    """
    value, error = exponent.value.value, exponent.value.error
    if abs(value) <= 2 * error:
        return "marginal within the error"
    return "relevant" if value > 0 else "irrelevant"
