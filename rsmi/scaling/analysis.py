"""From samples at several sizes and temperatures to a transition with its exponents."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, format_with_error, quantity_sheet
from rsmi.lattice import Space
from rsmi.sampling.exact.universality import CriticalPoint
from rsmi.scaling.fits import ScalingFit, fit_scaling
from rsmi.scaling.points import Array, Point, cumulant, length_ratio, measure_point
from rsmi.scaling.reweighting import Histograms, crossing
from rsmi.storage import opened, points_of


@dataclass(frozen=True, repr=False)
class ScalingResult(Outcome):
    """A transition seen at several sizes.

    Args:
        points: What was measured at each size and temperature.
        transition: T_c and nu from the collapse of U4, <|m(k)|^2> / <m^2>, |m|, whose power is
            -beta / nu, and N <m^2> / T, whose power is gamma / nu.
        crossings: Where neighbouring sizes agree: observable, sizes, temperature and value.
        maxima: Where a size has its largest: observable, size, temperature and value.
        known: The critical point of the model, where it is known.
    """

    points: tuple[Point, ...]
    transition: ScalingFit
    crossings: tuple[tuple[str, float, float, Estimate, Estimate], ...] = ()
    maxima: tuple[tuple[str, float, Estimate, Estimate], ...] = ()
    known: CriticalPoint | None = None

    def quantities(self) -> list[Quantity]:
        """T_c, nu, beta/nu and gamma/nu, crossings, then every point."""
        exact = self._exact()
        final = [
            Quantity.of(f"scaling.{name}", value, exact.get(name), **self.transition.about())
            for name, value in self._final().items()
        ]
        crossed = [
            Quantity.of(
                f"scaling.crossing.{name}", where, exact.get("T_c"), sizes=[small, large],
                height=str(height),
            )
            for name, small, large, where, height in self.crossings
        ]  # fmt: skip
        peaks = [
            Quantity.of(f"scaling.maximum.{name}", where, size=size, height=str(height))
            for name, size, where, height in self.maxima
        ]
        return [*final, *crossed, *peaks, *self._measured()]

    def _final(self) -> dict[str, Estimate]:
        fit = self.transition
        beta, gamma = replace(fit.power(0), value=-fit.power(0).value), fit.power(1)
        return {"T_c": fit.critical, "nu": fit.nu, "beta_over_nu": beta, "gamma_over_nu": gamma}

    def _exact(self) -> dict[str, float]:
        if self.known is None:
            return {}
        exponents, d = self.known.universality.values(), self.points[0].dimension
        return {
            "T_c": 1 / self.known.coupling,
            "nu": exponents["nu"],
            "beta_over_nu": exponents["delta_sigma"],
            "gamma_over_nu": d - 2 * exponents["delta_sigma"],
        }

    def _measured(self) -> list[Quantity]:
        found = []
        for point in self.points:
            exact = {} if point.exact_energy is None else {"energy": point.exact_energy}
            found += [
                Quantity.of(
                    f"scaling.point.{name}", value, exact.get(name), size=point.size,
                    temperature=point.temperature,
                )
                for name, value in (point.estimates | {"tau_int": point.memory}).items()
            ]  # fmt: skip
        return found

    def sheets(self) -> list[Sheet]:
        """The transition, where sizes agree and peak, then a row for every point."""
        final = [q for q in self.quantities() if q.name.count(".") == 1]
        places = [*self._crossing_rows(), *self._maximum_rows()]
        head = ["at", "sizes", "temperature", "value"]
        between = [Sheet("", head, places, "by reweighting; J", words=1)] if places else []
        return [quantity_sheet(final), *between, self._points_sheet()]

    def _crossing_rows(self) -> list[list[str]]:
        return [
            [f"crossing, {name}", f"{small:g}, {large:g}", _text(where), _text(height)]
            for name, small, large, where, height in self.crossings
        ]

    def _maximum_rows(self) -> list[list[str]]:
        return [
            [f"maximum, {name}", f"{size:g}", _text(where), _text(height)]
            for name, size, where, height in self.maxima
        ]

    def _points_sheet(self) -> Sheet:
        columns = [name for name in _SHOWN if any(name in p.estimates for p in self.points)]
        rows = []
        for point in self.points:
            own = point.estimates | {"tau_int": point.memory}
            cells = [_text(own[name]) if name in own else "" for name in columns]
            rows.append([f"{point.size:g}", f"{point.temperature:.6g}", *cells])
        return Sheet("", ["L", "T", *columns], rows, "per site, in units of J", most=40)


_SHOWN = ("energy", "specific_heat", "magnetisation", "susceptibility", "cumulant", "length_ratio",
          "tau_int")  # fmt: skip


def finite_size_scaling(
    samples: Any,
    temperatures: Sequence[float] | None = None,
    *,
    chains: int | None = None,
    space: Sequence[str | Space] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ScalingResult:
    r"""Find a transition and its exponents from several sizes and temperatures.

    .. math:: U_4, \ \frac{\langle |m(k)|^2 \rangle}{\langle m^2 \rangle} = f(x), \quad
              \langle |m| \rangle = L^{-\beta/\nu} g(x), \quad
              \chi = L^{\gamma/\nu} h(x), \quad x = \frac{T - T_c}{T_c} L^{1/\nu}

    Args:
        samples: A path of a collection, whose every lattice and temperature is taken, or a sequence
            of paths, open samples and arrays, see `rsmi.storage.samples_of`.
        temperatures: One for each source, in units of J, where the sources do not know them.
        chains: Of arrays, see `rsmi.storage.samples_of`.
        space: Of arrays, one for each, likewise.
        progress: Is told how many sources of how many are measured.

    Returns:
        The transition with chi^2 of its collapse; where the energies of all configurations are
        known, crossings and maxima by reweighting besides. All are estimates.

    Raises:
        InputError: For fewer than three sizes with three temperatures each, or what
            `measure_point` refuses.
        AnalysisError: Where the sizes do not collapse.

    Source: Binder (1981), Z. Phys. B 43, 119; Ferrenberg and Swendsen (1989), Phys. Rev. Lett. 63,
    1195; Jay and Neil (2021), arXiv:2008.01069.
    """
    measured, known = _measured(samples, temperatures, chains, space, progress)
    points = sorted(measured, key=lambda point: (point.size, point.temperature))
    histograms = _histograms(points)
    return ScalingResult(
        tuple(points),
        fit_scaling(points, (_magnetisation, _susceptibility)),
        tuple(_crossings(histograms)),
        tuple(_maxima(histograms)),
        known,
    )


def _text(estimate: Estimate) -> str:
    return format_with_error(estimate.value, estimate.error)


def _magnetisation(means: Array, point: Point) -> Array:
    return means[..., 0]


def _susceptibility(means: Array, point: Point) -> Array:
    return np.asarray(point.sites * means[..., 1])


def _measured(
    samples: Any,
    temperatures: Sequence[float] | None,
    chains: int | None,
    space: Sequence[str | Space] | None,
    progress: Callable[[int, int], None],
) -> tuple[list[Point], CriticalPoint | None]:
    """Every source, measured and closed again, and the critical point they agree on."""
    sources = points_of(samples)
    for name, given in (("temperatures", temperatures), ("space", space)):
        if given is not None and len(given) != len(sources):
            raise InputError(
                f"{len(given)} {name} were given for {len(sources)} sources; expected one for each"
            )
    points, known = [], []
    for place, source in enumerate(sources):
        own = None if space is None else space[place]
        with source() if callable(source) else opened(source, chains=chains, space=own) as found:
            points.append(
                measure_point(found, None if temperatures is None else temperatures[place])
            )
            known.append(found.critical)
        progress(place + 1, len(sources))
    agreed = all(point == known[0] for point in known)
    return points, known[0] if agreed else None


def _histograms(points: Sequence[Point]) -> tuple[Histograms, ...]:
    """Joined temperatures of every size, if all energies are known and overlap."""
    if any(point.energies is None for point in points):
        return ()
    sizes = groupby(points, key=lambda point: point.cells)
    try:
        return tuple(Histograms(tuple(own)) for _, own in sizes)
    except AnalysisError:  # the collapse needs no overlap
        return ()


def _crossings(
    histograms: Sequence[Histograms],
) -> Iterator[tuple[str, float, float, Estimate, Estimate]]:
    for small, large in pairwise(histograms):
        for name, function in _RATIOS.items():
            if (found := crossing(small, large, function)) is not None:
                yield (name, small.points[0].size, large.points[0].size, *found)


def _maxima(histograms: Sequence[Histograms]) -> Iterator[tuple[str, float, Estimate, Estimate]]:
    for name, function in _PEAKS.items():
        for joined in histograms:
            if (peak := _peak(joined, function)) is not None:
                yield (name, joined.points[0].size, *peak)


_RATIOS: dict[str, Callable[[Array, Point], float]] = {
    "cumulant": lambda means, point: float(cumulant(means)),
    "length_ratio": lambda means, point: float(length_ratio(means, point)),
}

_PEAKS: dict[str, Callable[[Array, float, int], float]] = {
    "specific_heat": lambda m, k, n: float(n * k**2 * (m[5] - m[4] ** 2)),
    "connected_susceptibility": lambda m, k, n: float(n * k * (m[1] - m[0] ** 2)),
}
"""Of means, K and the number of sites."""


def _peak(
    joined: Histograms, function: Callable[[Array, float, int], float]
) -> tuple[Estimate, Estimate] | None:
    """Temperature and height of a maximum between the temperatures; None at their end."""
    n, (low, high) = joined.points[0].sites, joined.range

    def height(t: float, sample: int) -> float:
        return function(joined.means(1 / t, sample), 1 / t, n)

    @cache
    def place(sample: int) -> float:
        found = minimize_scalar(
            lambda t: -height(t, sample), bounds=(low, high), method="bounded",
            options={"xatol": 1e-7 * high},
        )  # fmt: skip
        return float(found.x)

    margin = 1e-3 * (high - low)
    if not low + margin < place(0) < high - margin:
        return None
    where = joined.estimate(place, "J")
    return where, joined.estimate(lambda sample: height(place(sample), sample))
