"""The figure of one's own network."""

import math
from collections.abc import Mapping
from pathlib import Path

from rsmi.cli.layers.cells import Value
from rsmi.information import Estimate
from rsmi.layers import Interval, LayerReport
from rsmi.report import Figure, figures

_SHOWN = ("H(X|T)", "H(Y|T)", "I(X;T)", "I(T;Y)")


def depth_figure(target: Path, reports: Mapping[str, LayerReport]) -> Figure | None:
    """Quantities of all networks against depth; None where nothing can be drawn."""
    first = next(iter(reports.values()))
    names = [row.name for row in first.rows]
    rows = [row for report in reports.values() for row in report.rows]
    known = list(dict.fromkeys(quantity for row in rows for quantity in row.quantities))
    shown = [quantity for quantity in _SHOWN if quantity in known] or known
    if not shown:
        return None
    panels = {
        quantity: [
            series(label, report, quantity, dashed=place > 0)
            for place, (label, report) in enumerate(reports.items())
        ]
        for quantity in shown
    }
    return Figure(
        figures.save(figures.depth(names, panels), target / "depth.png"),
        "Entropy against depth",
        "Each value of each layer. Bars run from the certified lower to the certified upper "
        "value, with one standard error added on both sides; a value without a bar is exact or "
        "known from one side only, as the table says.",
    )


def series(label: str, report: LayerReport, quantity: str, dashed: bool = False) -> figures.Depth:
    """One quantity of one report, layer by layer."""
    values = [row.quantities.get(quantity) for row in report.rows]
    lower, upper, errors = zip(*map(_ends, values), strict=True)
    return figures.Depth(label, lower, upper, errors, dashed)


def _ends(value: Value | None) -> tuple[float, float, float]:
    if value is None:
        return math.nan, math.nan, 0.0
    if isinstance(value, Estimate):
        return value.value, value.value, value.error
    return _interval(value)


def _interval(value: Interval) -> tuple[float, float, float]:
    return value.lower.value, value.upper.value, max(value.lower.error, value.upper.error)
