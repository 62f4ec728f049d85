"""Data collapse: one scaling function for all sizes, with the transition and its exponents."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import chi2

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Plain
from rsmi.scaling.points import Observed

Array = NDArray[np.float64]
P = TypeVar("P", bound=Observed)

_ORDERS = (2, 3, 4, 5)
_WIDTHS = (1.0, 0.6, 0.36)  # shares of the widest window of the scaling variable
_SPARE = 4  # more data than parameters
_INVERSE_NUS, _BENDS, _OMEGAS, _OMEGA = (0.1, 6.0), (-4.0, 4.0), (0.8, 4.0), 2.0
_STARTS = (0.6, 1.0, 1.6)  # of 1 / nu
_STILL = 1e-9  # relative error below which a number does not fluctuate
_HOPELESS = 1e-6  # chance of the best fit below which there is no collapse


@dataclass(frozen=True)
class ScalingFit:
    r"""What the collapse of several sizes gives.

    .. math:: Q(T, L) = f(x) + (b + b' x) L^{-\omega}, \quad
              \ln A(T, L) = \kappa \ln L + f_A(x) + (b_A + b_A' x) L^{-\omega}, \quad
              x = (t + c t^2) L^{1/\nu}, \quad t = T / T_c - 1

    with polynomials f. Degree, smallest size, window of x and whether there are corrections b or
    a bend c are averaged over, with weights exp(-(chi^2 + 2 k + 2 n_cut) / 2) of k parameters and
    n_cut data left out, so that the errors contain these choices.

    Args:
        parameters: T_c in units of J and 1 / nu; of an amplitude also its power kappa.
        covariance: Of the parameters.
        n: Number of points.
        chi_squared: Of the fit with the largest weight.
        freedom: Its degrees of freedom.
        sizes: The sizes it holds.
        corrected: Share of the weight that fits with a correction have.
        unit: Of T_c.

    Source: Binder (1981), Z. Phys. B 43, 119; the average: Jay and Neil (2021), arXiv:2008.01069.
    """

    parameters: Array
    covariance: Array
    n: int
    chi_squared: float
    freedom: int
    sizes: tuple[float, ...]
    corrected: float
    unit: str

    def about(self) -> dict[str, Plain]:
        """What to know of the fit, for the context of a quantity."""
        return {
            "chi_squared": self.chi_squared, "freedom": self.freedom, "chance": self.chance,
            "sizes": list(self.sizes), "corrected": self.corrected,
        }  # fmt: skip

    @property
    def critical(self) -> Estimate:
        """T_c in units of J, or p_c."""
        return self._estimate(0, self.unit)

    @property
    def nu(self) -> Estimate:
        """The exponent of the correlation length."""
        y = self._estimate(1)
        return Estimate(1 / y.value, y.error / y.value**2, "estimate", "1", y.n)

    @property
    def power(self) -> Estimate:
        """kappa of an amplitude that goes as L^kappa."""
        return self._estimate(2)

    def _estimate(self, i: int, unit: str = "1") -> Estimate:
        error = math.sqrt(self.covariance[i, i])
        return Estimate(float(self.parameters[i]), error, "estimate", unit, self.n)

    @property
    def chance(self) -> float:
        """How often a chi^2 at least so large comes by chance."""
        return float(chi2.sf(self.chi_squared, self.freedom))


def fit_transition(points: Sequence[Observed]) -> ScalingFit:
    """Collapse what all sizes share at the transition, see `Observed.ratios`: T_c and nu.

    Args:
        points: At least three sizes with three temperatures each.

    Raises:
        InputError: For too few sizes or temperatures, or sizes of different proportions.
        AnalysisError: Where no fit describes the data.
    """
    _check(points)
    data = _Data.of(points, lambda means, point: point.ratios(means))
    return _collapse(data, _begin(data), points[0].unit)


def fit_amplitude(
    points: Sequence[P],
    amplitude: Callable[[Array, P], Array],
    transition: ScalingFit,
) -> ScalingFit:
    """Collapse an amplitude of all sizes at a known transition: its power of L.

    Args:
        points: As for `fit_transition`.
        amplitude: Of means (..., columns) and a point, positive (...).
        transition: T_c and nu, whose errors are carried on.

    Raises:
        AnalysisError: Where no fit describes the data.
    """

    def logarithm(means: Array, point: P) -> Array:
        return np.log(amplitude(means, point))[..., None]

    data = _Data.of(points, logarithm)
    return _collapse(data, transition.parameters[:2], transition.unit, transition)


def _collapse(
    data: "_Data", begun: Array, unit: str, transition: ScalingFit | None = None
) -> ScalingFit:
    fits = (choice.fit(begun) for choice in _choices(data, begun, transition))
    return _averaged([fit for fit in fits if fit is not None], len(data.sizes), unit)


@dataclass(frozen=True)
class _Data:
    """What is fitted: L (n,), T (n,), y (n, p), and W (n, p, p) with W cov W^T = 1."""

    sizes: Array
    temperatures: Array
    values: Array
    whiteners: Array

    @classmethod
    def of(cls, points: Sequence[P], observed: Callable[[Array, P], Array]) -> "_Data":
        found = [_whitened(point, observed) for point in points]
        sizes = np.array([point.size for point in points])
        temperatures = np.array([point.parameter for point in points])
        return cls(sizes, temperatures, *map(np.array, zip(*found, strict=True)))

    def where(self, kept: NDArray[np.bool_]) -> "_Data":
        """Some of the points."""
        return _Data(*(part[kept] for part in vars(self).values()))

    def scaled(self, critical: float, inverse_nu: float, bend: float = 0.0) -> Array:
        """x (n,)."""
        t = self.temperatures / critical - 1
        return np.asarray(t * (1 + bend * t) * self.sizes**inverse_nu)


def _whitened(point: P, observed: Callable[[Array, P], Array]) -> tuple[Array, Array]:
    """What is observed, and the inverse root of its covariance.

    The inverse of a measured covariance is too large by a factor: Hartlap, Simon and Schneider
    (2007), astro-ph/0608064.
    """
    values, covariance = point.jackknife(lambda means: observed(means, point))
    spread = (point.blocks - 1) / (point.blocks - len(values) - 2)
    if (np.diag(covariance) <= (_STILL * values) ** 2).any():
        raise AnalysisError(
            f"what {'x'.join(map(str, point.cells))} shows at {point.parameter:g} does not "
            "fluctuate, so it has no error; leave this temperature out, or draw longer chains"
        )
    return values, np.asarray(np.linalg.inv(np.linalg.cholesky(covariance * spread)))


@dataclass(frozen=True)
class _Fit:
    """One way to fit: parameters (T_c, 1 / nu, kappa), their covariance, chi^2 and sizes."""

    parameters: Array
    covariance: Array
    chi_squared: float
    n_data: int
    n_parameters: int
    n_cut: int
    sizes: tuple[float, ...]
    corrected: bool

    @property
    def score(self) -> float:
        """Twice the logarithm of its weight, negative."""
        return self.chi_squared + 2 * self.n_parameters + 2 * self.n_cut


@dataclass(frozen=True)
class _Choice:
    """Which data are fitted, by polynomials of which degree, with or without a correction.

    With a transition the data are one amplitude, and the transition's T_c and 1 / nu two more.
    """

    data: _Data
    order: int
    corrected: bool
    bent: bool
    total: int
    transition: ScalingFit | None = None

    @property
    def _observables(self) -> int:
        return int(self.data.values.shape[1])

    @property
    def _n_data(self) -> int:
        return int(self.data.values.size) + 2 * (self.transition is not None)

    @property
    def _n_parameters(self) -> int:
        linear = self._observables * (self.order + 1 + 2 * self.corrected)
        return linear + 2 + self.bent + self.corrected + (self.transition is not None)

    @cached_property
    def _target(self) -> Array:
        """Whitened data (n p,)."""
        return np.einsum("npq,nq->np", self.data.whiteners, self.data.values).ravel()

    def _columns(self, theta: Array) -> Array:
        """Whitened columns (n p, k) that the data are a sum of."""
        sizes, p = self.data.sizes, self._observables
        x = self.data.scaled(theta[0], theta[1], theta[2] if self.bent else 0.0)
        basis = [x**k for k in range(self.order + 1)]
        if self.corrected:
            basis += [sizes ** -theta[-1], x * sizes ** -theta[-1]]
        if self.transition is not None:
            basis.append(np.log(sizes))
        rows = np.einsum("npq,nk->npqk", self.data.whiteners, np.stack(basis, 1))
        return np.asarray(rows.reshape(len(sizes) * p, -1))

    def _before(self, theta: Array) -> Array:
        """How far T_c and 1 / nu are from the transition, in its errors."""
        if self.transition is None:
            return np.empty(0)
        return np.asarray(self._known @ (theta[:2] - self.transition.parameters))

    @cached_property
    def _known(self) -> Array:
        """The inverse root of the transition's covariance."""
        assert self.transition is not None, "asked for where there is one"
        return np.asarray(np.linalg.inv(np.linalg.cholesky(self.transition.covariance)))

    def _solved(self, theta: Array) -> tuple[Array, Array]:
        """The best coefficients for these T_c, 1 / nu and omega, and the residuals."""
        columns = self._columns(theta)
        coefficients = np.asarray(np.linalg.lstsq(columns, self._target, rcond=None)[0], float)
        return coefficients, self._residuals(columns, theta, coefficients)

    def _residuals(self, columns: Array, theta: Array, coefficients: Array) -> Array:
        return np.append(self._target - columns @ coefficients, self._before(theta))

    def fit(self, begun: Array) -> "_Fit | None":
        """The least chi^2; None where the data do not decide the parameters."""
        if self._n_data < self._n_parameters + _SPARE:
            return None
        low, high = self._bounds()
        start = np.array([*begun, *[0.0] * self.bent, *[_OMEGA] * self.corrected])
        start = np.clip(start, low + 1e-9, high - 1e-9)
        try:
            found = least_squares(lambda theta: self._solved(theta)[1], start, bounds=(low, high))
            return self._outcome(found.x)
        except (np.linalg.LinAlgError, ValueError):
            return None

    def _bounds(self) -> tuple[Array, Array]:
        temperatures = self.data.temperatures
        ranges = [(temperatures.min(), temperatures.max()), _INVERSE_NUS]
        ranges += [_BENDS] * self.bent + [_OMEGAS] * self.corrected
        low, high = zip(*ranges, strict=True)
        return np.array(low), np.array(high)

    def _outcome(self, theta: Array) -> "_Fit":
        coefficients, residuals = self._solved(theta)
        slopes = [self._slope(theta, i, coefficients) for i in range(len(theta))]
        linear = np.zeros((len(residuals), len(coefficients)))
        linear[: len(linear) - len(self._before(theta))] = -self._columns(theta)
        jacobian = np.column_stack([*slopes, linear])
        covariance = np.linalg.pinv(jacobian.T @ jacobian)
        kept = [0, 1] + [jacobian.shape[1] - 1] * (self.transition is not None)
        cut = (self.total - len(self.data.sizes)) * self._observables
        return _Fit(
            np.append(theta, coefficients)[kept], covariance[np.ix_(kept, kept)],
            float(residuals @ residuals), self._n_data, self._n_parameters, cut,
            tuple(np.unique(self.data.sizes).tolist()), self.corrected,
        )  # fmt: skip

    def _slope(self, theta: Array, i: int, coefficients: Array) -> Array:
        """How the residuals change with one parameter at fixed coefficients."""
        step = np.zeros_like(theta)
        step[i] = 1e-6 * max(abs(theta[i]), 1e-3)
        ahead, behind = (
            self._residuals(self._columns(at), at, coefficients)
            for at in (theta + step, theta - step)
        )
        return np.asarray((ahead - behind) / (2 * step[i]))


def _choices(data: _Data, begun: Array, transition: ScalingFit | None) -> Iterator[_Choice]:
    """All that is averaged over: at least three sizes, within a window of x."""
    sizes, reach = np.unique(data.sizes), np.abs(data.scaled(*begun))
    for least, width, corrected in product(sizes[:-2], _WIDTHS, (False, True)):
        kept = data.where((data.sizes >= least) & (reach <= width * reach.max()))
        if len(np.unique(kept.sizes)) < 3 + corrected:  # a correction takes one more
            continue
        for order, bent in product(_ORDERS, (False, True)):
            yield _Choice(kept, order, corrected, bent, len(data.sizes), transition)


def _begin(data: _Data) -> Array:
    """T_c and 1 / nu of the best plain fit to all data, from several starts."""
    middle, n = float(np.median(data.temperatures)), len(data.sizes)
    choice = _Choice(data, _ORDERS[1], corrected=False, bent=False, total=n)
    fits = [fit for y in _STARTS if (fit := choice.fit(np.array([middle, y]))) is not None]
    if not fits:
        raise AnalysisError(f"{n} points do not decide a scaling function; give more of them")
    return min(fits, key=lambda fit: fit.chi_squared).parameters[:2]


def _averaged(found: Sequence[_Fit], n_points: int, unit: str) -> ScalingFit:
    """The average over the fits, and the spread between them beside their errors."""
    sound = [fit for fit in found if np.isfinite(fit.covariance).all()]
    if not sound:
        raise AnalysisError(
            f"{n_points} points do not decide a scaling function; give more sizes, or more values "
            "between them"
        )
    best = min(sound, key=lambda fit: fit.score)
    freedom = best.n_data - best.n_parameters
    if chi2.sf(best.chi_squared, freedom) < _HOPELESS:
        raise AnalysisError(
            f"the sizes {', '.join(f'{size:g}' for size in best.sizes)} do not collapse: chi^2 is "
            f"{best.chi_squared:.4g} for {freedom} degrees of freedom; the chains may not be "
            "equilibrated, the temperatures too far from a transition, or the transition not "
            "continuous"
        )
    scores = np.array([fit.score for fit in sound])
    weights = np.exp((scores.min() - scores) / 2)
    weights /= weights.sum()
    values = np.array([fit.parameters for fit in sound])
    mean = weights @ values
    within = np.einsum("i,iab->ab", weights, np.array([fit.covariance for fit in sound]))
    between = np.einsum("i,ia,ib->ab", weights, values - mean, values - mean)
    corrected = float(weights @ np.array([fit.corrected for fit in sound]))
    return ScalingFit(
        mean, within + between, n_points, best.chi_squared, freedom, best.sizes, corrected, unit
    )


def _check(points: Sequence[Observed]) -> None:
    """Refuse what cannot collapse whatever its values."""
    temperatures: dict[tuple[int, ...], set[float]] = {}
    for point in points:
        temperatures.setdefault(point.cells, set()).add(point.parameter)
    few = [cells for cells, own in temperatures.items() if len(own) < 3]
    if len(temperatures) < 3 or few:
        short = f"; {'x'.join(map(str, few[0]))} has fewer than 3 temperatures" if few else ""
        raise InputError(
            f"{len(points)} points of {len(temperatures)} lattice sizes{short}; expected at least "
            "3 sizes with 3 temperatures each, on both sides of the transition"
        )
    proportions = {tuple(round(n / cells[0], 6) for n in cells) for cells in temperatures}
    if len(proportions) > 1:
        raise InputError(
            f"the lattices {', '.join('x'.join(map(str, cells)) for cells in temperatures)} have "
            "different proportions; a scaling function belongs to one: give lattices of one shape"
        )
