"""How finite-size scaling is drawn."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from rsmi.report.drawing import draw
from rsmi.report.figures.style import CYCLE, GREY, MARKERS, blank, legend, styled
from rsmi.scaling import CellResult, Observed, PercolationResult, ScalingFit, ScalingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Read = Callable[[Observed], tuple[float, float]]


@draw.register(ScalingResult)
@styled
def scaling_figure(found: ScalingResult) -> "Figure":
    """Binder cumulant by temperature, then cumulant and order parameter in scaled variables."""

    def cumulant(point: Any) -> tuple[float, float]:
        own = point.estimates["cumulant"]
        return own.value, own.error

    figure, (raw, scaled, order) = _panels(found.points, found.transition, cumulant)
    raw.set_xlabel(f"temperature (J); transition at {found.transition.critical}")
    for axes in (raw, scaled):
        axes.set_ylabel("Binder cumulant $U_4$")
    order.set_ylabel(r"$\langle |m| \rangle\, L^{\beta/\nu}$")
    return figure


@draw.register(PercolationResult)
@styled
def percolation_figure(found: PercolationResult) -> "Figure":
    """How often an axis is wrapped by occupation, then that and the largest cluster, scaled."""
    figure, (raw, scaled, largest) = _panels(
        found.points, found.transition, lambda point: _mean(point, 2)
    )
    raw.set_xlabel(f"occupied {found.kind}s; transition at {found.transition.critical}")
    for axes in (raw, scaled):
        axes.set_ylabel("an axis is wrapped")
    largest.set_ylabel(r"largest cluster $\times\, L^{\beta/\nu}$")
    return figure


@draw.register(CellResult)
@styled
def cells_figure(found: CellResult) -> "Figure":
    """p* and nu of cells by their size, with the limits and what is known."""
    figure = blank(6.4)
    known = {q.name.split(".")[-1]: q.reference for q in found.quantities()[:2]}
    rows = (("p_c", "$p^*$", found.fixed, found.critical), ("nu", r"$\nu$", found.nus, found.nu))
    for axes, (name, label, values, limit) in zip(figure.subplots(2, 1), rows, strict=True):
        numbers, errors = [v.value for v in values], [v.error for v in values]
        axes.errorbar(found.sizes, numbers, errors, color=CYCLE[0], fmt="o", label="cells")
        low, high = limit.value - limit.error, limit.value + limit.error
        axes.axhspan(low, high, color=CYCLE[1], alpha=0.4, linewidth=0, label="limit")
        if known[name] is not None:
            axes.axhline(float(known[name] or 0), color=GREY, linewidth=1, label="known")
        axes.set_xscale("log", base=2)
        axes.set_ylabel(label)
    axes.set_xlabel(f"extent b of the cell, {found.kind}s")
    legend(figure)
    return figure


def _mean(point: Observed, column: int) -> tuple[float, float]:
    values, covariance = point.jackknife(lambda means: means[..., [column]])
    return float(values[0]), float(np.sqrt(covariance[0, 0]))


def _panels(
    points: Sequence[Observed], transition: ScalingFit, ratio: _Read
) -> "tuple[Figure, Sequence[Axes]]":
    """Three panels: a ratio by the parameter, and, in the scaled one, the ratio and column 0."""
    figure = blank(9.6)
    panels = figure.subplots(3, 1)
    critical, nu, power = transition.critical.value, transition.nu, transition.power(0).value
    for place, (_, group) in enumerate(groupby(points, key=lambda point: point.cells)):
        own = list(group)
        size = own[0].size
        at = np.array([point.parameter for point in own])
        x = (at / critical - 1) * size ** (1 / nu.value)
        y, error = np.array([ratio(point) for point in own]).T
        m, spread = size**-power * np.array([_mean(point, 0) for point in own]).T
        style: dict[str, Any] = {
            "color": CYCLE[place % len(CYCLE)],
            "marker": MARKERS[(place + place // len(CYCLE)) % len(MARKERS)],
            "markersize": 5, "linewidth": 1.2, "label": f"L = {size:g}",
        }  # fmt: skip
        panels[0].errorbar(at, y, error, **style)
        panels[1].errorbar(x, y, error, linestyle="none", **style)
        panels[2].errorbar(x, m, spread, linestyle="none", **style)
    panels[0].axvline(critical, color=GREY, linewidth=1)
    for axes in panels[1:]:
        axes.set_xlabel(rf"scaled distance $t\, L^{{1/\nu}}$, $\nu$ = {nu}")
    legend(figure)
    return figure, panels
