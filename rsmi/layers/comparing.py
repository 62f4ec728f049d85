"""Averages over trainings, and changes that are believed only if every scale shows them."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Quantity
from rsmi.layers.interval import SIGMAS, Value
from rsmi.layers.report import LayerRow


@dataclass(frozen=True, repr=False)
class SeedAverage(Outcome):
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

    def quantities(self) -> list[Quantity]:
        """The mean with the error of the seeds, and beside it what that is made of."""
        mean = Estimate(self.mean, self.seed_error, "estimate", n=self.n)
        parts = {"estimator_error": self.estimator_error, "half_width": self.half_width}
        return [Quantity.of("layers.seeds.mean", mean, **parts)]


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


_ROUNDING = 1e-9

Verdict = Literal["compresses", "expands", "unchanged", "depends on the scale"]


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
    beyond = max(SIGMAS * change.error, _ROUNDING)
    return 0 if abs(change.value) <= beyond else int(math.copysign(1, change.value))
