"""What the iteration of a rule found, as a figure."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from rsmi.information import Estimate
from rsmi.renormalization import SYMBOLS, FlowResult, MCRGResult, ScanEntry
from rsmi.renormalization.matching import FixedPoint
from rsmi.report.drawing import draw
from rsmi.report.figures import Line, ScanRow, exponents
from rsmi.report.figures.style import (
    BLUE,
    CYCLE,
    GREY,
    MARKERS,
    VERMILLION,
    blank,
    exact_line,
    legend,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@draw.register(MCRGResult)
def exponents_figure(found: MCRGResult) -> "Figure":
    """Leading exponents by step and number of couplings, beside those known."""
    lines = {parity: _line(found, name) for parity, name in SYMBOLS.items()}
    return exponents([_row(entry) for entry in found.scan], lines)


def _row(entry: ScanEntry) -> ScanRow:
    value = entry.exponent
    return ScanRow(entry.level + 1, entry.n_couplings, entry.parity, value.value, value.error)


def _line(found: MCRGResult, name: str) -> Line:
    exact = found.known.get(name)
    if not found.verdict.fixed_point:
        return Line(exact)
    value = found.exponents[name].value
    return Line(exact, value.value, value.error)


@draw.register(FlowResult)
@styled
def flow_figure(found: FlowResult) -> "Figure":
    """T'(T) with the staircase of the iterated rule; T*, y_t and the distance by level."""
    figure = blank(10.5)
    panels = figure.subplots(4, 1, height_ratios=[2.6, 1, 1, 1])
    _staircase(panels[0], found)
    known = found.known
    exact = None if known is None else (1 / known.coupling, known.universality.y_t.value)
    for which, axes in enumerate(panels[1:3]):
        if exact is not None:
            exact_line(axes, exact[which], "exact")
        axes.set_ylabel(("$T^*$ (J)", "$y_t$")[which])
    panels[3].axhline(0, color=GREY, linewidth=1)
    panels[3].set_ylabel("distance\n(nats per site)")
    panels[3].set_yscale("symlog", linthresh=1e-4)
    for place, (sizes, matches) in enumerate(zip(found.pairs, found.levels, strict=True)):
        own = [match for match in matches if match.fixed is not None]
        for axes, read in zip(panels[1:], _READ, strict=True):
            values = [read(cast(FixedPoint, match.fixed)) for match in own]
            axes.errorbar(
                [match.level + 0.06 * place for match in own],
                [v.value for v in values],
                [v.error for v in values],
                color=CYCLE[place % len(CYCLE)],
                fmt=MARKERS[place % len(MARKERS)],
                capsize=3,
                label=f"{sizes[1]} beside {sizes[0]}",
            )
            axes.set_xticks([match.level for match in matches])
    panels[3].set_xlabel("steps of the smaller lattice")
    legend(figure)
    return figure


_READ: tuple[Callable[[FixedPoint], Estimate], ...] = (
    lambda fixed: fixed.temperature.estimate("J"),
    lambda fixed: fixed.exponent.estimate("1"),
    lambda fixed: fixed.distance,
)
"""T*, y_t and the distance of a level."""


def _staircase(axes: "Axes", found: FlowResult) -> None:
    """T'(T), the diagonal, and where the rule takes two temperatures beside T*."""
    effective = found.chosen.effective
    at = np.array([t for t, _ in effective])
    moved = np.array([m.value for _, m in effective])
    errors = [m.error for _, m in effective]
    axes.errorbar(at, moved, errors, color=BLUE, fmt="o-", capsize=3, label="$T'(T)$")
    if len(at):
        axes.plot(at[[0, -1]], at[[0, -1]], color=GREY, linewidth=1)
    if not found.reasons and len(at):
        axes.axvline(found.T_c.value, color=GREY, linewidth=1, linestyle=":")
        for start in _beside(found.T_c.value, at):
            axes.plot(*_stairs(start, at, moved), color=VERMILLION, linewidth=1.3)
    axes.set_xlabel("temperature $T$ (J)")
    axes.set_ylabel("after a step, $T'$ (J)")


def _beside(critical: float, at: NDArray[np.float64]) -> list[float]:
    """Where two staircases begin: a sixth of the way to the ends."""
    return [critical + (end - critical) / 6 for end in (at[0], at[-1])]


def _stairs(
    start: float, at: NDArray[np.float64], moved: NDArray[np.float64]
) -> tuple[list[float], list[float]]:
    """Corners of T -> T' -> T'' until the measured temperatures end."""
    x, y, t = [start], [start], start
    while at[0] <= t <= at[-1] and len(x) < 40:
        after = float(np.interp(t, at, moved))
        x, y, t = [*x, t, after], [*y, after, after], after
    return x, y
