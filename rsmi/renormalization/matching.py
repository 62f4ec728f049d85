"""Two-lattice matching: which temperature of the smaller lattice looks like the larger one."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray
from scipy.stats import chi2

from rsmi.information.number import Estimate

Array = NDArray[np.float64]

_MOST_DEGREE = 7  # odd, since an even power more leaves the slope in the middle too flat


@dataclass(frozen=True)
class Flowed:
    """Averages of one lattice at one temperature at every level, block by block of the data.

    Args:
        temperature: T in units of J.
        shapes: Lattice at each level.
        names: Of the operators, which are counted per term and site.
        count: (blocks,) configurations.
        first: (levels, blocks, m) sums of the operators.
        same: (levels, blocks, m, m) sums of their products.
        energy: (blocks,) sums of E in units of J; None where energies are not known.
        cross: (levels, blocks, m) sums of E times the operators, or None.
    """

    temperature: float
    shapes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    count: Array
    first: Array
    same: Array
    energy: Array | None = None
    cross: Array | None = None

    @property
    def size(self) -> int:
        """L, the extent along the first axis."""
        return self.shapes[0][0]

    def values(self, level: int) -> Array:
        """(1 + blocks, r, m): all data, then one block left out at a time.

        r = 1 for the averages; where energies are known their derivative by T besides,
        `(<S E> - <S> <E>) / T^2`.
        """
        mean = self._means(self.first[level])
        if self.energy is None or self.cross is None:
            return mean[:, None]
        energy, cross = self._means(self.energy[:, None]), self._means(self.cross[level])
        return np.stack([mean, (cross - mean * energy) / self.temperature**2], 1)

    def covariance(self, level: int) -> Array:
        """(m, m) of the operators."""
        n = self.count.sum()
        mean = self.first[level].sum(0) / n
        return np.asarray(self.same[level].sum(0) / n - np.outer(mean, mean))

    def _means(self, sums: Array) -> Array:
        """Of all data and with one block left out."""
        count = np.concatenate([[self.count.sum()], self.count.sum() - self.count])
        left = np.concatenate([sums.sum(0, keepdims=True), sums.sum(0) - sums])
        return np.asarray(left / count[:, None])


@dataclass(frozen=True)
class Replicas:
    """A function of several ensembles, of all data and with one block left out.

    Args:
        values: (1 + sum of sizes, ...).
        sizes: Blocks of each ensemble.
    """

    values: Array
    sizes: tuple[int, ...]

    @property
    def whole(self) -> Array:
        """Of all data."""
        return np.asarray(self.values[0])

    def covariance(self) -> Array:
        """Jackknife covariance of (k,) values.

        Blocks of one number are left out of all ensembles of so many blocks at once: ensembles that
        were drawn with one seed share random numbers, chain by chain, and independent ones do not
        mind.
        """
        joint: dict[int, Array] = {}
        for part in np.split(self.values[1:], np.cumsum(self.sizes)[:-1]):
            joint[len(part)] = joint.get(len(part), 0.0) + part - part.mean(0)
        return np.asarray(sum((n - 1) / n * part.T @ part for n, part in joint.items()))

    def errors(self) -> Array:
        """Standard errors of (k,) values."""
        return np.sqrt(np.diag(self.covariance()))

    def estimate(self, unit: str) -> Estimate:
        """Of a single value, () or (1,)."""
        one = Replicas(self.values.reshape(-1, 1), self.sizes)
        return Estimate(float(one.whole[0]), float(one.errors()[0]), "estimate", unit)

    def like(self, values: Array) -> "Replicas":
        """Other values of the same replicas."""
        return Replicas(values, self.sizes)


@dataclass(frozen=True)
class Course:
    """Averages of one lattice at one level as polynomials of the temperature.

    ```
    S_a(T) = sum_k c_ak ((T - T_0) / T_0)^k,    fitted to S_a and, where known, to dS_a / dT
    ```

    Args:
        coefficients: (replicas, m, degree + 1).
        sizes: Blocks of each ensemble of the fit.
        chance: (m,) probability of so large a chi^2; 1 where the curve is not tested.
    """

    coefficients: Array
    sizes: tuple[int, ...]
    chance: Array

    @classmethod
    def through(cls, ensembles: Sequence[Flowed], level: int, origin: float) -> Self:
        """Fit one lattice at all its temperatures, with weights from the jackknife."""
        values = [one.values(level) for one in ensembles]
        r, m = values[0].shape[1:]
        data = r * len(ensembles)
        degree = min(_MOST_DEGREE, (data // 2 - 1) // 2 * 2 + 1)
        rows = [_rows((one.temperature - origin) / origin, degree, r, origin) for one in ensembles]
        fits = [_fit(rows, [v[..., a] for v in values]) for a in range(m)]
        free = data - degree - 1
        chance = [float(chi2.sf(square, free)) if free else 1.0 for _, square in fits]
        sizes = tuple(len(v) - 1 for v in values)
        return cls(np.stack([c for c, _ in fits], 1), sizes, np.array(chance))

    def spread_over(self, before: int, after: int) -> Array:
        """Coefficients for replicas of other ensembles too, which leave them as they are."""
        whole = self.coefficients[:1]
        return np.concatenate(
            [
                whole,
                whole.repeat(before, 0),
                self.coefficients[1:],
                whole.repeat(after, 0),
            ]
        )


def _rows(t: float, degree: int, r: int, origin: float) -> Array:
    """(r, degree + 1): what the coefficients make of value and derivative at a temperature."""
    powers = np.arange(degree + 1)
    value = t**powers
    slope = np.array([k * t ** (k - 1) if k else 0.0 for k in powers]) / origin
    return np.stack([value, slope])[:r]


def _fit(rows: Sequence[Array], values: Sequence[Array]) -> tuple[Array, float]:
    """Generalised least squares: coefficients of all replicas, and chi^2 of all data."""
    weights = [np.linalg.pinv(_jackknife(v[1:]), hermitian=True) for v in values]
    normal = sum(a.T @ w @ a for a, w in zip(rows, weights, strict=True))
    gains = [np.linalg.solve(normal, a.T @ w) for a, w in zip(rows, weights, strict=True)]
    whole = sum(g @ v[0] for g, v in zip(gains, values, strict=True))
    moved = [(v[1:] - v[0]) @ g.T for g, v in zip(gains, values, strict=True)]
    rest = [v[0] - a @ whole for a, v in zip(rows, values, strict=True)]
    square = sum(float(x @ w @ x) for x, w in zip(rest, weights, strict=True))
    return np.concatenate([whole[None], *(whole + part for part in moved)]), square


def _jackknife(left_out: Array) -> Array:
    n, spread = len(left_out), left_out - left_out.mean(0)
    return np.asarray((n - 1) / n * spread.T @ spread)


@dataclass(frozen=True)
class Match:
    """The larger lattice after n + 1 steps beside the smaller one after n: equal coarse lattices.

    Args:
        level: n.
        shape: The coarse lattice that both have become.
        effective: T and T'(T) of the larger lattice's temperatures, where the smaller one has it.
        chance: Least probability of so large a chi^2 of the polynomials.
        fixed: Where T'(T) = T; None where that is nowhere.
    """

    level: int
    shape: tuple[int, ...]
    effective: tuple[tuple[float, Estimate], ...]
    chance: float
    fixed: "FixedPoint | None"


@dataclass(frozen=True)
class FixedPoint:
    """Where a step leaves the temperature as it is.

    Args:
        temperature: T* with T'(T*) = T*, in units of J, weighted over the operators.
        exponent: ln(dT'/dT) / ln b at T*, likewise.
        spread: How far the operators differ about both, beyond their noise.
        distance: Relative entropy of both coarse ensembles at T*, nats per site.
        crossed: Operators that have a T*, of how many.
    """

    temperature: Replicas
    exponent: Replicas
    spread: tuple[float, float]
    distance: Estimate
    crossed: tuple[int, int]


@dataclass(frozen=True)
class Pair:
    """Two lattices whose sizes differ by the scale factor, at several temperatures each.

    Args:
        small: The smaller one.
        large: The larger one.
        scale: b.
    """

    small: tuple[Flowed, ...]
    large: tuple[Flowed, ...]
    scale: int

    @cached_property
    def origin(self) -> float:
        """T_0 of the polynomials."""
        return float(np.mean([one.temperature for one in (*self.small, *self.large)]))

    @property
    def range(self) -> tuple[float, float]:
        """Temperatures that both lattices have on either side."""
        own = [[one.temperature for one in part] for part in (self.small, self.large)]
        return max(map(min, own)), min(map(max, own))

    @property
    def levels(self) -> int:
        """Steps of the smaller lattice that the larger one makes with one more."""
        return min(len(self.small[0].shapes), len(self.large[0].shapes) - 1)

    def within(self, low: float, high: float) -> "Pair":
        """The same from a part of the temperatures."""

        def kept(part: Sequence[Flowed]) -> tuple[Flowed, ...]:
            return tuple(one for one in part if low <= one.temperature <= high)

        return Pair(kept(self.small), kept(self.large), self.scale)

    def match(self, level: int) -> Match:
        """T'(T), and where it is T, after so many steps of the smaller lattice."""
        curves = _Curves.of(self, level)
        shape, effective = self.small[0].shapes[level], tuple(curves.effective())
        return Match(level, shape, effective, curves.chance, self._fixed(curves, level))

    def _fixed(self, curves: "_Curves", level: int) -> FixedPoint | None:
        roots = {a: t for a in range(curves.m) if (t := curves.root(a)) is not None}
        if not roots:
            return None
        places = np.stack([curves.place(a, t) for a, t in roots.items()], 1)
        slopes = np.stack([curves.slope(a, places[:, k]) for k, a in enumerate(roots)], 1)
        temperature, off_t = curves.joined(self.origin * (1 + places))
        whole = slopes[:1]
        logarithms = np.log(whole) + (slopes - whole) / whole  # to first order, as the jackknife
        exponent, off_y = curves.joined(logarithms / math.log(self.scale))
        distance = self._distance(curves, temperature, level)
        return FixedPoint(temperature, exponent, (off_t, off_y), distance, (len(roots), curves.m))

    def _distance(self, curves: "_Curves", at: Replicas, level: int) -> Estimate:
        """`(d C^-1 d - tr C^-1 Sigma) / 2 N` of the averages' difference d, its noise taken off."""
        gap = curves.gap(at.values / self.origin - 1)
        noise = at.like(gap).covariance()
        near = min(self.small, key=lambda one: abs(one.temperature - float(at.whole)))
        shape = near.shapes[level]
        inverse = np.linalg.pinv(near.covariance(level), rcond=1e-10, hermitian=True)
        moved, felt = gap[0] @ inverse, inverse @ noise
        value = (moved @ gap[0] - np.trace(felt)) / 2
        error = math.sqrt(moved @ noise @ moved + np.trace(felt @ felt) / 2)
        return Estimate(value / math.prod(shape), error / math.prod(shape), "estimate", "nats")


@dataclass(frozen=True)
class _Curves:
    """Averages of both lattices at one level as polynomials, for all replicas.

    Args:
        pair: The lattices.
        small: (replicas, m, degree + 1).
        large: Likewise.
        sizes: Blocks of all ensembles.
        chance: Least probability of a chi^2.
    """

    pair: Pair
    small: Array
    large: Array
    sizes: tuple[int, ...]
    chance: float

    @classmethod
    def of(cls, pair: Pair, level: int) -> Self:
        small = Course.through(pair.small, level, pair.origin)
        large = Course.through(pair.large, level + 1, pair.origin)
        n_small, n_large = sum(small.sizes), sum(large.sizes)
        return cls(
            pair,
            small.spread_over(0, n_large),
            large.spread_over(n_small, 0),
            small.sizes + large.sizes,
            float(min(small.chance.min(), large.chance.min())),
        )

    @property
    def m(self) -> int:
        return self.small.shape[1]

    def root(self, a: int) -> float | None:
        """Where both curves of one operator cross, the larger lattice's being the steeper one."""
        own = _difference(self.large[0, a], self.small[0, a])
        return next(
            (t for t in self._inside(own) if _slope(self.large[0, a], self.small[0, a], t) > 1),
            None,
        )

    def _inside(self, polynomial: Array) -> list[float]:
        """Real roots within the common range of temperatures, those near its middle first."""
        low, high = (t / self.pair.origin - 1 for t in self.pair.range)
        roots = np.polynomial.polynomial.polyroots(polynomial)
        real = [float(z.real) for z in roots if abs(z.imag) < 1e-9]
        return sorted(
            (t for t in real if low <= t <= high), key=lambda t: abs(t - (low + high) / 2)
        )

    def place(self, a: int, start: float, target: Array | None = None) -> Array:
        """The crossing of every replica; with a target where the smaller lattice reaches that."""
        high = self.large[:, a] if target is None else target
        own = _difference(high, self.small[:, a])
        return _nearby(own, start)

    def slope(self, a: int, t: Array) -> Array:
        """dT'/dT of every replica."""
        return _slope(self.large[:, a], self.small[:, a], t)

    def gap(self, t: Array) -> Array:
        """(replicas, m) difference of the averages."""
        return np.stack(
            [_at(self.large[:, a], t) - _at(self.small[:, a], t) for a in range(self.m)],
            1,
        )

    def joined(self, values: Array) -> tuple[Replicas, float]:
        """Mean of operators weighted by their noise, and how far they differ beyond it."""
        own = Replicas(values, self.sizes)
        weights = 1 / np.maximum(own.errors(), 1e-300) ** 2
        weights /= weights.sum()
        mean = values @ weights
        apart = Replicas(values - mean[:, None], self.sizes)
        beyond = np.maximum(apart.whole**2 - apart.errors() ** 2, 0.0)
        return Replicas(mean, self.sizes), math.sqrt(float(weights @ beyond))

    def effective(self) -> Iterable[tuple[float, Estimate]]:
        """T'(T) at the temperatures of the larger lattice."""
        for one in self.pair.large:
            t = one.temperature / self.pair.origin - 1
            found = [self._effective(a, t) for a in range(self.m)]
            known = [values for values in found if values is not None]
            if len(known) == self.m:
                mean, apart = self.joined(np.stack(known, 1))
                value = mean.estimate("J")
                error = math.hypot(value.error, apart)
                yield one.temperature, Estimate(value.value, error, "estimate", "J")

    def _effective(self, a: int, t: float) -> Array | None:
        target = np.zeros_like(self.large[:, a])
        target[:, 0] = polyval(t, self.large[:, a].T)
        inside = self._inside(_difference(target[0], self.small[0, a]))
        if not inside:
            return None
        start = min(inside, key=lambda found: abs(found - t))
        return self.pair.origin * (1 + self.place(a, start, target))


def _difference(a: Array, b: Array) -> Array:
    """Of polynomials of any degrees, along the last axis."""
    found = np.zeros(
        (*np.broadcast_shapes(a.shape[:-1], b.shape[:-1]), max(a.shape[-1], b.shape[-1]))
    )
    found[..., : a.shape[-1]] += a
    found[..., : b.shape[-1]] -= b
    return found


def _derivative(polynomial: Array) -> Array:
    return polynomial[..., 1:] * np.arange(1, polynomial.shape[-1])


def _slope(large: Array, small: Array, t: Any) -> Any:
    """dT'/dT where both curves cross."""
    at = np.atleast_1d(np.asarray(t))
    rise = [_at(np.atleast_2d(_derivative(own)), at) for own in (large, small)]
    found = rise[0] / rise[1]
    return float(found[0]) if np.ndim(t) == 0 else found


def _at(polynomial: Array, t: Array) -> Array:
    """(replicas, k) polynomials at (replicas,) places."""
    return np.asarray((polynomial * t[:, None] ** np.arange(polynomial.shape[1])).sum(1))


def _nearby(polynomial: Array, root: float) -> Array:
    """Root of every replica, to first order beside that of all data, as a jackknife takes it."""
    t = np.full(len(polynomial), root)
    return np.asarray(t - _at(polynomial, t) / _at(_derivative(polynomial[:1]), t[:1]))
