"""Curves through points with errors: which model holds, what its parameters are, where it turns."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.stats import chi2 as chi2_distribution

from rsmi.errors import AnalysisError, InputError, nearest
from rsmi.information.number import Estimate

Numbers = NDArray[np.float64]
_STEP = 1e-3
"""Of a numerical derivative, in errors."""
_ROUNDING = 1e-13
"""Least error of exact points, relative to the largest."""

Statistic = Callable[[Numbers, Numbers], Numbers]
"""Of the points' values and errors, (n,) each."""


@dataclass(frozen=True)
class Curve:
    """A family of curves.

    Args:
        formula: As a reader writes it; `x` is counted from minus the shift.
        parameters: Their names.
        value: Of x (n,) and the parameters (k,).
        constant: Whether the last parameter is a constant that is added.
    """

    formula: str
    parameters: tuple[str, ...]
    value: Callable[[Numbers, Numbers], Numbers]
    constant: bool = False


def _exponential(x: Numbers, p: Numbers) -> Numbers:
    return np.asarray(p[0] * np.exp(-p[1] * x))


def _power(x: Numbers, p: Numbers) -> Numbers:
    return np.asarray(p[0] * x ** -p[1])


CURVES: Mapping[str, Curve] = {
    "exponential": Curve("amplitude exp(-rate x)", ("amplitude", "rate"), _exponential),
    "power": Curve("amplitude x^-exponent", ("amplitude", "exponent"), _power),
    "exponential_constant": Curve(
        "amplitude exp(-rate x) + constant",
        ("amplitude", "rate", "constant"),
        lambda x, p: _exponential(x, p) + p[2],
        constant=True,
    ),
    "power_constant": Curve(
        "amplitude x^-exponent + constant",
        ("amplitude", "exponent", "constant"),
        lambda x, p: _power(x, p) + p[2],
        constant=True,
    ),
}
"""Models of a decay, by name."""

FEATURES: Mapping[str, int] = {"crossing": 0, "maximum": 1, "steepest": 2}
"""Where a curve meets a level, its first derivative vanishes, or its second: by name, the order."""


@dataclass(frozen=True)
class CurveFit:
    """One model fitted to points.

    Args:
        curve: Its name in `CURVES`.
        parameters: By name, with their errors.
        shift: Added to x.
        chi2: Sum of squared residuals in units of the errors; of exact points as it is.
        aic: Akaike's criterion, up to a constant that all models of the same points share.
        delta: Its distance from that of the best model, 0 for the best.
        chance: Of a larger chi2 if the model held and the points were independent; None where
            points are exact, or repetitions tell that they need not be.
    """

    curve: str
    parameters: Mapping[str, Estimate]
    shift: float
    chi2: float
    aic: float
    delta: Estimate
    chance: float | None

    def at(self, x: ArrayLike) -> Numbers:
        """The curve at some x."""
        values = np.array([estimate.value for estimate in self.parameters.values()])
        return CURVES[self.curve].value(np.asarray(x, float) + self.shift, values)


def fit_curves(
    x: ArrayLike,
    y: ArrayLike,
    error: ArrayLike,
    curves: Sequence[str] = ("exponential", "power"),
    shift: float = 0.0,
) -> dict[str, CurveFit]:
    r"""Fit models to points by least squares, and compare them by Akaike's criterion.

    .. math:: \chi^2 = \sum_i (y_i - f(x_i))^2 / \sigma_i^2, \quad AIC = \chi^2 + 2 k

    Errors of one row of points are propagated as if the points were independent. Points that
    share samples are not: give each repetition with samples of its own as a row, and the errors
    are jackknife errors over the rows, which hold whatever the points of a row share. Where every
    error is 0 the points are exact: the errors are then their scatter about the curve, and
    AIC = n ln(chi2 / n) + 2 (k + 1).

    Args:
        x: (n,).
        y: (n,), or (repetitions, n).
        error: One standard error of each y.
        curves: Names in `CURVES`.
        shift: Added to x, so that a power law may begin at x = 0.

    Returns:
        Fits by name, the best first.

    Raises:
        InputError: For an unknown curve, arrays that do not fit, too few points, or some errors of
            0 among others.
        AnalysisError: Where no least squares solution is found.

    Source: Akaike (1974).

    >>> x = np.arange(1.0, 9.0)
    >>> found = fit_curves(x, 2 * x**-0.5, 0.01 + 0 * x)
    >>> list(found), round(found["power"].parameters["exponent"].value, 6)
    (['power', 'exponential'], 0.5)
    """
    points = _Points.of(x, y, error)
    for name in curves:
        if name not in CURVES:
            raise InputError(
                f"there is no curve {name!r}; {nearest(name, CURVES)}expected one of "
                f"{', '.join(CURVES)}"
            )
        points.check_count(len(CURVES[name].parameters) + 1, f"the curve {name}")
    if points.x.min() + shift <= 0 and any("power" in name for name in curves):
        raise InputError(
            f"a power law at x = {points.x.min() + shift:g}; expected x above 0: give a shift"
        )
    found = {name: _fitted(points, name, shift) for name in curves}
    best = min(found, key=lambda name: found[name].aic)
    compared = {
        name: replace(fit, delta=_delta(points, fit, found[best])) for name, fit in found.items()
    }
    return dict(sorted(compared.items(), key=lambda item: item[1].aic))


@dataclass(frozen=True)
class Feature:
    """Where a curve has a feature.

    Args:
        x: Where, with both parts of its error.
        statistical: What the errors of the points make of it.
        truncation: How much a polynomial of one degree more moves it, beyond noise.
        degree: Of the polynomial.
    """

    x: Estimate
    statistical: float
    truncation: float
    degree: int


def locate(
    x: ArrayLike,
    y: ArrayLike,
    error: ArrayLike,
    feature: str,
    level: float = 0.0,
    degree: int | None = None,
) -> Feature:
    """Locate a maximum, a steepest point, or a crossing of a level, by a polynomial through points.

    Args:
        x: (n,).
        y: (n,), or (repetitions, n), see `fit_curves`.
        error: One standard error of each y.
        feature: `maximum` of y, `steepest` point (an inflection), or `crossing` of the level.
        level: Which y the curve is to meet, for `crossing`.
        degree: Of the polynomial; without, 1 for a crossing, 2 for a maximum, 3 for a steepest
            point.

    Raises:
        InputError: For an unknown feature, or too few points.
        AnalysisError: Where there is none among the points.

    >>> x = np.linspace(0, 1, 7)
    >>> found = locate(x, -((x - 0.4) ** 2), 0.01 + 0 * x, "maximum")
    >>> round(found.x.value, 6), found.truncation < 1e-6
    (0.4, True)
    """
    if feature not in FEATURES:
        raise InputError(
            f"there is no feature {feature!r}; {nearest(feature, FEATURES)}expected one of "
            f"{', '.join(FEATURES)}"
        )
    points, order = _Points.of(x, y, error), FEATURES[feature]
    least = order + 1 if degree is None else degree
    if least <= order:
        raise InputError(f"degree is {least}; expected at least {order + 1} for a {feature}")
    points.check_count(least + 3, f"a {feature} by polynomials of degree {least} and {least + 1}")
    line = Polynomial.fit(points.x, points.mean, least, w=1 / points.sigma)
    both = points.scattered(line(points.x), least + 1).statistic(
        lambda values, sigma: np.array(
            [_location(points.x, values, sigma, order, level, d) for d in (least, least + 1)]
        )
    )
    if not np.isfinite([both.values[0], both.covariance[0, 0]]).all():
        raise AnalysisError(
            f"no {feature} between x = {points.x.min():g} and {points.x.max():g}, or not in every "
            "repetition; give points on both sides of it, with smaller errors"
        )
    return _feature(points, both, least)


def _feature(points: "_Points", both: "_Spread", degree: int) -> Feature:
    """A location with its two errors."""
    statistical = math.sqrt(both.covariance[0, 0])
    moved, width = both.values[1] - both.values[0], float(np.ptp(points.x)) / 2
    noise = both.covariance[0, 0] + both.covariance[1, 1] - 2 * both.covariance[0, 1]
    seen = np.isfinite(moved) and np.isfinite(noise)
    truncation = math.sqrt(max(0.0, moved**2 - noise)) if seen else width
    total = math.hypot(statistical, truncation)
    return Feature(
        Estimate(float(both.values[0]), total, "estimate", "1"), statistical, truncation, degree
    )


@dataclass(frozen=True)
class _Spread:
    """Numbers (k,) with their covariance (k, k)."""

    values: Numbers
    covariance: Numbers


@dataclass(frozen=True)
class _Points:
    """Points of one or several independent repetitions.

    Args:
        x: (n,).
        y: (repetitions, n).
        sigma: (n,), the error of the mean of a column; of exact points 1.
        exact: Whether the points have no error.
    """

    x: Numbers
    y: Numbers
    sigma: Numbers
    exact: bool

    @classmethod
    def of(cls, x: ArrayLike, y: ArrayLike, error: ArrayLike) -> "_Points":
        """Points as they are given.

        Raises:
            InputError: For arrays that do not fit, or some errors of 0 among others.
        """
        x, y, error = (np.asarray(one, float) for one in (x, y, error))
        if y.ndim not in (1, 2) or error.shape != y.shape or x.shape != y.shape[-1:]:
            raise InputError(
                f"x, y and error have shapes {x.shape}, {y.shape} and {error.shape}; expected "
                "(n,), and (n,) or (repetitions, n) twice"
            )
        y, error = np.atleast_2d(y), np.atleast_2d(error)
        if not (np.isfinite(x).all() and np.isfinite(y).all() and (error >= 0).all()):
            raise InputError("points hold numbers that are not finite, or errors below 0")
        exact = bool((error == 0).all())
        if not exact and (error == 0).any():
            raise InputError(
                f"{(error == 0).sum()} of {error.size} errors are 0; expected an error for every "
                "point, or for none of them"
            )
        sigma = np.sqrt((error**2).mean(0) / len(y))
        return cls(x, y, np.ones_like(x) if exact else sigma, exact)

    @property
    def repeated(self) -> bool:
        """Whether repetitions tell what points share."""
        return len(self.y) > 1 and not self.exact

    @property
    def mean(self) -> Numbers:
        """(n,)."""
        return np.asarray(self.y.mean(0))

    def check_count(self, needed: int, what: str) -> None:
        """Refuse too few points."""
        if len(np.unique(self.x)) < needed:
            raise InputError(
                f"{len(np.unique(self.x))} points with different x; expected at least {needed} "
                f"for {what}"
            )

    def statistic(self, of: Statistic) -> _Spread:
        """Numbers that depend on the values, with jackknife errors or propagated ones."""
        values = of(self.mean, self.sigma)
        if self.repeated:
            rows = range(len(self.y))
            parts = np.array([of(np.delete(self.y, row, 0).mean(0), self.sigma) for row in rows])
            spread = math.sqrt((len(rows) - 1) / len(rows)) * (parts - parts.mean(0))
        else:
            steps = _STEP * np.diag(self.sigma)
            spread = np.array(
                [of(self.mean + d, self.sigma) - of(self.mean - d, self.sigma) for d in steps]
            ) / (2 * _STEP)
        return _Spread(values, spread.T @ spread)

    def scattered(self, fitted: Numbers, parameters: int) -> "_Points":
        """Exact points with their scatter about a curve for an error."""
        if not self.exact:
            return self
        free = max(1, len(self.x) - parameters)
        scatter = math.sqrt(float(((self.mean - fitted) ** 2).sum()) / free)
        least = _ROUNDING * max(1e-300, float(np.abs(self.mean).max()))
        return replace(self, sigma=np.full_like(self.x, max(scatter, least)))


def _fitted(points: _Points, name: str, shift: float) -> CurveFit:
    """A fit that does not know yet which one is the best."""
    curve, x = CURVES[name], points.x + shift
    first, slopes = _solve(curve, x, points.mean, points.sigma)
    n, k, chi2 = len(x), len(first), _chi2(curve, x, points.mean, points.sigma)
    errors = _errors(points, curve, x, slopes)
    if not (np.isfinite(errors).all() and np.isfinite(first).all()):
        raise AnalysisError(f"the points do not determine {', '.join(curve.parameters)} of {name}")
    pairs = zip(curve.parameters, first, errors, strict=True)
    least = (_ROUNDING * float(np.abs(points.mean).max())) ** 2
    certain = points.exact or points.repeated
    return CurveFit(
        name,
        {word: Estimate(float(v), float(e), "estimate", "1") for word, v, e in pairs},
        shift,
        chi2,
        n * math.log(chi2 / n + least) + 2 * (k + 1) if points.exact else chi2 + 2 * k,
        Estimate(0.0, 0.0, "estimate", "1"),
        None if certain else float(chi2_distribution.sf(chi2, n - k)),
    )


def _errors(points: _Points, curve: Curve, x: Numbers, slopes: Numbers) -> Numbers:
    """Of the parameters: by the jackknife over repetitions, or from the slopes of the residuals."""
    if points.repeated:
        spread = points.statistic(lambda y, sigma: _solve(curve, x, y, sigma)[0])
        return np.asarray(np.sqrt(np.diag(spread.covariance)))
    fitted = curve.value(x, _solve(curve, x, points.mean, points.sigma)[0])
    scale = points.scattered(fitted, slopes.shape[1]).sigma / points.sigma
    try:
        covariance = np.linalg.inv(slopes.T @ slopes)
    except np.linalg.LinAlgError:
        return np.full(slopes.shape[1], np.nan)
    return np.asarray(np.sqrt(np.diag(covariance)) * scale[0])


def _delta(points: _Points, fit: CurveFit, best: CurveFit) -> Estimate:
    """How far a model's criterion lies above the best one's.

    Its slope in a value y is that of chi2 at fixed parameters, 2 (f_best - f) / sigma^2.
    """
    if points.exact or fit is best:
        return Estimate(fit.aic - best.aic, 0.0, "estimate", "1")
    x = points.x + fit.shift
    if points.repeated:
        spread = points.statistic(
            lambda y, sigma: np.array([_chi2(CURVES[f.curve], x, y, sigma) for f in (fit, best)])
        ).covariance
        error = math.sqrt(max(0.0, spread[0, 0] + spread[1, 1] - 2 * spread[0, 1]))
    else:
        apart = (fit.at(points.x) - best.at(points.x)) / points.sigma
        error = 2 * math.sqrt(float((apart**2).sum()))
    return Estimate(fit.aic - best.aic, error, "estimate", "1")


def _chi2(curve: Curve, x: Numbers, y: Numbers, sigma: Numbers) -> float:
    parameters, _ = _solve(curve, x, y, sigma)
    return float((((y - curve.value(x, parameters)) / sigma) ** 2).sum())


def _solve(curve: Curve, x: Numbers, y: Numbers, sigma: Numbers) -> tuple[Numbers, Numbers]:
    """Parameters of the least squares, and the slopes of the residuals (n, k)."""
    start = _start(curve, x, y, sigma)
    found = least_squares(
        lambda p: (curve.value(x, p) - y) / sigma,
        start,
        method="lm",
        x_scale=np.maximum(1e-3, np.abs(start)),
        xtol=1e-11,
        ftol=1e-11,
        gtol=1e-11,
    )
    if found.status < 1 or not np.isfinite(found.x).all():
        raise AnalysisError(
            f"the least squares of {curve.formula} do not settle; give points that decay, or "
            "another curve"
        )
    return np.asarray(found.x), np.asarray(found.jac)


def _start(curve: Curve, x: Numbers, y: Numbers, sigma: Numbers) -> Numbers:
    """Parameters to begin with: a straight line through logarithms."""
    constant = y[np.argmax(x)] - 0.1 * np.ptp(y) * np.sign(y[np.argmin(x)] - y[np.argmax(x)])
    rest = y - constant if curve.constant else y
    sign = 1.0 if rest[np.argmin(x)] >= 0 else -1.0
    kept = sign * rest > 0
    if kept.sum() < 2:
        return np.array([sign * np.abs(rest).max(), 0.1, constant])[: len(curve.parameters)]
    along = np.log(x[kept]) if "^" in curve.formula else x[kept]
    weights = np.abs(rest[kept]) / sigma[kept]
    slope, height = np.polyfit(along, np.log(np.abs(rest[kept])), 1, w=weights)
    return np.array([sign * np.exp(height), -slope, constant])[: len(curve.parameters)]


def _location(
    x: Numbers, y: Numbers, sigma: Numbers, order: int, level: float, degree: int
) -> float:
    """Where the derivative of that order is the level's; NaN where it is nowhere among the points.

    Of several maxima the highest counts, of several steepest points the steepest, of several
    crossings that nearest to the middle.
    """
    fitted = Polynomial.fit(x, y, degree, w=1 / sigma)
    sought = fitted.deriv(order) if order else fitted - level
    roots = sought.roots()
    real = np.real(roots[np.abs(np.imag(roots)) < 1e-9 * np.ptp(x)])
    inside = real[(real >= x.min()) & (real <= x.max())]
    if order == 1:
        inside = inside[fitted.deriv(2)(inside) < 0]
    if len(inside) == 0:
        return math.nan
    middle = (x.min() + x.max()) / 2
    merits = {
        0: -np.abs(inside - middle),
        1: fitted(inside),
        2: np.abs(fitted.deriv(1)(inside)),
    }
    return float(inside[np.argmax(merits[order])])
