"""Numbers side by side, where it is the table that makes the point."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.report.figures.style import INK, WIDTH, blank, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.27
_MARGIN = 0.15
_FIRST = 0.2
"""Share of the width that the first column takes."""


@styled
def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Figure":
    """Draw a table; a row of one cell is a heading.

    Args:
        columns: Heads, which may have several lines.
        rows: Cells as text, as many as columns, or one for a heading.

    Returns:
        A figure without axes.

    Raises:
        InputError: For no row, or one of another length.
    """
    if not rows or any(len(row) not in (1, len(columns)) for row in rows):
        raise InputError(
            f"{len(rows)} rows under {len(columns)} columns; expected at least one row, with a "
            "cell for every column or a single heading"
        )
    head = max(column.count("\n") + 1 for column in columns)
    height = _ROW * (len(rows) + head) + 2 * _MARGIN
    figure = blank(height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    top = _MARGIN + _ROW * head
    _line(axes, columns, top - 0.5 * _ROW, "bold", "bottom")
    axes.axhline(top, 0.01, 0.99, color=INK, linewidth=1)
    for place, row in enumerate(rows):
        y = top + _ROW * (place + 0.85)
        _line(axes, row, y, "bold" if len(row) == 1 else "normal", "baseline")
    return figure


def _line(axes: "Axes", cells: Sequence[str], y: float, weight: str, align: str) -> None:
    axes.text(
        0.08 if len(cells) == 1 or align == "bottom" else 0.2,
        y + (0.42 * _ROW if align == "bottom" else 0),
        cells[0],
        va="bottom" if align == "bottom" else "baseline",
        weight=weight,
        fontsize=10.5,
    )
    step = (1 - _FIRST) * WIDTH / max(len(cells) - 1, 1)
    for place, cell in enumerate(cells[1:], start=1):
        axes.text(
            _FIRST * WIDTH + place * step - 0.1,
            y + (0.42 * _ROW if align == "bottom" else 0),
            cell,
            va="bottom" if align == "bottom" else "baseline",
            ha="right",
            weight=weight,
            fontsize=10.5,
        )
