"""How finite-size scaling is drawn."""

from itertools import groupby
from typing import TYPE_CHECKING

from rsmi.report.drawing import draw
from rsmi.report.figures.style import CYCLE, GREY, MARKERS, blank, legend, styled
from rsmi.scaling import Point, ScalingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@draw.register(ScalingResult)
@styled
def scaling_figure(found: ScalingResult) -> "Figure":
    """Binder cumulant by temperature, then cumulant and order parameter in scaled variables."""
    figure = blank(9.6)
    raw, cumulant, order = figure.subplots(3, 1)
    critical, nu = found.transition.temperature.value, found.transition.nu.value
    beta = -found.order.power.value
    for place, points in enumerate(_sizes(found)):
        size = points[0].size
        own = [point.estimates() for point in points]
        t = [point.temperature for point in points]
        x = [(value / critical - 1) * size ** (1 / nu) for value in t]
        u4 = [each["cumulant"] for each in own]
        m = [each["magnetisation"] for each in own]
        scale = size**beta
        style = {
            "color": CYCLE[place % len(CYCLE)], "marker": MARKERS[place % len(MARKERS)],
            "markersize": 5, "linewidth": 1.2, "label": f"L = {size:g}",
        }  # fmt: skip
        raw.errorbar(t, [u.value for u in u4], [u.error for u in u4], **style)
        style["linestyle"] = "none"
        cumulant.errorbar(x, [u.value for u in u4], [u.error for u in u4], **style)
        order.errorbar(x, [scale * e.value for e in m], [scale * e.error for e in m], **style)
    _label(raw, cumulant, order, found)
    legend(figure)
    return figure


def _sizes(found: ScalingResult) -> list[list[Point]]:
    return [list(own) for _, own in groupby(found.points, key=lambda point: point.cells)]


def _label(raw: "Axes", cumulant: "Axes", order: "Axes", found: ScalingResult) -> None:
    estimate, nu = found.transition.temperature, found.transition.nu
    raw.axvline(estimate.value, color=GREY, linewidth=1)
    raw.set_xlabel(f"temperature (J); transition at {estimate}")
    for axes in (raw, cumulant):
        axes.set_ylabel("Binder cumulant $U_4$")
    for axes in (cumulant, order):
        axes.set_xlabel(rf"$(T/T_c - 1)\, L^{{1/\nu}}$, $\nu$ = {nu}")
    order.set_ylabel(r"$\langle |m| \rangle\, L^{\beta/\nu}$")
