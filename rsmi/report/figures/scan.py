"""Columns of a scan against one of its settings, with the curves fitted to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.report.figures.style import CYCLE, GREEN, GREY, MARKERS, blank, legend, styled, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Series:
    """Points that belong together.

    Args:
        label: What they are.
        x: Where each is drawn.
        y: Its value.
        error: One standard error of each.
        curves: Lines through them: label, x and y of each.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    error: Sequence[float]
    curves: Sequence[tuple[str, Sequence[float], Sequence[float]]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Mark:
    """A place on the horizontal axis.

    Args:
        x: The place.
        label: What is there.
        error: One standard error of it; 0 for a known place.
    """

    x: float
    label: str
    error: float = 0.0


@styled
def scan(
    series: Sequence[Series],
    across: str,
    up: str,
    log: Sequence[str] = (),
    ticks: Sequence[str] = (),
    marks: Sequence[Mark] = (),
) -> "Figure":
    """Series on common axes, fitted curves as lines, known places as dashed ones.

    Args:
        series: At least one with a point.
        across: Name of the horizontal axis.
        up: Name of the vertical axis.
        log: `x`, `y`, or both, where the axis is logarithmic.
        ticks: Names of the places 0, 1, ... of an axis without numbers.
        marks: Places that are found, as bands, or known, as lines.

    Raises:
        InputError: For no point.
    """
    from matplotlib.ticker import MaxNLocator

    if not any(len(one.x) for one in series):
        raise InputError("a scan without a single number has nothing to draw")
    figure = blank(4.4 + 0.25 * (len(series) // 2))
    axes = figure.subplots()
    for number, one in enumerate(series):
        _drawn(axes, one, number)
    for mark in marks:
        _marked(axes, mark)
    axes.set_xlabel(words(across))
    axes.set_ylabel(words(up))
    if all(float(x).is_integer() for one in series for x in one.x):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if ticks:
        axes.set_xticks(range(len(ticks)), list(map(words, ticks)))
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
    legend(figure, 2)
    return figure


def _marked(axes: "Axes", mark: Mark) -> None:
    """A band of one error, or a line."""
    if mark.error:
        ends = mark.x - mark.error, mark.x + mark.error
        axes.axvspan(*ends, color=GREEN, alpha=0.2, linewidth=0, label=words(mark.label))
    else:
        axes.axvline(mark.x, color=GREY, linestyle="--", linewidth=1.2, label=words(mark.label))


def _drawn(axes: "Axes", one: Series, number: int) -> None:
    """One series with its curves, in one colour."""
    colour, marker = CYCLE[number % len(CYCLE)], MARKERS[number % len(MARKERS)]
    noisy = any(one.error)
    axes.errorbar(
        one.x,
        one.y,
        yerr=one.error if noisy else None,
        fmt=marker,
        color=colour,
        markerfacecolor=colour if noisy else "white",
        capsize=3,
        label=words(one.label),
    )
    styles = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
    for (label, x, y), style in zip(one.curves, styles, strict=False):
        axes.plot(x, y, color=colour, linestyle=style, linewidth=1.3, label=words(label))
