"""What layers of a network keep and forget: against depth, and in training."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.report.figures.style import CYCLE, GREY, INK, MARKERS, blank, legend, styled, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS, _SYMBOLS = (*CYCLE, INK), (*MARKERS, "X")

_DODGE = 0.09
"""Sideways shift between networks at one layer."""

_LONG = 5
"""Names of layers with more letters are written slanted."""

_MANY = 16
"""More layers than this take the whole width, and not all of them are named."""


def short_name(name: str, letters: int = 20) -> str:
    """A name with its middle left out, where it is long.

    >>> short_name("encoder.layers.10.attention.out_proj"), short_name("encoder.0")
    ('encode..ion.out_proj', 'encoder.0')
    """
    if len(name) <= letters:
        return name
    head = letters // 3
    return f"{name[:head]}..{name[head + 2 - letters :]}"


@dataclass(frozen=True)
class Depth:
    """One quantity of one network, layer by layer.

    Args:
        label: Name of the network or of the measure, for the legend.
        lower: Lower values, shape (layers,); NaN where there is none.
        upper: Upper values; equal to the lower ones where a value is known from both sides.
        errors: One standard error, added on both sides; none without.
        dashed: Whether to draw the line dashed, as for a control.
    """

    label: str
    lower: Sequence[float]
    upper: Sequence[float]
    errors: Sequence[float] | None = None
    dashed: bool = False


@styled
def depth(
    layers: Sequence[str],
    panels: Mapping[str, Sequence[Depth]],
    quantity: str | None = None,
    place: str = "",
) -> "Figure":
    """Draw quantities in nats against depth; bars run from the lower to the upper value.

    Args:
        layers: Names, from the input to the output; or epochs, or whatever else `place` says.
        panels: Series by quantity, such as `H(X|T)`; one label has one colour in all panels.
        quantity: What all panels show, where their names are titles instead; empty where these
            say it.
        place: What stands along the horizontal axis, where it is not layers.

    Returns:
        A figure with one panel per quantity, two in a row where there are several of few layers.

    Raises:
        InputError: For no value, or a series of another length than the layers.
    """
    _check(layers, panels)
    labels = list(dict.fromkeys(s.label for series in panels.values() for s in series))
    columns = 1 if len(panels) == 1 or len(layers) > _MANY else 2
    rows = math.ceil(len(panels) / columns)
    figure = blank((3.9 if columns == 1 else 2.9) * rows + 0.6 + 0.3 * (len(labels) > 3))
    for number, (name, series) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, number + 1)
        for one in series:
            _series(axes, one, labels.index(one.label), len(labels))
        _layer_axis(axes, layers)
        if quantity is not None:
            axes.set_title(name, loc="left", fontsize=12)
        if quantity is None or number % columns == 0:
            shown = name if quantity is None else quantity
            axes.set_ylabel(f"{shown} (nats)" if shown else "nats")
        if place and number >= len(panels) - columns:
            axes.set_xlabel(place)
    if len(labels) > 1:
        legend(figure, 2 if len(labels) == 4 or max(map(len, labels)) > 17 else 3)
    return figure


def _check(layers: Sequence[str], panels: Mapping[str, Sequence[Depth]]) -> None:
    every = [series for group in panels.values() for series in group]
    for series in every:
        if not len(series.lower) == len(series.upper) == len(layers):
            raise InputError(
                f"'{series.label}' has {len(series.lower)} lower and {len(series.upper)} upper "
                f"values for {len(layers)} layers; expected one each"
            )
    if not any(math.isfinite(value) for series in every for value in series.lower):
        raise InputError("no value to draw; expected at least one layer with a finite value")


def _series(axes: "Axes", series: Depth, place: int, count: int) -> None:
    shift = _DODGE * (place - (count - 1) / 2)
    x = [k + shift for k in range(len(series.lower))]
    errors = series.errors or [0.0] * len(x)
    middle = [0.5 * (a + b) for a, b in zip(series.lower, series.upper, strict=True)]
    bars = [0.5 * (b - a) + e for a, b, e in zip(series.lower, series.upper, errors, strict=True)]
    axes.errorbar(
        x,
        middle,
        yerr=bars if any(bar > 0 for bar in bars) else None,
        color=_COLOURS[place % len(_COLOURS)],
        marker=_SYMBOLS[place % len(_SYMBOLS)],
        markersize=6 if len(x) <= _MANY else 3.5,
        markerfacecolor="white" if series.dashed else _COLOURS[place % len(_COLOURS)],
        linestyle="--" if series.dashed else "-",
        linewidth=1.3,
        capsize=3 if len(x) <= _MANY else 0,
        label=words(series.label),
    )


def _layer_axis(axes: "Axes", layers: Sequence[str]) -> None:
    slanted = max(map(len, layers)) > _LONG and len(layers) > 2
    named = range(0, len(layers), math.ceil(len(layers) / _MANY))
    axes.set_xticks(
        named,
        [words(short_name(layers[k])) for k in named],
        rotation=35 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor",
    )
    axes.set_xlim(-0.5, len(layers) - 0.5)
    axes.margins(y=0.08)
    low, high = axes.get_ylim()
    if low < 0.4 * high:
        axes.axhline(0, color=GREY, linewidth=0.8, zorder=0)
        axes.set_ylim(min(low, -0.03 * (high - low)), high)


@dataclass(frozen=True)
class Path:
    """One layer on its way through training.

    Args:
        layer: Its name.
        x: I(X;T) at the epochs measured.
        y: I(T;Y) there.
        x_bars: Half lengths of bars to either side, (2, epochs); none without.
        y_bars: The same of y.
    """

    layer: str
    x: Sequence[float]
    y: Sequence[float]
    x_bars: Sequence[Sequence[float]] = ()
    y_bars: Sequence[Sequence[float]] = ()

    def until(self, count: int) -> "Path":
        """The first epochs alone."""
        bars = [[side[:count] for side in both] for both in (self.x_bars, self.y_bars)]
        return Path(self.layer, self.x[:count], self.y[:count], *bars)


@dataclass(frozen=True)
class Limit:
    """A curve that no layer exceeds, from below and from above.

    Args:
        x: I(X;T).
        lower: I(T;Y) that some T reaches there.
        upper: I(T;Y) that no T exceeds.
        dots: (x, y) of the best functions by name, such as their number of symbols.
    """

    x: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    dots: Mapping[str, tuple[float, float]]


@styled
def plane(
    panels: Mapping[str, Sequence[Path]],
    limits: tuple[float | None, float | None] = (None, None),
    axes: tuple[str, str] = ("I(X;T)", "I(T;Y)"),
    limit: Limit | None = None,
) -> "Figure":
    """Draw the information plane over training: hollow at the start, filled at the end.

    Args:
        panels: Paths of the layers by what was measured, such as a network or an estimator.
        limits: Limits of x and y, such as H(X) and H(Y), drawn as lines where they are known.
        axes: What x and y are, in nats.
        limit: The most that any T keeps, drawn below the paths.

    Returns:
        A figure with one panel for each entry, two in a row; a single one is larger.

    Raises:
        InputError: For no path, or one without points.
    """
    paths = [path for group in panels.values() for path in group]
    if not paths or not all(len(path.x) == len(path.y) > 0 for path in paths):
        raise InputError(f"{len(paths)} paths; expected at least one, each with points (x, y)")
    names = list(dict.fromkeys(path.layer for path in paths))
    columns = min(len(panels), 2)
    rows = math.ceil(len(panels) / columns)
    figure = blank(2.9 * rows + (1.0 if len(panels) > 1 else 1.6))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for panel, (title, group) in zip(grid.flat, panels.items(), strict=False):
        panel.set_title(title, loc="left", fontsize=12)
        if limit is not None:
            _limit(panel, limit)
        for path in group:
            _path(panel, path, names.index(path.layer))
        _limits(panel, limits)
        panel.margins(0.08)
    for panel in grid.flat[len(panels) :]:
        panel.set_visible(False)
    figure.supxlabel(f"{axes[0]} (nats)", fontsize=13)
    figure.supylabel(f"{axes[1]} (nats)", fontsize=13)
    legend(figure, min(len(names), 6) if limit is None else 3)
    return figure


def plane_frames(
    epochs: Sequence[int], paths: Sequence[Path], limit: Limit | None = None
) -> "Iterator[Figure]":
    """The information plane after each epoch, all on the same axes, for `save_animation`.

    Args:
        epochs: Those measured; every path has a point at each.
        paths: As in `plane`.
        limit: As in `plane`.
    """
    whole = plane({"": paths}, limit=limit).axes[0]
    for count, epoch in enumerate(epochs, 1):
        title = {f"epoch {epoch}": [path.until(count) for path in paths]}
        figure = plane(title, limit=limit)
        figure.axes[0].set(xlim=whole.get_xlim(), ylim=whole.get_ylim())
        yield figure


def _path(axes: "Axes", path: Path, place: int) -> None:
    colour, marker = _COLOURS[place % len(_COLOURS)], _SYMBOLS[place % len(_SYMBOLS)]
    axes.plot(path.x, path.y, color=colour, linewidth=1.2, alpha=0.8)
    axes.errorbar(
        path.x,
        path.y,
        xerr=path.x_bars or None,
        yerr=path.y_bars or None,
        fmt="none",
        ecolor=colour,
        elinewidth=1,
        alpha=0.6,
    )
    axes.plot(path.x[1:-1], path.y[1:-1], marker, color=colour, markersize=3, linestyle="none")
    axes.plot(
        path.x[:1],
        path.y[:1],
        marker,
        markersize=7,
        markerfacecolor="white",
        markeredgecolor=colour,
        linestyle="none",
        zorder=3,
    )
    axes.plot(
        path.x[-1:],
        path.y[-1:],
        marker,
        color=colour,
        markersize=7,
        linestyle="none",
        zorder=4,
        label=words(path.layer),
    )


def _limit(axes: "Axes", limit: Limit) -> None:
    axes.fill_between(limit.x, limit.lower, limit.upper, color=GREY, alpha=0.3, linewidth=0)
    axes.plot(limit.x, limit.lower, color=GREY, label="most that any T keeps", zorder=1)
    for place, (name, (x, y)) in enumerate(limit.dots.items()):
        label = "best functions, by symbols" if place == 0 else None
        axes.plot(x, y, ".", color=INK, markersize=7, label=label, zorder=2)
        axes.annotate(name, (x, y), (3, -11), textcoords="offset points", fontsize=10)


def _limits(axes: "Axes", limits: tuple[float | None, float | None]) -> None:
    if limits[0] is not None:
        axes.axvline(limits[0], color=GREY, linewidth=1, linestyle=":", zorder=0)
    if limits[1] is not None:
        axes.axhline(limits[1], color=GREY, linewidth=1, linestyle=":", zorder=0)
