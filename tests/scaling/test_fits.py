"""Collapse of known scaling functions: T_c, nu and powers, over seeds, and what is refused."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from rsmi.errors import AnalysisError, InputError
from rsmi.scaling import Point, ScalingFit, fit_scaling, fits

from .conftest import BETA_OVER_NU, BLOCKS, CRITICAL, NU, TEMPERATURES, Family

SEEDS = range(10)
TRUTH = (CRITICAL, NU, -BETA_OVER_NU)

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def found(synthetic: Family) -> Array:
    """T_c, nu and -beta / nu with their errors, for every seed: (10, 3, 2)."""
    return np.array([_fitted(synthetic(seed)) for seed in SEEDS])


def _fitted(points: list[Point]) -> list[tuple[float, float]]:
    found = _fit(points)
    return [(e.value, e.error) for e in (found.critical, found.nu, found.power(0))]


def _fit(points: list[Point]) -> ScalingFit:
    return fit_scaling(points, (lambda means, point: means[..., 0],))


def _chance(found: Array, truth: Sequence[float]) -> float:
    """How often normal deviations exceed two errors so many times or more."""
    far = abs(found[..., 0] - truth) > 2 * found[..., 1]
    return float(binom.sf(far.sum() - 1, far.size, 0.0455))


def test_collapse_finds_what_was_put_in(found: Array) -> None:
    assert _chance(found, TRUTH) > 1e-6


def test_errors_are_not_too_large(found: Array) -> None:
    deviations = (found[..., 0] - TRUTH) / found[..., 1]
    # The sum of 30 squares, of which the three of one fit share their noise, is not far below 30.
    assert (deviations**2).sum() > 5


def test_a_wrong_exponent_would_be_noticed(found: Array) -> None:
    assert _chance(found, (CRITICAL, 1.15 * NU, -BETA_OVER_NU)) < 1e-6


def test_two_transitions_do_not_collapse(synthetic: Family) -> None:
    small = synthetic(0, sizes=(12, 16, 24))
    large = [
        Point(p.cells, p.sites, p.temperature + 0.05, p.series, p.labels, None, p.memory)
        for p in synthetic(1, sizes=(32, 48))
    ]
    with pytest.raises(AnalysisError, match="do not collapse"):
        _fit(small + large)


def test_too_few_sizes_and_temperatures_are_refused(synthetic: Family) -> None:
    with pytest.raises(InputError, match="14 points of 2 lattice sizes; expected at least 3"):
        _fit(synthetic(0, sizes=(12, 16)))
    short = [p for p in synthetic(0) if p.cells[0] != 16 or p.temperature < TEMPERATURES[2]]
    with pytest.raises(InputError, match="16x16 has fewer than 3 temperatures"):
        _fit(short)


def test_lattices_of_different_proportions_are_refused(synthetic: Family) -> None:
    points = synthetic(0)
    odd = [
        Point((12, 24), 288, p.temperature, p.series, p.labels, None, p.memory)
        for p in points[: len(TEMPERATURES)]
    ]
    with pytest.raises(InputError, match="different proportions"):
        _fit(points + odd)


def test_points_that_never_change_are_named(synthetic: Family) -> None:
    first, *rest = synthetic(0)
    still = np.tile(first.series.mean(0), (len(first.series), 1))
    frozen = Point(first.cells, first.sites, 1.9, still, first.labels, None, first.memory)
    with pytest.raises(AnalysisError, match=r"what 12x12 shows at 1\.9 does not fluctuate"):
        _fit([frozen, *rest])


def test_points_that_share_random_numbers_are_not_counted_as_independent(
    synthetic: Family,
) -> None:
    points = synthetic(0)
    alone, shared = _correlations(points), _correlations([_sharing(p, points[0]) for p in points])
    assert abs(alone.mean()) < 5 / math.sqrt(BLOCKS * alone.size)
    # Noise of their own and of the first point are alike in size; seeds differ by .04.
    assert abs(shared.mean() - 0.5) < 0.2


def _correlations(points: list[Point]) -> Array:
    """Of the noise of different temperatures of one size, without the point that is shared."""
    seen = [fits._seen(point, lambda means, p: p.ratios(means), False)[1] for point in points[1:]]
    noises = [
        ((one - one.mean(0)).reshape(len(one), -1) @ root).reshape(one.shape)
        for one in seen
        for root in fits._roots([one], np.ones(1))
    ]
    found = fits._likeness(noises)
    pairs = [
        found[a, b]
        for a, b in combinations(range(len(seen)), 2)
        if points[1 + a].cells == points[1 + b].cells
    ]
    return np.array(pairs)


def _sharing(point: Point, first: Point) -> Point:
    """The point with some of the noise of another one."""
    series = point.series + point.series.mean(0) * (first.series / first.series.mean(0) - 1)
    return replace(point, series=series)
