"""What layers keep and forget, as figures."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers import LayerReport, Value
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
