"""Where percolation sets in, and its exponents, from several sizes of any lattice."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, quantity_sheet
from rsmi.lattice.graphs import unit_cell
from rsmi.sampling.exact.universality import UNIVERSALITY
from rsmi.sampling.percolation import Kind, Percolation
from rsmi.scaling.fits import ScalingFit, fit_scaling
from rsmi.scaling.points import Array, Observed

_VALUES, _WIDTH = 7, 1.5  # occupations of each size, within so many spreads of its first wrap
_PILOT = 64  # runs that say where those are
_LEAST_RUNS, _BLOCKS = 140, 64

_HALF_ANGLE = 2 * math.sin(math.pi / 18)
THRESHOLDS: Mapping[tuple[str, Kind], Estimate] = {
    ("square", "bond"): Estimate(0.5, 0.0, "exact", "1"),
    ("triangular", "site"): Estimate(0.5, 0.0, "exact", "1"),
    ("triangular", "bond"): Estimate(_HALF_ANGLE, 0.0, "exact", "1"),
    ("honeycomb", "bond"): Estimate(1 - _HALF_ANGLE, 0.0, "exact", "1"),
    ("kagome", "site"): Estimate(1 - _HALF_ANGLE, 0.0, "exact", "1"),
    ("square", "site"): Estimate(0.59274605079210, 2e-14, "estimate", "1"),
}
"""Sykes and Essam (1964), J. Math. Phys. 5, 1117; the last Jacobsen (2015), arXiv:1507.03027."""


@dataclass(frozen=True)
class PercolationPoint(Observed):
    """Runs of one lattice at one occupation; `series` is that of `Percolation.runs`."""

    def ratios(self, means: Array) -> Array:
        """How often some axis, and how often every axis is wrapped."""
        return np.asarray(means[..., 2:4])


@dataclass(frozen=True, repr=False)
class PercolationResult(Outcome):
    """The percolation transition of one lattice.

    Args:
        lattice: Its name.
        kind: Whether sites or bonds are occupied.
        points: What was measured at each size and occupation.
        transition: p_c and nu from the collapse of both wrapping probabilities and the share of
            the largest cluster, whose power is -beta / nu.
    """

    lattice: str
    kind: Kind
    points: tuple[PercolationPoint, ...]
    transition: ScalingFit

    def quantities(self) -> list[Quantity]:
        """p_c, nu and beta/nu beside what is known, then every point."""
        known, power = self._known(), self.transition.power(0)
        final = {
            "p_c": self.transition.critical,
            "nu": self.transition.nu,
            "beta_over_nu": replace(power, value=-power.value),
        }
        about = {"lattice": self.lattice, "occupied": self.kind, **self.transition.about()}
        found = [
            Quantity.of(f"percolation.{name}", value, known.get(name), **about)
            for name, value in final.items()
        ]
        return [*found, *(q for point in self.points for q in _measured(point))]

    def _known(self) -> dict[str, float]:
        threshold = THRESHOLDS.get((self.lattice, self.kind))
        found = {} if threshold is None else {"p_c": threshold.value}
        if self.points[0].dimension != 2:
            return found
        exponents = UNIVERSALITY["percolation_2d"].values()
        return found | {"nu": exponents["nu"], "beta_over_nu": exponents["delta_sigma"]}

    def sheets(self) -> list[Sheet]:
        """The transition, then a row for every point."""
        final = [q for q in self.quantities() if q.name.count(".") == 1]
        rows = [
            [f"{p.size:g}", f"{p.parameter:.6g}", *(q.text for q in _measured(p))]
            for p in self.points
        ]
        columns = ["L", "p", "largest cluster", "an axis wrapped", "every axis wrapped"]
        caption = "share of the sites, and shares of the runs"
        return [quantity_sheet(final), Sheet("", columns, rows, caption, most=40)]


def percolation(
    lattice: str = "square",
    sizes: Sequence[int] = (16, 24, 32, 48, 64, 96, 128),
    kind: Kind = "site",
    runs: int = 7000,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PercolationResult:
    r"""Find where percolation sets in, by wrapping of the torus, and its exponents.

    .. math:: R(p, L) = f(x), \quad \langle s_{max} \rangle / N = L^{-\beta/\nu} g(x), \quad
              x = \frac{p - p_c}{p_c} L^{1/\nu}

    Seven occupations around the first wrap of each size, each with runs of its own, so that the
    points are independent.

    Args:
        lattice: chain excepted, any lattice by its name, see `rsmi.sampling.Percolation`.
        sizes: At least three extents in cells, the same along all axes.
        kind: Whether sites or bonds are occupied.
        runs: Of each size, shared by its occupations.
        seed: Of all random numbers.
        progress: Is told how many points of how many are done.

    Returns:
        Estimates of p_c, nu and beta / nu, with chi^2 of the collapse.

    Raises:
        InputError: For fewer than three sizes, or too few runs.
        AnalysisError: Where the sizes do not collapse.

    Source: Newman and Ziff (2000), Phys. Rev. Lett. 85, 4104.
    """
    _check(lattice, sizes, runs)
    dimension, points = len(unit_cell(lattice).vectors), []
    for size in sorted(set(sizes)):
        grown = Percolation(lattice, (size,) * dimension, kind, seed)
        first = runs - runs % _VALUES
        for place, p in enumerate(_occupations(grown, first)):
            own = range(place * (runs // _VALUES), (place + 1) * (runs // _VALUES))
            series = grown.runs(own.start, own.stop, [p])[:, 0]
            labels = np.arange(len(own)) * _BLOCKS // len(own)
            points.append(PercolationPoint(grown.cells, grown.sites, p, series, labels))
            progress(len(points), len(set(sizes)) * _VALUES)
    transition = fit_scaling(points, (lambda means, point: means[..., 0],))
    return PercolationResult(lattice, kind, tuple(points), transition)


def _occupations(grown: Percolation, first: int) -> list[float]:
    """Occupations around the first wrap of runs that are not used again."""
    wraps = [grown.grow(run)[1].min() / grown.steps for run in range(first, first + _PILOT)]
    steps = np.linspace(-_WIDTH, _WIDTH, _VALUES)
    return [float(p) for p in np.mean(wraps) + np.std(wraps) * steps if 0 < p < 1]


def _measured(point: PercolationPoint) -> list[Quantity]:
    values, covariance = point.jackknife(lambda means: means[..., [0, 2, 3]])
    errors = np.sqrt(np.diag(covariance))
    about = {"size": point.size, "occupation": point.parameter}
    names = ("largest", "wrapped", "wrapped_all")
    return [
        Quantity(f"percolation.point.{name}", float(v), float(e), "estimate", "1", context=about)
        for name, v, e in zip(names, values, errors, strict=True)
    ]


def _check(lattice: str, sizes: Sequence[int], runs: int) -> None:
    if len(unit_cell(lattice).vectors) < 2:
        raise InputError(f"the {lattice} percolates at p = 1 alone; expected two axes or more")
    if len(set(sizes)) < 3:
        raise InputError(f"sizes are {list(sizes)}; expected at least 3 different ones")
    if runs < _LEAST_RUNS * _VALUES:
        raise InputError(
            f"{runs} runs of each size, shared by {_VALUES} occupations; expected at least "
            f"{_LEAST_RUNS * _VALUES}"
        )
