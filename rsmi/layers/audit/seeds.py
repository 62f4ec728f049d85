"""Averages over trainings, with the two kinds of error apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.report import Value


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
