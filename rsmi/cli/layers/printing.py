"""Reports of layers as tables of 80 columns."""

import math
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rsmi.information import Estimate, format_with_error
from rsmi.layers import Finding, LayerReport, LayerRow
from rsmi.layers.report import Value

_FORGOTTEN = ("H(X|T)", "H(Y|T)", "H(X|T,Y)")
_KEPT = ("H(T)", "I(X;T)", "I(T;Y)")
_DIGITS = 6
_FIRST = 8
_SPLIT = {"ceiling": (" nats is within ", "within "), "rounding": (" of rows ", "rows ")}
"""Where a finding turns from one layer's number to what is common to all, and how that begins."""


def report_table(reports: Mapping[str, LayerReport]) -> Table:
    """Everything measured, one network after the other: quantities, estimates, findings.

    Args:
        reports: By name of the network.

    Returns:
        One table that holds the others.
    """
    whole = _grid()
    for name, report in reports.items():
        whole.add_row(Text(f"{name}: {described(report)}", style="bold"))
        for quantities in (_FORGOTTEN, _KEPT):
            shown = [q for q in quantities if any(q in row.quantities for row in report.rows)]
            if shown:
                whole.add_row(_quantities(report.rows, shown))
        if any(row.estimators for row in report.rows):
            whole.add_row(_estimators(report.rows))
        whole.add_row(remarks(report))
    return whole


def described(report: LayerReport) -> str:
    """The inputs in one line, with H(X) and H(Y) where they are known."""
    known = [f"{report.n} rows, {report.inputs} inputs"]
    for name, value in (("H(X)", report.entropy_x), ("H(Y)", report.entropy_y)):
        if value is not None:
            known.append(f"{name} = {cell(value)}")
    return ", ".join([*known, "all in nats"])


def cell(value: Value) -> str:
    """`lower..upper`, one number where it is exact, or one side with its sign.

    >>> from rsmi.layers import Interval
    >>> cell(Interval.exact(0.5)), cell(Estimate(1.25, 0.02, "lower"))
    ('0.5', '>= 1.25(2)')
    """
    if isinstance(value, Estimate):
        sign = {"lower": ">= ", "upper": "<= "}.get(value.kind, "")
        return sign + _number(value)
    if value.is_exact:
        return _number(value.lower)
    return f"{_number(value.lower)}..{_number(value.upper)}"


def remarks(report: LayerReport) -> Group:
    """Findings of the audit and reasons for what is missing, each once."""
    lines = [*_refused(report.rows), *_missing(report), *grouped(report.findings)]
    if not report.findings:
        lines.append("audit: nothing found")
    return Group(*(Padding(Text(line), (0, 0, 0, 2)) for line in lines), Text())


def sheet(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> Table:
    """A plain table: the first column left, the others right; a row of one cell is a heading."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), title=title)
    for place, column in enumerate(columns):
        table.add_column(
            column,
            justify="right" if place else "left",
            no_wrap=bool(place),
            overflow="fold",
            min_width=0 if place else _FIRST,
        )
    for row in rows:
        style = "bold" if len(row) == 1 else ""
        table.add_row(*(Text(text, style=style) for text in row))
    return table


def stacked(parts: Sequence[Table | Text]) -> Table:
    """Tables and lines below each other."""
    whole = _grid()
    for part in parts:
        whole.add_row(part)
    return whole


def _grid() -> Table:
    whole = Table.grid(padding=(0, 0))
    whole.add_column()
    return whole


def _quantities(rows: Sequence[LayerRow], shown: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layer [width]", overflow="fold")
    for quantity in shown:
        table.add_column(quantity, no_wrap=True)
    for row in rows:
        cells = [cell(row.quantities[q]) if q in row.quantities else "-" for q in shown]
        table.add_row(Text(f"{row.name} [{row.width}]"), *map(Text, cells))
    return table


def _estimators(rows: Sequence[LayerRow]) -> Table:
    """One line per estimator and quantity, one column per layer, up to six side by side."""
    names = list(dict.fromkeys(name for row in rows for name in row.estimators))
    parts = [rows[start : start + 5] for start in range(0, len(rows), 5)]
    tables = []
    for part in parts:
        lines = [
            [
                name,
                *(_number(row.estimators[name]) if name in row.estimators else "-" for row in part),
            ]
            for name in names
        ]
        tables.append(sheet(["estimates", *(row.name for row in part)], lines))
    note = Text("  estimates depend on their scale and are not comparable with the values above")
    return stacked([*tables, note])


def _number(value: Estimate) -> str:
    if value.error > 0:
        return format_with_error(value.value, value.error)
    return f"{value.value:.{_DIGITS}g}" if math.isfinite(value.value) else "-"


def _refused(rows: Sequence[LayerRow]) -> list[str]:
    """Reasons, with the quantities and layers they belong to."""
    where: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for row in rows:
        for quantity, reason in row.refused.items():
            quantities, layers = where.setdefault(reason, ({}, {}))
            quantities[quantity], layers[row.name] = None, None
    return [
        f"not given: {', '.join(quantities)} {reason} ({', '.join(layers)})"
        for reason, (quantities, layers) in where.items()
    ]


def _missing(report: LayerReport) -> list[str]:
    """What noisy layers could tell about the labels."""
    if report.entropy_y is None or any("H(Y|T)" in row.quantities for row in report.rows):
        return []
    return ["not given: H(Y|T), I(T;Y) of noisy layers need a classifier: add --training.epochs 20"]


def grouped(findings: Sequence[Finding]) -> list[str]:
    """One line for what is found of several layers, with the values and layers it concerns."""
    where: dict[tuple[str, str], dict[str, list[str]]] = {}
    for finding in findings:
        own, text = _own_part(finding)
        layers = where.setdefault((finding.check, text), {})
        layers.setdefault(finding.layer, []).append(own)
    return [
        f"{check}: {text} [{'; '.join(_of_layer(*entry) for entry in layers.items())}]"
        for (check, text), layers in where.items()
    ]


def _own_part(finding: Finding) -> tuple[str, str]:
    split, start = _SPLIT.get(finding.check, ("", ""))
    if not split or split not in finding.text:
        return "", finding.text
    own, _, rest = finding.text.partition(split)
    return own.split(" = ")[0], start + rest


def _of_layer(layer: str, own: Sequence[str]) -> str:
    words = ", ".join(word for word in own if word)
    return f"{layer}: {words}" if words else layer
