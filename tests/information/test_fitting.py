"""Fits against curves that are known: parameters, their errors over many sets, models, features."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, t

from rsmi.errors import AnalysisError, InputError
from rsmi.information.fitting import CURVES, fit_curves, locate

Numbers = NDArray[np.float64]
X = np.arange(0.0, 9.0)
ERROR = np.full(9, 0.01)
TRUTH = {
    "exponential": (0.7, 0.4),
    "power": (0.7, 0.9),
    "exponential_constant": (0.5, 0.6, 0.2),
    "power_constant": (0.5, 1.1, 0.2),
}


def truth(name: str) -> Numbers:
    return CURVES[name].value(X + 1, np.array(TRUTH[name]))


def plausible(hits: int, n: int, chance: float) -> bool:
    """Whether so many hits are no rarer than once in a million on their side."""
    return bool(min(binom.cdf(hits, n, chance), binom.sf(hits - 1, n, chance)) > 1e-6)


@pytest.mark.parametrize("name", list(CURVES))
def test_an_exact_curve_is_found_again(name: str) -> None:
    for error in (ERROR, 0 * ERROR):
        found = fit_curves(X, truth(name), error, list(CURVES), shift=1)
        assert found[name].delta.value < (2.1 if error.any() else 1e-3)
        values = [p.value for p in found[name].parameters.values()]
        assert values == pytest.approx(TRUTH[name], rel=1e-4)
        assert found[name].at(X) == pytest.approx(truth(name), rel=1e-6)


@pytest.mark.parametrize("name", ["exponential", "power"])
def test_errors_cover_and_the_right_model_is_chosen(name: str) -> None:
    rng, n = np.random.default_rng(1), 200
    inside, chosen, low = 0, 0, 0
    for _ in range(n):
        found = fit_curves(X, rng.normal(truth(name), ERROR), ERROR, shift=1)
        second = list(found[name].parameters.values())[1]
        inside += abs(second.value - TRUTH[name][1]) < second.error
        chosen += next(iter(found)) == name
        low += float(found[name].chance or 0) < 0.1
    assert plausible(inside, n, 0.6827)
    assert plausible(low, n, 0.1)
    assert chosen == n


def shared(rng: np.random.Generator, rows: int) -> Numbers:
    """Rows of points that rise and fall together, as those of the same samples do."""
    slopes = rng.normal(0, 0.04, (rows, 1))
    return truth("exponential") * np.exp(slopes * (X - 4)) + rng.normal(0, 0.002, (rows, 9))


def covered(rows: int, repeated: bool) -> tuple[int, int]:
    rng, n, inside = np.random.default_rng(2), 200, 0
    for _ in range(n):
        y = shared(rng, rows)
        error = np.full_like(y, 0.01)
        if repeated:
            found = fit_curves(X, y, error, ["exponential"], shift=1)
        else:
            found = fit_curves(X, y.mean(0), error[0] / math.sqrt(rows), ["exponential"], shift=1)
        rate = found["exponential"].parameters["rate"]
        inside += abs(rate.value - TRUTH["exponential"][1]) < rate.error
    return inside, n


def test_repetitions_tell_what_points_share() -> None:
    inside, n = covered(8, repeated=True)
    assert plausible(inside, n, 2 * t.cdf(1, 7) - 1)


def test_points_taken_as_independent_although_they_are_not_are_seen_by_the_same_test() -> None:
    inside, n = covered(8, repeated=False)
    assert not plausible(inside, n, 2 * t.cdf(1, 7) - 1)


def test_the_distance_between_models_has_an_error() -> None:
    rng, n, within = np.random.default_rng(3), 100, 0
    exact = fit_curves(X, truth("power"), ERROR, shift=1)["exponential"].delta.value
    for _ in range(n):
        delta = fit_curves(X, rng.normal(truth("power"), ERROR), ERROR, shift=1)["exponential"]
        within += abs(delta.delta.value - exact) < 3 * delta.delta.error
    assert within > 0.97 * n


@pytest.mark.parametrize(
    ("feature", "curve", "at"),
    [
        ("maximum", lambda x: 1 - (x - 0.4) ** 2, 0.4),
        ("steepest", lambda x: 3 * (x - 0.55) - (x - 0.55) ** 3, 0.55),
        ("crossing", lambda x: 0.25 + 2 * (x - 0.45), 0.45),
    ],
)
def test_features_of_polynomials_are_found_with_errors_that_cover(
    feature: str, curve: object, at: float
) -> None:
    x = np.linspace(0, 1, 11)
    y, error = curve(x), np.full(11, 0.004)  # type: ignore[operator]
    assert locate(x, y, error, feature, level=0.25).x.value == pytest.approx(at, abs=1e-6)
    rng, n, inside, total = np.random.default_rng(4), 200, 0, 0
    for _ in range(n):
        found = locate(x, rng.normal(y, error), error, feature, level=0.25)
        inside += abs(found.x.value - at) < found.statistical
        total += abs(found.x.value - at) < 2 * found.x.error
    assert plausible(inside, n, 0.6827)
    assert total > 0.9 * n


def test_the_truncation_covers_what_no_polynomial_is() -> None:
    x = np.linspace(-1, 1, 15)
    y = -np.tanh((x - 0.15) / 0.4) + 0.2 * x**2
    found = locate(x, y, np.full(15, 1e-4), "steepest")
    exact = np.linspace(0, 0.3, 30001)
    slope = np.gradient(-np.tanh((exact - 0.15) / 0.4) + 0.2 * exact**2, exact)
    assert abs(found.x.value - exact[slope.argmin()]) < 3 * found.x.error
    assert found.truncation > 3 * found.statistical


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(InputError, match="there is no curve 'powr'; did you mean 'power'"):
        fit_curves(X, X, ERROR, ["powr"])
    with pytest.raises(InputError, match="expected x above 0: give a shift"):
        fit_curves(X, truth("power"), ERROR)
    with pytest.raises(InputError, match="2 points with different x; expected at least 3"):
        fit_curves([1, 2], [1, 2], [0.1, 0.1])
    with pytest.raises(InputError, match="1 of 9 errors are 0"):
        fit_curves(X, X, [0.0, *ERROR[1:]], shift=1)
    with pytest.raises(InputError, match=r"have shapes \(9,\), \(8,\) and \(9,\)"):
        fit_curves(X, X[1:], ERROR)
    with pytest.raises(InputError, match="not finite"):
        fit_curves(X, X * np.nan, ERROR)
    with pytest.raises(InputError, match="there is no feature 'maximun'; did you mean 'maximum'"):
        locate(X, X, ERROR, "maximun")
    with pytest.raises(AnalysisError, match="no maximum between x = 0 and 8"):
        locate(X, X, ERROR, "maximum")
    with pytest.raises(InputError, match="expected at least 2 for a maximum"):
        locate(X, X, ERROR, "maximum", degree=1)
