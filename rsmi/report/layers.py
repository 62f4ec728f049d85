"""What layers keep and forget, as figures."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers import LayerReport, TrainedLayers, TrainingComparison, Value
from rsmi.layers.trained import ACCURACY
from rsmi.report import figures
from rsmi.report.drawing import draw
from rsmi.report.page import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

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
