"""Where percolation sets in, and its exponents, from several sizes of any lattice."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from rsmi.errors import InputError
from rsmi.information import (
    Estimate,
    Outcome,
    Plain,
    Quantity,
    Sheet,
    format_with_error,
    quantity_sheet,
)
from rsmi.lattice.graphs import unit_cell
from rsmi.sampling.exact.universality import UNIVERSALITY
from rsmi.sampling.percolation import Cell, Kind, Percolation
from rsmi.sampling.threads import cores
from rsmi.scaling.fits import ScalingFit, fit_scaling
from rsmi.scaling.points import Array, Observed

_VALUES, _WIDTH = 7, 1.5  # occupations of each size, within so many spreads of its first wrap
_PILOT = 64  # runs that say where those are
_BLOCKS = 500
_LEAST_CELLS, _LEAST_RUNS, _CELL_BLOCKS, _ZERO = 5, 140, 20, 1e-3

_HALF_ANGLE = 2 * math.sin(math.pi / 18)
THRESHOLDS: Mapping[tuple[str, Kind], Estimate] = {
    ("square", "bond"): Estimate(0.5, 0.0, "exact", "1"),
    ("triangular", "site"): Estimate(0.5, 0.0, "exact", "1"),
    ("triangular", "bond"): Estimate(_HALF_ANGLE, 0.0, "exact", "1"),
    ("honeycomb", "bond"): Estimate(1 - _HALF_ANGLE, 0.0, "exact", "1"),
    ("kagome", "site"): Estimate(1 - _HALF_ANGLE, 0.0, "exact", "1"),
    ("square", "site"): Estimate(0.59274605079210, 2e-14, "estimate", "1"),
    ("cubic", "site"): Estimate(0.31160768, 1.5e-7, "estimate", "1"),
    ("cubic", "bond"): Estimate(0.24881185, 1e-7, "estimate", "1"),
}
"""Sykes and Essam (1964), J. Math. Phys. 5, 1117; square sites: Jacobsen (2015), arXiv:1507.03027;
cubic: Wang, Zhou, Zhang, Garoni and Deng (2013), arXiv:1302.0421."""


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
    runs: int = 20_000,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PercolationResult:
    r"""Find where percolation sets in, by wrapping of the torus, and its exponents.

    .. math:: R(p, L) = f(x), \quad \langle s_{max} \rangle / N = L^{-\beta/\nu} g(x), \quad
              x = \frac{p - p_c}{p_c} L^{1/\nu}

    Every run of a size is seen at seven occupations around the first wrap; what they share is
    measured by the covariance of all of them.

    Args:
        lattice: chain excepted, any lattice by its name, see `rsmi.sampling.Percolation`.
        sizes: At least three extents in cells, the same along all axes.
        kind: Whether sites or bonds are occupied.
        runs: Of each size.
        seed: Of all random numbers.
        progress: Is told how many sizes of how many are done.

    Returns:
        Estimates of p_c, nu and beta / nu, with chi^2 of the collapse.

    Raises:
        InputError: For fewer than three sizes, or too few runs.
        AnalysisError: Where the sizes do not collapse.

    Source: Newman and Ziff (2000), Phys. Rev. Lett. 85, 4104.
    """
    _check(lattice, sizes, runs)
    dimension, points = len(unit_cell(lattice).vectors), []
    workers = cores()
    for size in sorted(set(sizes)):
        grown = Percolation(lattice, (size,) * dimension, kind, seed)
        occupations = _occupations(grown, runs)
        series = grown.runs(0, runs, occupations, workers)
        labels = np.arange(runs) * _BLOCKS // runs
        points += [
            PercolationPoint(grown.cells, grown.sites, p, series[:, k], labels)
            for k, p in enumerate(occupations)
        ]
        progress(len(points) // _VALUES, len(set(sizes)))
    transition = fit_scaling(points, (lambda means, point: means[..., 0],), correction=4)
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
    if runs < _BLOCKS:
        raise InputError(f"{runs} runs of each size; expected at least {_BLOCKS}")


@dataclass(frozen=True, repr=False)
class CellResult(Outcome):
    """Renormalisation of percolation by cells of several sizes, hypercubic lattices.

    Args:
        dimension: Of the lattice.
        kind: Whether sites or bonds are occupied.
        sizes: b of every cell.
        fixed: p* of every cell.
        nus: ln b / ln R'(p*).
        critical: p_c, the limit of p*.
        nu: From how the slope grows from cell to cell.
    """

    dimension: int
    kind: Kind
    sizes: tuple[int, ...]
    fixed: tuple[Estimate, ...]
    nus: tuple[Estimate, ...]
    critical: Estimate
    nu: Estimate

    def quantities(self) -> list[Quantity]:
        """The limits beside what is known, then p* and nu of every cell."""
        known = self._known()
        about: dict[str, Plain] = {"occupied": self.kind, "dimension": self.dimension}
        found = [
            Quantity.of("percolation.cells.p_c", self.critical, known.get("p_c"), **about),
            Quantity.of("percolation.cells.nu", self.nu, known.get("nu"), **about),
        ]
        for size, p, nu in zip(self.sizes, self.fixed, self.nus, strict=True):
            found += [
                Quantity.of("percolation.cell.p_star", p, size=size, **about),
                Quantity.of("percolation.cell.nu", nu, size=size, **about),
            ]
        return found

    def _known(self) -> dict[str, float]:
        if self.dimension != 2:
            return {}
        nu = UNIVERSALITY["percolation_2d"].values()["nu"]
        return {"p_c": THRESHOLDS["square", self.kind].value, "nu": nu}

    def sheets(self) -> list[Sheet]:
        """The limits, then a row for every cell."""
        rows = [
            [str(size), *(format_with_error(x.value, x.error) for x in pair)]
            for size, *pair in zip(self.sizes, self.fixed, self.nus, strict=True)
        ]
        caption = "R(p*) = p*, nu = ln b / ln R'(p*)"
        return [
            quantity_sheet(self.quantities()[:2]),
            Sheet("", ["cell b", "p*", "nu of the cell"], rows, caption),
        ]


def percolation_cells(
    sizes: Sequence[int] = (2, 4, 8, 16, 32, 64),
    kind: Kind = "site",
    runs: int = 20_000,
    seed: int = 0,
    dimension: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> CellResult:
    r"""Renormalise percolation by large cells: a cell is occupied if it is spanned.

    .. math:: R_b(p^*) = p^*, \quad p^* = p_c + a\, b^{-1/\nu} + \dots, \quad
              \ln R_b'(p^*) = \tfrac{1}{\nu} \ln b + c + \dots

    Args:
        sizes: At least five extents b of cells, at least 2.
        kind: Whether sites or bonds are occupied.
        runs: Of each cell; of the smallest all orders are listed, so that they are exact.
        seed: Of all random numbers.
        dimension: Of the hypercubic lattice.
        progress: Is told how many cells of how many are done.

    Returns:
        p* and nu of every cell, and their limits, estimates whose errors are those of the fits.

    Raises:
        InputError: For too few cells or runs.

    Source: Reynolds, Stanley and Klein (1980), Phys. Rev. B 21, 1223.
    """
    chosen = tuple(sorted(set(sizes)))
    if len(chosen) < _LEAST_CELLS or runs < _LEAST_RUNS:
        raise InputError(
            f"{len(chosen)} sizes of cells with {runs} runs each; expected at least "
            f"{_LEAST_CELLS} sizes and {_LEAST_RUNS} runs"
        )
    fixed, slopes = [], []
    for done, size in enumerate(chosen):
        p, slope = _fixed_point(Cell(size, kind, dimension, seed), runs)
        fixed.append(p)
        slopes.append(slope)
        progress(done + 1, len(chosen))
    nus = [_cell_nu(size, slope) for size, slope in zip(chosen, slopes, strict=True)]
    y = _limit(chosen, slopes, lambda b: np.stack([np.log(b), np.ones_like(b), 1 / b], 1))
    near = _limit(chosen, fixed, lambda b: np.stack(
        [np.ones_like(b), b**-y.value, b ** (-y.value - 1)], 1))  # fmt: skip
    nu = Estimate(1 / y.value, y.error / y.value**2, "estimate", "1", runs)
    return CellResult(dimension, kind, chosen, tuple(fixed), tuple(nus), near, nu)


def _fixed_point(cell: Cell, runs: int) -> tuple[Estimate, Estimate]:
    """p* and ln R'(p*), with errors from leaving out a block of the runs at a time."""
    firsts = cell.firsts(0, runs)

    def found(own: NDArray[np.int64]) -> tuple[float, float]:
        p = brentq(lambda p: float(cell.probability(own, np.array([p]))[0]) - p, _ZERO, 1 - _ZERO)
        return float(p), math.log(cell.slope(own, float(p)))

    value = found(firsts)
    if len(firsts) != runs:  # all orders
        return Estimate(value[0], 0.0, "exact", "1"), Estimate(value[1], 0.0, "exact", "1")
    blocks = np.arange(runs) * _CELL_BLOCKS // runs
    replicas = np.array([found(firsts[blocks != b]) for b in range(_CELL_BLOCKS)])
    errors = np.sqrt((_CELL_BLOCKS - 1) * replicas.var(0))
    p, slope = (
        Estimate(v, float(e), "estimate", "1", runs) for v, e in zip(value, errors, strict=True)
    )
    return p, slope


def _cell_nu(size: int, slope: Estimate) -> Estimate:
    nu = math.log(size) / slope.value
    return Estimate(nu, nu * slope.error / slope.value, slope.kind, "1", slope.n)


def _limit(
    sizes: Sequence[int], values: Sequence[Estimate], columns: Callable[[Array], Array]
) -> Estimate:
    """The first coefficient of a weighted fit, its error enlarged where chi^2 is too large.

    Exact values of tiny cells would force it through what the columns leave out.
    """
    kept = [i for i, value in enumerate(values) if value.error]
    basis = columns(np.array([float(sizes[i]) for i in kept]))
    errors = np.array([values[i].error for i in kept])
    design = basis / errors[:, None]
    target = np.array([values[i].value for i in kept]) / errors
    best = np.linalg.lstsq(design, target, rcond=None)[0]
    freedom = len(kept) - basis.shape[1]
    chi_squared = float(((target - design @ best) ** 2).sum())
    spread = max(1.0, chi_squared / freedom) if freedom > 0 else 1.0
    error = math.sqrt(spread * float(np.linalg.inv(design.T @ design)[0, 0]))
    return Estimate(float(best[0]), error, "estimate", "1", len(kept))
