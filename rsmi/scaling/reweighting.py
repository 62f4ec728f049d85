"""Configurations of several temperatures joined into one function of the temperature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp, softmax

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate
from rsmi.scaling.points import Point

Array = NDArray[np.float64]

_ROUNDS, _CLOSE = 100, 1e-9
_BLOCKS = 16
_LEVELS = 8192  # energies told apart
_COLUMNS = 6  # the series, e and e^2
_APART = 2.0  # standard deviations of the energy between neighbouring temperatures, both added


@dataclass(frozen=True, eq=False)
class Histograms:
    r"""What one lattice shows at several temperatures, by its energy.

    .. math:: \langle O \rangle_K = \frac{\sum_n O_n w_n}{\sum_n w_n}, \quad
              w_n = \frac{e^{-K E_n}}{\sum_i N_i e^{f_i - K_i E_n}}, \quad
              e^{-f_i} = \sum_n w_n(K_i)

    A record counts 1 / 2 tau_int of a configuration.

    Args:
        points: The temperatures of one lattice, each with its energies.

    Raises:
        InputError: For points of several lattices, or without energies.
        AnalysisError: Where neighbouring temperatures share no energies.

    Source: Ferrenberg and Swendsen (1989), Phys. Rev. Lett. 63, 1195; Shirts and Chodera (2008),
    arXiv:0801.1426.
    """

    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.points, key=lambda point: -point.temperature))
        if len({p.cells for p in ordered}) != 1 or any(p.energies is None for p in ordered):
            raise InputError(
                "reweighting joins the temperatures of one lattice, and needs the energy of every "
                "configuration; give points of one lattice that know it"
            )
        object.__setattr__(self, "points", ordered)
        _check_overlap(ordered)

    @cached_property
    def couplings(self) -> Array:
        """(T,) K_i = 1 / T_i, ascending."""
        return np.array([1 / point.temperature for point in self.points])

    @cached_property
    def energies(self) -> Array:
        """(U,) energies that came, in units of J."""
        return self._tables[0]

    @cached_property
    def _tables(self) -> tuple[Array, Array, Array]:
        """Energies (U,), weighted sums (B, U, k + 1), effective counts (B, T)."""
        found = np.concatenate([_known(point) for point in self.points])
        levels, index = _levels(found)
        k = _COLUMNS + 1
        sums = np.zeros((_BLOCKS, len(levels), k))
        counts = np.zeros((_BLOCKS, len(self.points)))
        start = 0
        for place, point in enumerate(self.points):
            own = index[start : start + len(point.series)]
            start += len(own)
            block, weight = point.labels * _BLOCKS // point.blocks, _weight(point)
            rows = np.column_stack([point.columns[:, :_COLUMNS], np.ones(len(own))]) * weight
            np.add.at(sums, (block, own), rows)
            counts[:, place] = np.bincount(block, minlength=_BLOCKS) * weight
        return levels, sums, counts

    @cached_property
    def _samples(self) -> list[tuple[Array, Array, Array]]:
        """Sums (U, k + 1), their own denominators (U,) and f of all blocks, then without each."""
        _, sums, counts = self._tables
        full = self._solved(sums.sum(0), counts.sum(0), self._start)
        rest = [
            self._solved(sums.sum(0) - sums[b], counts.sum(0) - counts[b], full[2])
            for b in range(_BLOCKS)
        ]
        return [full, *rest]

    @property
    def _start(self) -> Array:
        """f by the trapezium rule, df/dK = <E>."""
        means = np.array([_known(point).mean() for point in self.points])
        steps = np.diff(self.couplings) * (means[1:] + means[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(steps)])

    def _solved(self, sums: Array, counts: Array, free: Array) -> tuple[Array, Array, Array]:
        """Newton's method for f, whose equations are the gradient of a convex function."""
        present = np.log(np.maximum(sums[:, -1], 1e-300))
        exponent = -np.outer(self.energies, self.couplings)
        for _ in range(_ROUNDS):
            terms = np.log(counts) + free + exponent
            share = np.exp(terms - logsumexp(terms, 1, keepdims=True) + present[:, None])
            expected = share.sum(0)
            slope = expected - counts
            curvature = np.diag(expected) - share.T @ (share / np.exp(present)[:, None])
            step = np.linalg.lstsq(curvature[1:, 1:], slope[1:], rcond=None)[0]
            step *= min(1.0, 1.0 / max(np.abs(step).max(), 1e-300)) if len(step) else 1.0
            free = free - np.concatenate([[0.0], step])
            if np.abs(slope).max() < _CLOSE * counts.sum():
                return sums, logsumexp(np.log(counts) + free + exponent, 1), free
        raise AnalysisError(
            "the temperatures could not be joined; give some that lie closer together"
        )

    def means(self, coupling: float, sample: int = 0) -> Array:
        """(k,) means of the columns at any K; of all blocks, or without block `sample` - 1."""
        sums, denominator, _ = self._samples[sample]
        count = np.log(np.maximum(sums[:, -1], 1e-300))
        weight = softmax(-coupling * self.energies - denominator + count)
        return np.asarray(weight @ (sums[:, :-1] / np.maximum(sums[:, -1:], 1e-300)))

    def curve(
        self, function: Callable[[Array], float], temperatures: Sequence[float]
    ) -> list[Estimate]:
        """A function of the means at temperatures between the first and the last."""
        return [
            self.estimate(lambda sample, k=1 / t: function(self.means(k, sample)))  # type: ignore[misc]
            for t in temperatures
        ]

    def estimate(self, value: Callable[[int], float], unit: str = "1") -> Estimate:
        """A number that depends on the sample, see `means`, with its jackknife error."""
        spread = np.array([value(sample) for sample in range(1, _BLOCKS + 1)])
        error = float(np.sqrt((_BLOCKS - 1) * spread.var()))
        return Estimate(value(0), error, "estimate", unit, _BLOCKS)

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest temperature."""
        return self.points[-1].temperature, self.points[0].temperature


def crossing(
    small: Histograms, large: Histograms, function: Callable[[Array, Point], float]
) -> tuple[Estimate, Estimate] | None:
    """Temperature where two lattices show the same value, and the value; None where they do not.

    Args:
        small: The smaller lattice.
        large: The larger one.
        function: Of means and a point of the lattice, as `length_ratio`.
    """
    low = max(small.range[0], large.range[0])
    high = min(small.range[1], large.range[1])

    def gap(t: float, a: int, b: int) -> float:
        found = function(small.means(1 / t, a), small.points[0])
        return float(found - function(large.means(1 / t, b), large.points[0]))

    @cache
    def place(a: int, b: int) -> float:
        return float(brentq(gap, low, high, args=(a, b), xtol=1e-10))

    try:
        return _both(small, large, place, function)
    except ValueError:  # no change of sign, for all blocks or without one of them
        return None


def _both(
    small: Histograms,
    large: Histograms,
    place: Callable[[int, int], float],
    function: Callable[[Array, Point], float],
) -> tuple[Estimate, Estimate]:
    """Place and height; the lattices are independent, so their variances add."""
    parts = [
        (small.estimate(lambda s: place(s, 0)), small.estimate(
            lambda s: float(function(small.means(1 / place(s, 0), s), small.points[0])))),
        (large.estimate(lambda s: place(0, s)), large.estimate(
            lambda s: float(function(large.means(1 / place(0, s), s), large.points[0])))),
    ]  # fmt: skip
    where, height = (
        Estimate(a.value, float(np.hypot(a.error, b.error)), "estimate", unit, a.n)
        for (a, b), unit in zip(zip(*parts, strict=True), ("J", "1"), strict=True)
    )
    return where, height


def _known(point: Point) -> Array:
    assert point.energies is not None, "checked when the points were joined"
    return point.energies


def _weight(point: Point) -> float:
    """What a record counts of an independent configuration."""
    return 1 / max(2 * point.memory.value, 1.0)


def _levels(energies: Array) -> tuple[Array, NDArray[np.intp]]:
    """Energies told apart, (U,), and which of them each is; many different ones in fine bins."""
    levels, index = np.unique(energies, return_inverse=True)
    if len(levels) <= _LEVELS:
        return levels, index
    width = (levels[-1] - levels[0]) / _LEVELS
    bins, index = np.unique(np.floor((energies - levels[0]) / width), return_inverse=True)
    return np.bincount(index, energies) / np.bincount(index, minlength=len(bins)), index


def _check_overlap(points: Sequence[Point]) -> None:
    for hot, cold in pairwise(points):
        gap = _known(hot).mean() - _known(cold).mean()
        if gap > _APART * (_known(hot).std() + _known(cold).std()):
            raise AnalysisError(
                f"the energies at temperatures {cold.temperature:g} and {hot.temperature:g} of "
                f"{'x'.join(map(str, hot.cells))} do not overlap, so nothing joins them; draw "
                "temperatures between them, or a smaller lattice"
            )
