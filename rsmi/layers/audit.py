"""Checks that catch nonsense before it is believed."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.interval import Interval
from rsmi.layers.report import Finding, LayerRow, Value

_NEAR = 0.02
_SIGMAS = 3.0
_ROUNDING = 1e-9

Verdict = Literal["compresses", "expands", "unchanged", "depends on the scale"]


@dataclass(frozen=True)
class Ceiling:
    """A number that some values cannot exceed, whatever the layer does.

    Args:
        text: What it is, such as `ln N`.
        limit: Its value, nats.
        names: Patterns of the quantities and estimators that it limits.
        layer: The only layer concerned; all without.
    """

    text: str
    limit: float
    names: tuple[str, ...]
    layer: str | None = None

    def concerns(self, layer: str, name: str) -> bool:
        """Whether it limits this value."""
        return self.layer in (None, layer) and any(fnmatchcase(name, p) for p in self.names)


def ceiling_findings(rows: Sequence[LayerRow], ceilings: Sequence[Ceiling]) -> list[Finding]:
    """Values within 2 % of a number that they could not exceed, so that they may say only that.

    Returns:
        One finding per value and ceiling.
    """
    return [
        _at_ceiling(row.name, name, value, ceiling)
        for row in rows
        for name, value in _values(row).items()
        for ceiling in ceilings
        if ceiling.concerns(row.name, name)
        and ceiling.limit > 0
        and abs(value - ceiling.limit) <= _NEAR * ceiling.limit
    ]


def _values(row: LayerRow) -> dict[str, float]:
    ends = {k: v.lower if isinstance(v, Interval) else v for k, v in row.quantities.items()}
    return {name: e.value for name, e in (ends | dict(row.estimators)).items()}


def _at_ceiling(layer: str, name: str, value: float, ceiling: Ceiling) -> Finding:
    return Finding(
        "ceiling",
        layer,
        f"{name} = {value:.4g} nats is within 2 % of {ceiling.text} = {ceiling.limit:.4g}, which "
        "it cannot exceed: it may measure that limit and not the layer",
    )


def data_processing_findings(rows: Sequence[LayerRow]) -> list[Finding]:
    """Pairs of successive layers where information seems to come back.

    For a chain X, T_1, T_2 ... neither I(X;T) nor I(T;Y) can grow and neither H(X|T) nor
    H(Y|T) can fall. Certified values that break this show a mistake (or a network that is no
    chain); estimators break it often, which is what they are worth.

    Returns:
        One finding for each violation beyond 3 standard errors.
    """
    found = []
    for before, after in itertools.pairwise(rows):
        for name, value in after.quantities.items():
            if name in before.quantities and name in _DIRECTIONS:
                gain = _certain_gain(before.quantities[name], value, _DIRECTIONS[name])
                found += _violation(before, after, name, gain)
        for name, estimate in after.estimators.items():
            sign = _DIRECTIONS.get(name.split(".")[-1])
            if sign and name in before.estimators:
                gain = _gain(before.estimators[name], estimate, sign)
                found += _violation(before, after, name, gain)
    return found


_DIRECTIONS = {"I(X;T)": 1, "I(T;Y)": 1, "H(X|T)": -1, "H(Y|T)": -1, "H(X|T,Y)": -1}
"""Sign of the change that data processing forbids."""


def _violation(before: LayerRow, after: LayerRow, name: str, gain: float) -> list[Finding]:
    if gain <= _ROUNDING:
        return []
    verb = "rises" if _DIRECTIONS[name.split(".")[-1]] > 0 else "falls"
    text = (
        f"{name} {verb} by {gain:.3g} nats after '{before.name}', which no chain of layers can do"
    )
    return [Finding("data processing", after.name, text)]


def _certain_gain(before: Value, after: Value, sign: int) -> float:
    """By how much a quantity surely moved the forbidden way."""
    if isinstance(before, Estimate) or isinstance(after, Estimate):
        return 0.0
    if sign > 0:
        return _gain(before.upper, after.lower, 1)
    return _gain(before.lower, after.upper, -1)


def _gain(before: Estimate, after: Estimate, sign: int) -> float:
    return sign * (after.value - before.value) - _SIGMAS * math.hypot(before.error, after.error)


def scale_sweep(before: LayerRow, after: LayerRow, family: str) -> dict[float, Estimate]:
    """Change of I(X;T) at every scale of one family of estimators.

    Args:
        before: A layer early in training (or a shallower one), measured with `Estimators`.
        after: The same later.
        family: `bins`, `range_bins` or `kernel` (its upper value).

    Returns:
        The change by scale, for `scale_verdict`.

    Raises:
        InputError: If the two rows share no estimator of this family.
    """
    pattern = re.compile(rf"{re.escape(family)}\(([^,)]+)(,upper)?\)\.I\(X;T\)")
    changes = {}
    for name, late in after.estimators.items():
        match = pattern.fullmatch(name)
        if match and name in before.estimators:
            early = before.estimators[name]
            error = math.hypot(early.error, late.error)
            changes[float(match[1])] = Estimate(late.value - early.value, error, "estimate")
    if not changes:
        raise InputError(
            f"the rows share no estimator of the family {family!r}; measure both with the same "
            "Estimators(fixed_widths=..., range_bins=..., kernel_sigmas=...)"
        )
    return changes


def scale_verdict(changes: Mapping[float, Estimate]) -> Verdict:
    """Whether information is lost, judged over a sweep of bins or noise.

    Args:
        changes: For each scale, the change of I(X;T) (late minus early, in training or depth).

    Returns:
        `compresses` (or `expands`) only if the change is negative (positive) beyond 3 standard
        errors at every scale.

    Raises:
        InputError: For fewer than two scales: one scale decides nothing.

    >>> down, up = Estimate(-1.0, 0.1, "estimate"), Estimate(1.0, 0.1, "estimate")
    >>> scale_verdict({0.1: down, 0.2: down}), scale_verdict({0.1: down, 0.2: up})
    ('compresses', 'depends on the scale')
    """
    if len(changes) < 2:
        raise InputError(
            f"a sweep over {len(changes)} scale; give at least 2, since the sign of a binned "
            "change often depends on the scale"
        )
    signs = {_sign(change) for change in changes.values()}
    if signs == {0}:
        return "unchanged"
    if len(signs) > 1:
        return "depends on the scale"
    return "compresses" if signs == {-1} else "expands"


def _sign(change: Estimate) -> int:
    beyond = max(_SIGMAS * change.error, _ROUNDING)
    return 0 if abs(change.value) <= beyond else int(math.copysign(1, change.value))


@dataclass(frozen=True)
class SeedAverage:
    """One quantity over several trainings.

    Args:
        mean: Of the middle values, nats.
        estimator_error: Error of that mean from the estimates alone.
        seed_error: Error of that mean from the spread between seeds (which contains the other).
        half_width: Mean half distance between lower and upper value, for intervals.
        n: Number of seeds.
    """

    mean: float
    estimator_error: float
    seed_error: float
    half_width: float
    n: int


def over_seeds(values: Sequence[Value]) -> SeedAverage:
    """Average over seeds with the error of the estimator and that of the seeds apart.

    Raises:
        InputError: For fewer than two seeds.

    >>> average = over_seeds([Estimate(1.0, 0.3, "estimate"), Estimate(2.0, 0.4, "estimate")])
    >>> average.mean, average.estimator_error, average.seed_error
    (1.5, 0.25, 0.5)
    """
    if len(values) < 2:
        raise InputError(f"{len(values)} seed; the spread between seeds needs at least 2")
    middles = [v.value if isinstance(v, Estimate) else v.middle for v in values]
    errors = [
        v.error if isinstance(v, Estimate) else max(v.lower.error, v.upper.error) for v in values
    ]
    halves = [0.0 if isinstance(v, Estimate) else 0.5 * v.width for v in values]
    n = len(values)
    mean = sum(middles) / n
    spread = math.sqrt(sum((m - mean) ** 2 for m in middles) / (n - 1))
    estimator = math.sqrt(sum(e**2 for e in errors)) / n
    return SeedAverage(mean, estimator, spread / math.sqrt(n), sum(halves) / n, n)
