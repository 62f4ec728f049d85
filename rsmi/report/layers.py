"""What layers keep and forget, as tables and figures."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rsmi.information import Estimate, Sheet, format_with_error
from rsmi.layers import Finding, Interval, LayerReport, LayerRow
from rsmi.layers.report import some
from rsmi.report import figures
from rsmi.report.drawing import arranged, drawn
from rsmi.report.page import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Value = Interval | Estimate

_DIGITS = 6
_ROUNDING = 1e-12
"""An exact entropy below this is a zero that was rounded."""

_COLUMNS = ("H(X|T)", "H(Y|T)", "H(X|T,Y)", "H(T)", "I(X;T)", "I(T;Y)")
_DRAWN = ("H(X|T)", "H(Y|T)", "I(X;T)", "I(T;Y)")
_MANY, _ENDS = 20, 16
"""Of more layers than the first, so many are printed in a terminal."""
_NAMED = 2
"""Layers of many, and values of each, that one remark names."""
_NOTE = "estimates depend on their scale and are not comparable with the values above"
_MORE = "not printed: {} layers; choose them with --layers, or write all of them with --out"

_SPLIT = {
    "ceiling": (" nats is within ", "within "),
    "beyond": (" nats exceeds ", "exceeds "),
    "rounding": (" of rows ", "rows "),
    "data processing": (", which no ", "no "),
}
"""Where a finding turns from one layer's number to what is common to all, and how that begins."""


def number(value: Estimate) -> str:
    """A number with its error in brackets.

    >>> number(Estimate(2.5e-14, 0.0, "exact")), number(Estimate(0.25, 0.01, "lower"))
    ('0', '0.250(10)')
    """
    rounded = value.error == 0 and abs(value.value) < _ROUNDING
    return format_with_error(0.0 if rounded else value.value, value.error, _DIGITS)


def cell(value: Value) -> str:
    """`lower..upper`, one number where it is exact, or one side with its sign.

    >>> cell(Interval.exact(0.5)), cell(Estimate(1.25, 0.02, "lower"))
    ('0.5', '>= 1.25(2)')
    """
    if isinstance(value, Estimate):
        sign = {"lower": ">= ", "upper": "<= "}.get(value.kind, "")
        return sign + number(value)
    if value.is_exact:
        return number(value.lower)
    return f"{number(value.lower)}..{number(value.upper)}"


@arranged.register(LayerReport)
def _sheets(report: LayerReport) -> list[Sheet]:
    """For each network what its layers forget and keep, and what estimators print."""
    reports = report.networks
    return [sheet for name, one in reports.items() for sheet in _of(name, one, len(reports))]


def _of(name: str, report: LayerReport, networks: int) -> list[Sheet]:
    rows, most = report.rows, _ENDS // networks if len(report.rows) > _MANY else None
    names = [f"{row.name} [{row.width}]" for row in rows]
    shown = [q for q in _COLUMNS if any(q in row.quantities for row in rows)]
    estimators = list(dict.fromkeys(name for row in rows for name in row.estimators))
    left = [_MORE.format(len(rows) - most)] if most else []
    notes = "\n".join([*left, *remarks(report, _NAMED if most else None)])
    heads = ["layer [width]", *shown]
    cells = [[n, *_values(row, shown)] for n, row in zip(names, rows, strict=True)]
    found = [Sheet(f"{name}: {_described(report)}", heads, cells, notes, most=most)]
    if estimators:
        heads = ["layer [width]", *estimators]
        cells = [[n, *_estimates(row, estimators)] for n, row in zip(names, rows, strict=True)]
        if len(names) < len(estimators):  # a line for each of what there is more of
            heads, *cells = map(list, zip(heads, *cells, strict=True))
        found.append(Sheet(f"{name}: estimates, in nats", heads, cells, _NOTE, most=most))
    return found


def _values(row: LayerRow, shown: Sequence[str]) -> list[str]:
    return [cell(row.quantities[q]) if q in row.quantities else "-" for q in shown]


def _estimates(row: LayerRow, shown: Sequence[str]) -> list[str]:
    return [number(row.estimators[e]) if e in row.estimators else "-" for e in shown]


def _described(report: LayerReport) -> str:
    """The inputs in one line, with H(X) and H(Y) where they are known."""
    known = [f"{report.n} rows, {report.inputs} inputs"]
    for name, value in (("H(X)", report.entropy_x), ("H(Y)", report.entropy_y)):
        if value is not None:
            known.append(f"{name} = {cell(value)}")
    return ", ".join([*known, "all in nats"])


def remarks(report: LayerReport, most: int | None = None) -> list[str]:
    """What a reader must know besides the numbers: what is missing and why, and the audit.

    Args:
        report: What was measured.
        most: Layers that one line names; all of them without.
    """
    found = grouped(report.findings, most) or ["audit: nothing found"]
    return [*report.refusals(most), *found]


def grouped(findings: Sequence[Finding], most: int | None = None) -> list[str]:
    """One line for what is found of several layers, with the values and layers it concerns."""
    where: dict[tuple[str, str], dict[str, list[str]]] = {}
    for finding in findings:
        own, text = _own_part(finding)
        layers = where.setdefault((finding.check, text), {})
        layers.setdefault(finding.layer, []).append(own)
    lines = []
    for (check, text), layers in where.items():
        named = some([_of_layer(*entry, most) for entry in layers.items()], "; ", most)
        lines.append(f"{check}: {text} [{named}]")
    return lines


def _own_part(finding: Finding) -> tuple[str, str]:
    split, start = _SPLIT.get(finding.check, ("", ""))
    if not split or split not in finding.text:
        return "", finding.text
    own, _, rest = finding.text.partition(split)
    return own.split(" = ")[0], start + rest


def _of_layer(layer: str, own: Sequence[str], most: int | None) -> str:
    words = some([word for word in own if word], ", ", most)
    return f"{layer}: {words}" if words else layer


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


@drawn.register(LayerReport)
def _figure(report: LayerReport) -> "Drawing":
    """Quantities of all networks against depth."""
    reports = report.networks
    rows = [row for one in reports.values() for row in one.rows]
    known = list(dict.fromkeys(quantity for row in rows for quantity in row.quantities))
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
