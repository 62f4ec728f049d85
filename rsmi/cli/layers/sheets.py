"""Reports of layers as tables for the page and the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rsmi.cli.layers.cells import cell, number
from rsmi.cli.layers.remarks import remarks
from rsmi.layers import LayerReport, LayerRow
from rsmi.report import Sheet
from rsmi.report.figures import short_name

FORGOTTEN = ("H(X|T)", "H(Y|T)", "H(X|T,Y)")
KEPT = ("H(T)", "I(X;T)", "I(T;Y)")
_MANY = 20
"""More layers than this are not all printed in a terminal."""
_ENDS = 8
NOTE = "estimates depend on their scale and are not comparable with the values above"


def page_sheets(reports: Mapping[str, LayerReport]) -> list[Sheet]:
    """For each network what its layers forget and keep, and what estimators print.

    Args:
        reports: By name of the network.
    """
    found = []
    for name, report in reports.items():
        about = f"{described(report)}. {'; '.join(remarks(report))}."
        shown = _known(report.rows, (*FORGOTTEN, *KEPT))
        if shown:
            found.append(quantity_sheet(report.rows, shown, name, about))
        if any(row.estimators for row in report.rows):
            found.append(estimator_sheet(report.rows, f"{name}: estimates", f"In nats; {NOTE}."))
    return found


def quantity_sheet(
    rows: Sequence[LayerRow], shown: Sequence[str], title: str = "", caption: str = ""
) -> Sheet:
    """One line per layer, one column per quantity."""
    lines = [
        [
            f"{row.name} [{row.width}]",
            *(cell(row.quantities[q]) if q in row.quantities else "-" for q in shown),
        ]
        for row in rows
    ]
    return Sheet(title, ["layer [width]", *shown], lines, caption)


def estimator_sheet(rows: Sequence[LayerRow], title: str = "", caption: str = "") -> Sheet:
    """One line per estimator and quantity, one column per layer."""
    names = list(dict.fromkeys(name for row in rows for name in row.estimators))
    lines = [
        [name, *(number(row.estimators[name]) if name in row.estimators else "-" for row in rows)]
        for name in names
    ]
    return Sheet(title, ["estimates", *(row.name for row in rows)], lines, caption)


def described(report: LayerReport) -> str:
    """The inputs in one line, with H(X) and H(Y) where they are known."""
    known = [f"{report.n} rows, {report.inputs} inputs"]
    for name, value in (("H(X)", report.entropy_x), ("H(Y)", report.entropy_y)):
        if value is not None:
            known.append(f"{name} = {cell(value)}")
    return ", ".join([*known, "all in nats"])


def _known(rows: Sequence[LayerRow], quantities: Sequence[str]) -> list[str]:
    return [q for q in quantities if any(q in row.quantities for row in rows)]


def terminal_sheets(rows: Sequence[LayerRow], ends: int = _ENDS) -> list[Sheet]:
    """The same in parts that fit 80 columns; of many layers the first and the last ones.

    Args:
        rows: One per layer.
        ends: Layers at either end, where the middle is left out.
    """
    shown, left = few(rows, ends), len(rows) - len(few(rows, ends))
    found = [
        _with_gap(quantity_sheet(shown, names), ends, left)
        for names in (_known(rows, FORGOTTEN), _known(rows, KEPT))
        if names
    ]
    if any(row.estimators for row in rows):
        part = shown if not left else [*shown[:2], *shown[-3:]]
        parts = (part[start : start + 5] for start in range(0, len(part), 5))
        found += [estimator_sheet(part) for part in parts]
    return found


def few(rows: Sequence[LayerRow], ends: int) -> list[LayerRow]:
    """The layers that are printed: all, or the first and the last of many, with short names."""
    if len(rows) <= _MANY:
        return list(rows)
    return [replace(row, name=short_name(row.name)) for row in (*rows[:ends], *rows[-ends:])]


def _with_gap(sheet: Sheet, ends: int, left: int) -> Sheet:
    """A line where layers were left out."""
    if not left:
        return sheet
    lines = [*sheet.rows[:ends], [f".. {left} more .."], *sheet.rows[ends:]]
    return replace(sheet, rows=lines)
