"""Tables of layers in a terminal of 80 columns."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rsmi.cli.layers.remarks import remarks
from rsmi.cli.layers.sheets import NOTE, described, few, terminal_sheets
from rsmi.layers import LayerReport
from rsmi.report import Sheet

_MORE = "not printed: {} layers; choose them with --layers, or write all of them with --out"
_NAMED = 2
"""Layers of many, and values of each, that one remark names in a terminal."""
_FIRST = 8
"""Columns that a row's name is given at least."""


def report_table(reports: Mapping[str, LayerReport]) -> Table:
    """Everything measured, one network after the other: quantities, estimates, findings.

    Args:
        reports: By name of the network.

    Returns:
        One table that holds the others.
    """
    parts: list[Table | Text | Padding] = []
    for name, report in reports.items():
        parts.append(Text(f"{name}: {described(report)}", style="bold"))
        ends = 8 // len(reports)
        parts += [printed(sheet) for sheet in terminal_sheets(report.rows, ends)]
        if any(row.estimators for row in report.rows):
            parts.append(Text(f"  {NOTE}"))
        left = len(report.rows) - len(few(report.rows, ends))
        lines = [_MORE.format(left), *remarks(report, _NAMED)] if left else remarks(report)
        parts += [Padding(Text(line), (0, 0, 0, 2)) for line in lines]
        parts.append(Text())
    return stacked(parts)


def printed(sheet: Sheet) -> Table:
    """A plain table: the first column left, the others right; a row of one cell is a heading."""
    title = sheet.title or None
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), title=title)
    for place, column in enumerate(sheet.columns):
        table.add_column(
            column,
            justify="right" if place else "left",
            no_wrap=bool(place),
            overflow="fold",
            min_width=0 if place else _FIRST,
        )
    for row in sheet.rows:
        style = "bold" if len(row) == 1 else ""
        table.add_row(*(Text(text, style=style) for text in row))
    return table


def stacked(parts: Sequence[Table | Text | Padding]) -> Table:
    """Tables and lines below each other."""
    whole = Table.grid(padding=(0, 0))
    whole.add_column()
    for part in parts:
        whole.add_row(part)
    return whole
