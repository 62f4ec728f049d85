"""Methods below each other, and one panel for everything that was measured of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.report.figures.style import BLUE, GREY, INK, SKY, VERMILLION, blank, styled, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS = 3  # panels side by side
_ROW = 0.2  # inches


@dataclass(frozen=True)
class Dots:
    """What was measured of one method: all seeds, and their mean with its error.

    Args:
        values: Of the seeds; none where it was refused.
        mean: Of them.
        error: One standard error of it.
    """

    values: Sequence[float] = ()
    mean: float = 0.0
    error: float = 0.0


@dataclass(frozen=True)
class Panel:
    """One number of every method.

    Args:
        title: What it is.
        rows: Of each method, in order.
        known: Drawn as a dashed line, where there is one.
    """

    title: str
    rows: Sequence[Dots]
    known: float | None = None


@styled
def comparison(methods: Sequence[str], panels: Sequence[Panel]) -> "Figure":
    """Panels with a row for each method.

    Args:
        methods: Names, from top to bottom.
        panels: Those without a single value are left out.

    Raises:
        InputError: For no value at all.
    """
    shown = [panel for panel in panels if any(len(row.values) for row in panel.rows)]
    if not shown:
        raise InputError("no method was measured, so there is nothing to draw")
    down = -(-len(shown) // _ACROSS)
    figure = blank(down * (_ROW * len(methods) + 1.1))
    grid = figure.subplots(down, _ACROSS, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place < len(shown):
            _drawn(axes, shown[place], methods, named=place % _ACROSS == 0)
        else:
            axes.set_visible(False)
    return figure


def _drawn(axes: "Axes", panel: Panel, methods: Sequence[str], named: bool) -> None:
    """One panel; the names stand to the left of the first of a row."""
    if panel.known is not None:
        axes.axvline(panel.known, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    for place, row in enumerate(panel.rows):
        if len(row.values):
            axes.plot(row.values, [place] * len(row.values), ".", color=SKY, markersize=4, zorder=2)
            axes.errorbar(
                row.mean, place, xerr=row.error or None, fmt="o", color=BLUE, capsize=2,
                markersize=4, elinewidth=1.2, zorder=3,
            )  # fmt: skip
        else:
            axes.plot(
                0.02, place, "x", color=VERMILLION, markersize=5, clip_on=False,
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip
        axes.axhline(place, color=GREY, linewidth=0.3, zorder=0)
    axes.set_title(panel.title, fontsize=11)
    axes.set_yticks(range(len(methods)), list(map(words, methods)) if named else [])
    axes.tick_params(labelsize=9.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.locator_params(axis="x", nbins=3)
    axes.margins(x=0.15)
