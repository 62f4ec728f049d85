"""Layers of networks as figures."""

import math
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers import Interval, LayerReport
from rsmi.report.drawing import draw
from rsmi.report.figures import Depth, depth

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = ("H(X|T)", "H(Y|T)", "I(X;T)", "I(T;Y)")
DEPTH_CAPTION = (
    "Each value of each layer. Bars run from the certified lower to the certified upper value, "
    "with one standard error added on both sides; a value without a bar is exact or known from "
    "one side only, as the table says."
)


@draw.register(LayerReport)
def depth_figure(report: LayerReport) -> "Figure":
    """Quantities of the network, and of its untrained control, against depth.

    Raises:
        InputError: Where no quantity is defined.
    """
    reports = report.networks
    rows = [row for one in reports.values() for row in one.rows]
    known = list(dict.fromkeys(quantity for row in rows for quantity in row.quantities))
    shown = [quantity for quantity in _SHOWN if quantity in known] or known
    if not shown:
        raise InputError("no quantity of these layers is defined, so there is nothing to draw")
    panels = {
        quantity: [
            series(label, one, quantity, dashed=place > 0)
            for place, (label, one) in enumerate(reports.items())
        ]
        for quantity in shown
    }
    return depth([row.name for row in report.rows], panels)


def series(label: str, report: LayerReport, quantity: str, dashed: bool = False) -> Depth:
    """One quantity of one report, layer by layer.

    Args:
        label: For the legend.
        report: What was measured.
        quantity: Such as `H(X|T)`.
        dashed: Whether to draw a dashed line.
    """
    values = [row.quantities.get(quantity) for row in report.rows]
    lower, upper, errors = zip(*map(_ends, values), strict=True)
    return Depth(label, lower, upper, errors, dashed)


def _ends(value: Interval | Estimate | None) -> tuple[float, float, float]:
    if value is None:
        return math.nan, math.nan, 0.0
    if isinstance(value, Estimate):
        return value.value, value.value, value.error
    return value.lower.value, value.upper.value, max(value.lower.error, value.upper.error)
