"""Tables of layers in a terminal of 80 columns."""

from collections.abc import Sequence

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rsmi.report import Sheet

_FIRST = 8
"""Columns that a row's name is given at least."""


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
