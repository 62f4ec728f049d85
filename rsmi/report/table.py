"""Quantities as a table in the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rsmi.report.quantity import Quantity

if TYPE_CHECKING:
    from rich.table import Table

EXPLANATION = (
    "deviation: (value - reference) in standard errors of both; a bound on its side of the "
    "reference holds"
)


def quantity_table(quantities: Sequence[Quantity]) -> "Table":
    """Lay out quantities with the known value and the deviation from it.

    Args:
        quantities: In the order in which they are to stand.

    Returns:
        A `rich` table that fits 80 columns; names too long for it continue on the next line.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    compared = any(quantity.reference is not None for quantity in quantities)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        caption=EXPLANATION if compared else None,
        caption_justify="left",
    )
    table.add_column("quantity", overflow="fold")
    table.add_column("value(error)", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    if compared:
        table.add_column("reference", no_wrap=True, justify="right")
        table.add_column("deviation", no_wrap=True, justify="right")
    for quantity in quantities:
        # As Text, a name such as `layers.[0]` is not read as markup.
        table.add_row(*(Text(cell) for cell in row(quantity)[: len(table.columns)]))
    return table


def row(quantity: Quantity) -> tuple[str, str, str, str, str]:
    """The cells of one line as text.

    >>> row(Quantity("exponents.y_t", 0.9987, 0.0021, "estimate", "1", 1.0))
    ('exponents.y_t', '0.999(2)', 'estimate', '1', '-0.6')
    """
    return (
        quantity.name,
        quantity.text,
        quantity.kind,
        quantity.reference_text,
        deviation(quantity),
    )


def deviation(quantity: Quantity) -> str:
    """The deviation in standard errors with its sign; empty where there is none.

    >>> deviation(Quantity("a.b", 2.0, 0.5, "estimate", "1", 1.0))
    '+2.0'
    >>> deviation(Quantity("a.b", 0.9, 0.01, "lower", "1", 1.0))
    'holds'
    """
    sigmas = quantity.deviation
    if quantity.holds:
        return "holds"
    return "" if sigmas is None else f"{sigmas:+.1f}"
