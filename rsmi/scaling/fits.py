"""Data collapse: one scaling function for all sizes, with the transition and its exponents."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import chi2

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Plain
from rsmi.scaling.points import Observed

Array = NDArray[np.float64]
P = TypeVar("P", bound=Observed)
Amplitude = Callable[[Array, P], Array]

_DEGREE = 8  # of the scaling function in x
_WIDE = 10.0  # standard deviation of coefficients of degree 0, in spreads of what is observed
_POWERS = 10.0  # of a power of L
_INVERSE_NUS = (0.1, 6.0)
_STARTS = (0.6, 1.0, 1.6)  # of 1 / nu
_MIDDLES = np.array([0.0, math.log(1.5), 0.0])  # of c, ln omega, and the logit of rho
_SPREADS = np.array([1.0, 0.5, 1.6])
_FARTHEST = 5.0  # spreads from the middle
_NONLINEAR = 4  # T_c, 1 / nu, c and omega
_WALKERS, _STEPS, _FIRST = 20, 300, 100  # the first steps are discarded
_OUTSIDE = 1e12  # of chi^2, for what may not be
_NARROWER = 0.7  # share of the largest |x| that a narrower window keeps
_LEAST = 3  # temperatures of a size in it
_LIKELY = 0.05  # chance of a fit that needs no narrower window
_SHARED = 0.99  # of a measured correlation, so that equal noise leaves something to fit
_PLENTY = 10  # blocks for each datum of a size, from which their whole covariance is measured
_SLOPED = 32  # blocks that a point needs for values and derivatives
_JOINED = 64  # blocks that are left for the correlation of points
_STEP = 1e-6  # of T, of numerical derivatives
_STILL = 1e-9  # relative error below which a number does not fluctuate
_HOPELESS = 1e-6  # chance of the best fit below which there is no collapse


@dataclass(frozen=True)
class ScalingFit:
    r"""What the collapse of several sizes gives.

    .. math:: Q(T, L) = f(x) + g(x) L^{-\omega}, \quad
              \ln A(T, L) = \kappa \ln L + f_A(x) + g_A(x) L^{-\omega} + a t, \quad
              x = (t + c t^2) L^{1/\nu}, \quad t = T / T_c - 1

    with polynomials f of degree 8 and g of degree 2 or 4, fitted together. The coefficients of f
    in Legendre's polynomials fall off as rho^k, those of g are free; rho, omega and c are averaged
    over with what the data leave open of them, so that the errors contain them.

    Args:
        parameters: T_c in units of J and 1 / nu, then kappa of every amplitude.
        covariance: Of the parameters.
        omega: The exponent of the correction.
        n: Number of points.
        chi_squared: Of the best fit.
        freedom: Number of data less those that its parameters take up.
        unit: Of T_c.

    Source: Binder (1981), Z. Phys. B 43, 119; corrections in a Bayesian collapse: Harada (2015),
    arXiv:1410.3622.
    """

    parameters: Array
    covariance: Array
    omega: Estimate
    n: int
    chi_squared: float
    freedom: float
    unit: str

    def about(self) -> dict[str, Plain]:
        """What to know of the fit, for the context of a quantity."""
        return {
            "chi_squared": self.chi_squared, "freedom": self.freedom, "chance": self.chance,
            "omega": str(self.omega),
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

    def power(self, amplitude: int) -> Estimate:
        """kappa of an amplitude that goes as L^kappa."""
        return self._estimate(2 + amplitude)

    def _estimate(self, i: int, unit: str = "1") -> Estimate:
        error = math.sqrt(self.covariance[i, i])
        return Estimate(float(self.parameters[i]), error, "estimate", unit, self.n)

    @property
    def chance(self) -> float:
        """How often a chi^2 at least so large comes by chance."""
        return float(chi2.sf(self.chi_squared, self.freedom))


def fit_scaling(
    points: Sequence[P], amplitudes: Sequence[Amplitude[P]] = (), correction: int = 2
) -> ScalingFit:
    """Collapse what all sizes share at the transition, and amplitudes: T_c, nu and powers of L.

    Points of one size may share random numbers, block by block; their correlation is measured.

    Args:
        points: At least three sizes with three temperatures each; what they share is
            `Observed.ratios`.
        amplitudes: Of means (..., columns) and a point, positive (...).
        correction: Degree of g; 2 does where the smaller sizes, which show it, cover little of x.

    Raises:
        InputError: For too few sizes or temperatures, or sizes of different proportions.
        AnalysisError: Where no fit describes the data.
    """
    _check(points)

    def observed(means: Array, point: P) -> Array:
        logarithms = [np.log(amplitude(means, point)) for amplitude in amplitudes]
        return np.concatenate([point.ratios(means), *(a[..., None] for a in logarithms)], -1)

    collapse = _windowed(_Collapse(_Data.of(points, observed), len(amplitudes), correction))
    return collapse.summary(collapse.walk(), points[0].unit)


@dataclass(frozen=True)
class _Data:
    """What is fitted, in its spreads (p,), and its precision.

    Rows are the values of n points, and below, where all of them know it and have enough blocks,
    the derivative by T.

    Args:
        sizes: L, (n,).
        temperatures: T, (n,).
        values: (rows, p).
        spreads: (p,) that values are divided by.
        precision: (rows p, rows p).
    """

    sizes: Array
    temperatures: Array
    values: Array
    spreads: Array
    precision: Array

    @classmethod
    def of(cls, points: Sequence[P], observed: Callable[[Array, P], Array]) -> "_Data":
        sloped = all(
            point.blocks >= _SLOPED and point.drift(point.without) is not None for point in points
        )
        shown, seen = zip(*(_seen(point, observed, sloped) for point in points), strict=True)
        values = np.stack(shown, 1)  # (rows of a point, n, p)
        (r, n, p), spreads = values.shape, np.std(values[0], 0)
        values[0] -= values[0].mean(0)
        precision = np.zeros((r, n, p, r, n, p))
        at = np.array([point.parameter for point in points])
        for cells in dict.fromkeys(point.cells for point in points):
            own = np.array([i for i in range(n) if points[i].cells == cells])
            found = _precision([seen[i] for i in own], at[own]).reshape((len(own), r, p) * 2)
            for (i, a), (j, b) in product(enumerate(own), repeat=2):
                precision[:, a, :, :, b] = found[i, :, :, j]
        precision *= spreads[:, None, None, None] * spreads
        sizes = np.array([point.size for point in points])
        rows = (values / spreads).reshape(r * n, p)
        return cls(sizes, at, rows, spreads, precision.reshape(r * n * p, -1))

    def where(self, kept: NDArray[np.bool_]) -> "_Data":
        """Some of the points."""
        rows = np.tile(kept, len(self.values) // len(kept))
        both = np.repeat(rows, len(self.spreads))
        covariance = np.linalg.inv(self.precision)[both][:, both]
        own = self.sizes[kept], self.temperatures[kept], self.values[rows]
        return _Data(*own, self.spreads, np.linalg.inv(covariance))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and p."""
        n, p = self.values.shape
        return n, p


def _seen(point: P, observed: Callable[[Array, P], Array], sloped: bool) -> tuple[Array, Array]:
    """What is observed, (1 or 2, p), derivatives second, and the same without a block of the point.

    The first is free of what a finite sample biases it by, to first order.
    """
    means = np.concatenate([point.columns.mean(0)[None], point.without])
    rows = [observed(means, point)]
    drift = point.drift(means)
    if sloped and drift is not None:
        step = _STEP * point.parameter
        ahead, behind = (observed(means + s * step * drift, point) for s in (1, -1))
        rows.append((ahead - behind) / (2 * step))
    found = np.stack(rows, 1)
    if (found[1:, 0].std(0) * math.sqrt(point.blocks) <= _STILL * abs(found[0, 0])).any():
        raise AnalysisError(
            f"what {'x'.join(map(str, point.cells))} shows at {point.parameter:g} does not "
            "fluctuate, so it has no error; leave this temperature out, or draw longer chains"
        )
    return point.blocks * found[0] - (point.blocks - 1) * found[1:].mean(0), found[1:]


def _precision(seen: Sequence[Array], at: Array) -> Array:
    """(m, m) of the points of one size at their temperatures.

    Of many blocks the whole covariance is measured; of few that of each point, and one correlation
    for each two of their rows, since they may share random numbers.
    """
    counts, width = [len(one) for one in seen], seen[0][0].size
    if min(counts) == max(counts) >= _PLENTY * width * len(seen):
        count = counts[0]
        whole = _covariance(np.concatenate([one.reshape(count, -1) for one in seen], 1))
        return np.asarray(np.linalg.inv(whole) * (count - len(whole) - 2) / (count - 1))
    roots = _roots(seen, at)
    noises = [
        ((one - one.mean(0)).reshape(len(one), -1) @ root).reshape(one.shape)
        for one, root in zip(seen, roots, strict=True)
    ]
    (r, p), n = seen[0].shape[1:], len(seen)
    count = min(_JOINED, *counts) * p
    apart = np.linalg.inv(_likeness(noises)) * (count - n * r - 2) / (count - 1)
    shaped = roots.reshape(n, r * p, r, p)
    found = np.einsum("aiqk,aqbs,bjsk->aibj", shaped, apart.reshape(n, r, n, r), shaped)
    return np.asarray(found.reshape(n * r * p, -1))


def _roots(seen: Sequence[Array], at: Array) -> Array:
    """(n, m, m) Cholesky factors of the inverse covariance of each point.

    Logarithms of covariances are smoothed over the temperatures. Those of single points fluctuate
    with their values: what comes out low by chance, with a small error, would pull all fits down.
    The inverse of a measured covariance is too large: Hartlap, Simon and Schneider (2007),
    astro-ph/0608064; here by what the logarithm of a Wishart matrix is too small.
    """
    found = np.stack([_covariance(one.reshape(len(one), -1)) for one in seen])
    scale = np.exp(np.log(np.diagonal(found, axis1=1, axis2=2)).mean(0) / 2)
    values, vectors = np.linalg.eigh(found / np.outer(scale, scale))
    logarithms = (vectors * np.log(values)[:, None]) @ vectors.swapaxes(1, 2)
    x = (at - at.mean()) / max(np.ptp(at), 1e-300)
    powers = np.vander(x, min(2, (len(at) - 1) // 2) + 1)
    smooth = powers @ np.linalg.pinv(powers) @ logarithms.reshape(len(at), -1)
    values, vectors = np.linalg.eigh(-smooth.reshape(found.shape))
    narrow = np.array([(found.shape[1] + 1) / (2 * len(one)) for one in seen])
    inverse = (vectors * np.exp(values - narrow[:, None])[:, None]) @ vectors.swapaxes(1, 2)
    return np.linalg.cholesky(inverse / np.outer(scale, scale))


def _covariance(replicas: Array) -> Array:
    """Of what is seen without one of the blocks, (blocks, m), by the jackknife."""
    count, spread = len(replicas), replicas - replicas.mean(0)
    return np.asarray((count - 1) / count * spread.T @ spread)


def _likeness(noises: Sequence[Array]) -> Array:
    """(n r, n r) correlation of white noise (blocks, r, p) of n points.

    Neighbouring blocks are joined, because points that share random numbers do so chain by chain.
    """
    joined = [
        np.add.reduceat(noise, np.unique(np.arange(len(noise)) * _JOINED // len(noise), True)[1])
        for noise in noises
    ]
    rows = [(k, row.ravel()) for k, noise in enumerate(joined) for row in noise.swapaxes(0, 1)]
    found = np.eye(len(rows))
    for (a, (one, u)), (b, (other, v)) in product(enumerate(rows), repeat=2):
        if one != other and len(u) == len(v):
            found[a, b] = _SHARED * (u @ v) / (np.linalg.norm(u) * np.linalg.norm(v))
    return found


@dataclass(frozen=True)
class _Collapse:
    """The posterior of theta = (T_c, 1 / nu, c, ln omega, logit rho), coefficients aside.

    Coefficients take their best values; only rho is judged by the volume that it leaves them.
    Integrated out for all of theta they would favour such T_c, 1 / nu and omega as give them room
    or make corrections small, which is no evidence: on exact scaling functions with the noise of
    a short run that moves T_c and nu by more than their errors.
    """

    data: _Data
    n_amplitudes: int
    correction: int

    @cached_property
    def _kept(self) -> NDArray[np.intp]:
        """Columns of all observables: ratios have no t and no ln L."""
        n, width = self.data.shape[1], _DEGREE + self.correction + 4
        kept = np.ones((n, width), dtype=bool)
        kept[: n - self.n_amplitudes, -2:] = False
        return np.flatnonzero(kept)

    @cached_property
    def _blocks(self) -> Array:
        """The precision as (p p n, n)."""
        n, p = self.data.shape
        precision = self.data.precision.reshape(n, p, n, p)
        return np.ascontiguousarray(precision.transpose(1, 3, 0, 2).reshape(-1, n))

    @cached_property
    def _pull(self) -> Array:
        """Precision times y, (n, p)."""
        return (self.data.precision @ self.data.values.ravel()).reshape(self.data.shape)

    @cached_property
    def _total(self) -> float:
        """chi^2 of nothing."""
        return float(self.data.values.ravel() @ self._pull.ravel())

    @property
    def _centre(self) -> tuple[float, float]:
        """A T_c and 1 / nu."""
        return float(np.median(self.data.temperatures)), 1.0

    @cached_property
    def begun(self) -> Array:
        """theta of the least chi^2 with its prior, from the best of some starts."""
        low, high = self.data.temperatures.min(), self.data.temperatures.max()
        middles = np.linspace(low, high, 17)[1:-1]
        starts = np.array([[t, y, *_MIDDLES] for t, y in product(middles, _STARTS)])
        best = starts[self._cost(starts).argmin()]
        simplex = best + np.vstack([np.zeros(5), np.diag([middles[1] - low, 0.2, *_SPREADS / 3])])
        found = minimize(
            lambda theta: float(self._cost(theta[None])[0]), best, method="Nelder-Mead",
            options={"initial_simplex": simplex, "maxiter": 600, "fatol": 0.01},
        )  # fmt: skip
        return np.asarray(found.x)

    def _cost(self, theta: Array) -> Array:
        """-2 ln of the posterior (w,) without the volume."""
        inside = self._inside(theta)
        asked = np.where(inside[:, None], theta, [*self._centre, *_MIDDLES])
        chi_squared, _, _ = self._solved(asked, *self._normal(asked))
        own = (((asked[:, 2:] - _MIDDLES) / _SPREADS) ** 2).sum(1)
        return np.where(inside, chi_squared + own, _OUTSIDE)

    @cached_property
    def _volume(self) -> Array:
        """Normal matrix at the start."""
        return np.asarray(self._normal(self.begun[None])[0])

    def _basis(self, theta: Array) -> Array:
        """(w, rows, K) columns of one observable: f, then g, t and ln L."""
        critical, y, bend, omega = (theta[:, i, None] for i in range(4))
        sizes = self.data.sizes
        t = self.data.temperatures / critical - 1
        x = t * (1 + bend * t) * sizes**y
        widest = np.abs(x).max(1, keepdims=True)
        polynomials, derived = _legendre(x / widest)
        shrunk = (sizes / sizes.min()) ** -np.exp(omega)
        logarithm = np.broadcast_to(np.log(sizes / sizes.min()), x.shape)
        first = self.correction + 1
        values = _columns(polynomials, shrunk, t, logarithm, first)
        if len(self.data.values) == len(sizes):
            return values
        turn = (1 + 2 * bend * t) * sizes**y / (critical * widest)
        moved = [turn * one for one in derived]
        slopes = _columns(moved, shrunk, 1 / critical + 0 * t, 0 * t, first)
        return np.concatenate([values, slopes], 1)

    def _normal(self, theta: Array) -> tuple[Array, Array]:
        """Normal matrices (w, m, m) and right-hand sides (w, m)."""
        basis = self._basis(theta)
        (n, p), (count, _, width) = self.data.shape, basis.shape
        across = self._blocks @ basis.transpose(1, 0, 2).reshape(n, -1)
        across = across.reshape(p * p, n, count, width).transpose(2, 0, 1, 3)
        gram = basis.transpose(0, 2, 1)[:, None] @ across
        gram = gram.reshape(count, p, p, width, width).transpose(0, 1, 3, 2, 4)
        right = np.einsum("np,wnk->wpk", self._pull, basis, optimize=True).reshape(count, -1)
        gram = gram.reshape(count, p * width, p * width)
        return gram[:, self._kept][:, :, self._kept], right[:, self._kept]

    def _prior(self, theta: Array) -> Array:
        """(w, m) standard deviations of the coefficients."""
        count, p = len(theta), self.data.shape[1]
        rho = 1 / (1 + np.exp(-theta[:, 4, None].clip(-20, 20)))
        f = _WIDE * rho ** np.arange(_DEGREE + 1)
        g = np.full((count, self.correction + 1), _WIDE)
        own = np.concatenate([f, g], 1)[:, None].repeat(p, 1)
        ends = np.stack([1 / self.data.spreads, _POWERS / self.data.spreads], 1)
        full = np.concatenate([own, np.broadcast_to(ends, (count, p, 2))], 2)
        return full.reshape(count, -1)[:, self._kept]

    def _solved(self, theta: Array, gram: Array, right: Array) -> tuple[Array, Array, Array]:
        """chi^2 with the prior's share (w,), coefficients (w, m) and their inverse covariance."""
        inverse = 1 / self._prior(theta) ** 2
        curvature = gram + inverse[:, None] * np.eye(gram.shape[-1])
        best = np.asarray(np.linalg.solve(curvature, right[..., None])[..., 0], dtype=np.float64)
        return np.asarray(self._total - (best * right).sum(1)), best, curvature

    def density(self, theta: Array) -> Array:
        """Logarithm of the posterior (w,), up to a constant."""
        prior = self._prior(theta)
        scaled = self._volume * prior[:, :, None] * prior[:, None]
        volume = np.linalg.slogdet(scaled + np.eye(prior.shape[1]))[1]
        return np.asarray(-(self._cost(theta) + volume) / 2)

    def _inside(self, theta: Array) -> NDArray[np.bool_]:
        at, (low, high) = self.data.temperatures, _INVERSE_NUS
        near = (np.abs(theta[:, 2:] - _MIDDLES) < _FARTHEST * _SPREADS).all(1)
        critical = (theta[:, 0] > at.min()) & (theta[:, 0] < at.max())
        return np.asarray(near & critical & (theta[:, 1] > low) & (theta[:, 1] < high))

    def walk(self) -> Array:
        """(draws, 5) of theta by walkers that stretch towards each other.

        Source: Goodman and Weare (2010), Commun. Appl. Math. Comput. Sci. 5, 65.
        """
        generator = np.random.default_rng(0)
        width = 0.1 * np.array([0.02 * np.ptp(self.data.temperatures), 0.05, *_SPREADS])
        state = self.begun + width * generator.normal(size=(_WALKERS, len(width)))
        state = np.where(self._inside(state)[:, None], state, self.begun)  # or they would be lost
        halves = np.arange(_WALKERS).reshape(2, -1)
        density, kept = self.density(state), []
        for step in range(_STEPS):
            for own, other in (halves, halves[::-1]):
                _stretch(self, state, density, (own, other), generator)
            if step >= _FIRST and step % 4 == 0:
                kept.append(state.copy())
        return np.concatenate(kept)

    def summary(self, draws: Array, unit: str) -> ScalingFit:
        """Means and covariance of T_c, 1 / nu and the powers.

        Raises:
            AnalysisError: Where chance does not explain chi^2.
        """
        chi_squared, freedom = self.quality(draws)
        if chi2.sf(chi_squared, freedom) < _HOPELESS:
            sizes = ", ".join(f"{size:g}" for size in np.unique(self.data.sizes))
            raise AnalysisError(
                f"the sizes {sizes} do not collapse: chi^2 is {chi_squared:.4g} for {freedom:.3g} "
                "degrees of freedom; the chains may not be equilibrated, the temperatures too far "
                "from a transition, or the transition not continuous"
            )
        _, best, curvature = self._solved(draws, *self._normal(draws))
        n, p = len(self.data.sizes), self.data.shape[1]
        width, ratios = _DEGREE + self.correction + 4, p - self.n_amplitudes
        ends = ratios * (width - 2) + width * np.arange(1, self.n_amplitudes + 1) - 1
        scale = self.data.spreads[ratios:]
        own = np.linalg.inv(curvature)[:, ends][:, :, ends].mean(0)
        found = np.concatenate([draws[:, :2], best[:, ends] * scale], 1)
        covariance = np.cov(found.T)
        covariance[2:, 2:] += own * np.outer(scale, scale)
        omegas = np.exp(draws[:, 3])
        omega = Estimate(float(omegas.mean()), float(omegas.std()), "estimate", "1", n)
        return ScalingFit(found.mean(0), covariance, omega, n, chi_squared, freedom, unit)

    def quality(self, draws: Array) -> tuple[float, float]:
        """chi^2 of the data at the best of some theta, and its degrees of freedom."""
        gram, right = self._normal(draws)
        _, best, curvature = self._solved(draws, gram, right)
        fitted = np.einsum("wi,wij,wj->w", best, gram, best, optimize=True)
        chi_squared = self._total - 2 * (best * right).sum(1) + fitted
        place = int(chi_squared.argmin())
        taken = float(np.trace(np.linalg.solve(curvature[place], gram[place])))
        return float(chi_squared[place]), max(1.0, self.data.values.size - taken - _NONLINEAR)

    def within(self, share: float) -> "_Collapse | None":
        """The same of the points within a share of the largest |x|; None where too few are."""
        critical, y = self.begun[:2]
        x = np.abs(self.data.temperatures / critical - 1) * self.data.sizes**y
        kept = x <= share * x.max()
        sizes, counts = np.unique(self.data.sizes[kept], return_counts=True)
        if len(sizes) < len(np.unique(self.data.sizes)) or counts.min() < _LEAST:
            return None
        return _Collapse(self.data.where(kept), self.n_amplitudes, self.correction)


def _columns(f: Sequence[Array], shrunk: Array, t: Array, logarithm: Array, first: int) -> Array:
    """f, its first ones that corrections have, t and ln L, or the derivatives of them."""
    corrections = [shrunk * one for one in f[:first]]
    return np.stack([*f, *corrections, t, logarithm], -1)


def _legendre(u: Array) -> tuple[list[Array], list[Array]]:
    """Polynomials of degree 0 to 8, and their derivatives."""
    found, derived = [np.ones_like(u), u], [np.zeros_like(u), np.ones_like(u)]
    for k in range(1, _DEGREE):
        found.append(((2 * k + 1) * u * found[k] - k * found[k - 1]) / (k + 1))
        derived.append(derived[k - 1] + (2 * k + 1) * found[k])
    return found, derived


def _windowed(collapse: _Collapse) -> _Collapse:
    """The widest window of x in which the functions describe the data, or that of the best fit."""
    found = [collapse]
    while chi2.sf(*found[-1].quality(found[-1].begun[None])) < _LIKELY:
        narrower = found[-1].within(_NARROWER)
        if narrower is None:
            break
        found.append(narrower)
    return max(found, key=lambda one: float(chi2.sf(*one.quality(one.begun[None]))))


def _stretch(
    collapse: _Collapse,
    state: Array,
    density: Array,
    halves: Sequence[NDArray[np.intp]],
    generator: np.random.Generator,
) -> None:
    """Move the first half of the walkers along lines through the second, in place."""
    own, other = halves
    factor = (1 + generator.random(len(own))) ** 2 / 2
    beside = state[generator.permutation(other)]
    proposed = beside + factor[:, None] * (state[own] - beside)
    found = collapse.density(proposed)
    gain = (state.shape[1] - 1) * np.log(factor) + found - density[own]
    taken = np.log(generator.random(len(own))) < gain
    state[own[taken]], density[own[taken]] = proposed[taken], found[taken]


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
