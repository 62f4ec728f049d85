"""What layers keep and forget, as figures."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rsmi.errors import InputError
from rsmi.information import Estimate, Frontier
from rsmi.layers import (
    InformationPlane,
    LayerReport,
    TrainedLayers,
    TrainingComparison,
    Underspecification,
    Value,
)
from rsmi.layers.trained import ACCURACY
from rsmi.report import figures
from rsmi.report.drawing import draw
from rsmi.report.figures.style import BLUE, GREY, INK, blank, legend, styled, words
from rsmi.report.page import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_SAMPLES = 200
_DRAWN = ("H(X|T)", "H(Y|T)", "I(X;T)", "I(T;Y)")


def layer_figures(report: LayerReport, directory: Path) -> list[Figure]:
    """The figure of a page; none where nothing can be drawn.

    Args:
        report: What was measured.
        directory: Receives the picture.
    """
    if not any(row.quantities for row in report.rows):
        return []
    return [
        Figure(
            figures.save(report.plot(), directory / "depth.png"),
            "Entropy against depth",
            "Each value of each layer. Bars run from the certified lower to the certified upper "
            "value, with one standard error added on both sides; a value without a bar is exact or "
            "known from one side only, as the table says.",
        )
    ]


@draw.register(LayerReport)
def _figure(report: LayerReport) -> "Drawing":
    """Quantities of the network, and of its untrained control, against depth."""
    reports = report.networks
    rows = [row for one in reports.values() for row in one.rows]
    known = list(dict.fromkeys(quantity for row in rows for quantity in row.quantities))
    if not known:
        raise InputError("no quantity of these layers is defined, so there is nothing to draw")
    panels = {
        quantity: [
            depth_series(label, one, quantity, dashed=place > 0)
            for place, (label, one) in enumerate(reports.items())
        ]
        for quantity in [q for q in _DRAWN if q in known] or known
    }
    return figures.depth([row.name for row in report.rows], panels)


def depth_series(
    label: str, report: LayerReport, quantity: str, dashed: bool = False
) -> figures.Depth:
    """One quantity of one report, layer by layer, for `figures.depth`."""
    values = [row.quantities.get(quantity) for row in report.rows]
    lower, upper, errors = zip(*map(_ends, values), strict=True)
    return figures.Depth(label, lower, upper, errors, dashed)


def _ends(value: Value | None) -> tuple[float, float, float]:
    if value is None:
        return math.nan, math.nan, 0.0
    if isinstance(value, Estimate):
        return value.value, value.value, value.error
    lower, upper = value.lower, value.upper
    return lower.value, upper.value, max(lower.error, upper.error)


@draw.register(TrainedLayers)
def _trained(found: TrainedLayers) -> "Drawing":
    """The layers after training beside those before."""
    return found.report.plot()


_COMPARED = ("H(X|T)", "H(Y|T)")


@draw.register(TrainingComparison)
def _compared(found: TrainingComparison) -> "Drawing":
    """Entropies by layer, a line for each way; of a single layer a row for each way."""
    if len(found.layers) > 1:
        panels = {
            name: [_series_of(found, way, name) for way in found.trained] for name in _COMPARED
        }
        return figures.depth(found.layers, panels)
    (layer,) = found.layers
    best = found.best.get(layer)
    ways = [*found.trained, *found.refused]
    shown = {"I(T;Y)": None if best is None else best.value, "H(X|T)": None, ACCURACY: None}
    rows = [
        figures.Panel(f"{name} of {layer}", [_dots_of(found, way, name) for way in ways], known)
        for name, known in shown.items()
    ]
    return figures.comparison(ways, rows)


def _series_of(found: TrainingComparison, way: str, name: str) -> figures.Depth:
    means = [found.mean(way, layer, name) for layer in found.layers]
    lower = [math.nan if m is None else m.mean - m.half_width for m in means]
    upper = [math.nan if m is None else m.mean + m.half_width for m in means]
    errors = [0.0 if m is None else m.seed_error for m in means]
    return figures.Depth(way, lower, upper, errors, dashed=way == "untrained")


def _dots_of(found: TrainingComparison, way: str, name: str) -> figures.Dots:
    (layer,) = found.layers
    values, mean = found.values(way, layer, name), found.mean(way, layer, name)
    if mean is None:
        return figures.Dots()
    middles = [v.value if isinstance(v, Estimate) else v.middle for v in values]
    return figures.Dots(middles, mean.mean, mean.seed_error)


@draw.register(InformationPlane)
def _plane(found: InformationPlane) -> "Drawing":
    """The way of every layer through the information plane, below the most that any T keeps."""
    title = f"epochs {found.epochs[0]} to {found.epochs[-1]}, hollow to filled"
    return figures.plane({title: _ways(found)}, limit=_limit(found.frontier))


def animate(found: InformationPlane, path: Path) -> Path:
    """Write the information plane as an animated GIF, a frame for each epoch measured.

    Args:
        found: What was measured.
        path: Where it goes, ending in `.gif`.
    """
    frames = figures.plane_frames(found.epochs, _ways(found), _limit(found.frontier))
    return figures.save_animation(frames, path)


def _ways(found: InformationPlane) -> list[figures.Path]:
    ways = []
    for layer in found.layers:
        points = found.way(layer)
        x, x_bars = zip(*(_middle(point.taken) for point in points), strict=True)
        y, y_bars = zip(*(_middle(point.kept) for point in points), strict=True)
        bars = (list(zip(*each, strict=True)) for each in (x_bars, y_bars))
        ways.append(figures.Path(layer, x, y, *bars))
    return ways


def _middle(value: Value) -> tuple[float, tuple[float, float]]:
    """A place between both ends, and how far these are below and above with one error."""
    low, high, error = _ends(value)
    middle, half = 0.5 * (low + high), max(0.5 * (high - low), 0.0)
    return middle, (half + error, half + error)


def _limit(known: Frontier | None) -> figures.Limit | None:
    if known is None:
        return None
    x = np.linspace(0, known.entropy_x, _SAMPLES)
    forgotten = [known.missing(max(known.entropy_x - float(rate), 0.0)) for rate in x]
    lower, upper = ([known.entropy_y - one[side].value for one in forgotten] for side in (1, 0))
    dots = {
        f"{k}": (known.entropy_x - t.value, known.entropy_y - y.value)
        for k in known.best
        if k > 1
        for t, y in [known.of_symbols(k)]
    }
    return figures.Limit(x.tolist(), lower, upper, dots)


@draw.register(Frontier)
@styled
def _frontier(found: Frontier) -> "Drawing":
    """The least that is missed of Y against what is forgotten of X."""
    figure = blank(4.4)
    axes = figure.add_subplot()
    x = np.linspace(0, found.entropy_x, _SAMPLES)
    low, high = zip(*(found.missing(float(one)) for one in x), strict=True)
    reached = [one.value for one in high]
    axes.fill_between(x, [one.value for one in low], reached, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(x, reached, color=BLUE, label="least that any T misses")
    axes.axhline(found.least, color=GREY, linewidth=1.2, linestyle="--", label="H(Y|X)")
    for place, k in enumerate(found.best):
        forgotten, missing = (one.value for one in found.of_symbols(k))
        label = "best functions, by symbols" if place == 0 else None
        axes.plot(forgotten, missing, "o", color=INK, markersize=4, label=label)
        axes.annotate(f"{k}", (forgotten, missing), (-4, 6), textcoords="offset points", ha="right")
    axes.set(xlabel="forgotten, H(X|T) (nats)", ylabel="missed, H(Y|T) (nats)")
    axes.margins(0.05)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    legend(figure, 2)
    return figure


@draw.register(Underspecification)
@styled
def _shift(found: Underspecification) -> "Drawing":
    """The error of each network on each set, one line a network."""
    figure = blank(4.4)
    axes = figure.add_subplot()
    names = list(found.sets)
    errors = np.array([found.sets[name].errors for name in names])
    axes.plot(errors, "-o", color=BLUE, alpha=0.45, linewidth=1, markersize=4)
    for place, name in enumerate(names):
        one = found.sets[name]
        size = (one.spread.value, one.by_chance)
        axes.errorbar(place + 0.12, one.mean.value, size[0], fmt="s", color=INK, capsize=4)
        axes.errorbar(place + 0.2, one.mean.value, size[1], fmt="none", color=GREY, capsize=4)
    axes.plot([], [], "-o", color=BLUE, markersize=4, label="one network")
    axes.plot([], [], "s", color=INK, label="mean and spread")
    axes.plot([], [], "|", color=GREY, markersize=12, label="spread by chance")
    axes.set_xticks(range(len(names)), [words(name) for name in names])
    axes.set_xlim(-0.3, len(names) - 0.6)
    axes.set_ylabel("error")
    legend(figure)
    return figure
