"""Reports of layers as tables for the page and the terminal."""

from collections.abc import Mapping, Sequence

from rsmi.cli.layers.cells import cell, number
from rsmi.cli.layers.remarks import remarks
from rsmi.layers import LayerReport, LayerRow
from rsmi.report import Sheet

FORGOTTEN = ("H(X|T)", "H(Y|T)", "H(X|T,Y)")
KEPT = ("H(T)", "I(X;T)", "I(T;Y)")
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


def terminal_sheets(rows: Sequence[LayerRow]) -> list[Sheet]:
    """The same in parts that fit 80 columns."""
    found = [
        quantity_sheet(rows, shown)
        for shown in (_known(rows, FORGOTTEN), _known(rows, KEPT))
        if shown
    ]
    if any(row.estimators for row in rows):
        parts = (rows[start : start + 5] for start in range(0, len(rows), 5))
        found += [estimator_sheet(part) for part in parts]
    return found
