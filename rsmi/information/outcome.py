"""What every result object can do: give its numbers, print, become a dict or a frame, be drawn."""

import csv
import importlib
import io
import shutil
import sys
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rsmi.errors import InputError
from rsmi.information.quantity import Plain, Quantity

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from rich.table import Table

DEVIATION = (
    "deviation: (value - reference) in standard errors of both; a bound on its side of the "
    "reference holds"
)
"""What the last column of a table of quantities means."""

_SHOWN = 3
"""Quantities in a `repr`."""

_FIRST, _GAP = 8, 2
"""Columns that a row's name is given at least, and between two columns of a table."""


@dataclass(frozen=True)
class Sheet:
    """A table as text: numbers side by side, to be read, compared and copied.

    Args:
        title: A few words.
        columns: Heads, the first one above the names of the rows.
        rows: As many cells as columns, the first one being the row's name; a row of one cell is
            a heading for those below it.
        caption: What the numbers are.
        words: How many columns, from the left, hold words; numbers stand to the right.
        most: More rows than this are not all printed in a terminal; all of them without.

    Raises:
        InputError: For no row, or one of another length.

    >>> print(Sheet("", ["layer", "H(X|T)"], [["tanh"], ["T1", "0.25(1)"]]).text())
    layer      H(X|T)
    ─────────────────
    tanh
    T1        0.25(1)
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    words: int = 1
    most: int | None = None

    def __post_init__(self) -> None:
        if not self.rows or any(len(row) not in (1, len(self.columns)) for row in self.rows):
            raise InputError(
                f"table {self.title!r} has {len(self.rows)} rows under {len(self.columns)} "
                "columns; expected at least one row, with a cell for every column or a single "
                "heading"
            )

    def text(self, width: int | None = None) -> str:
        """The table for a terminal or a file.

        Names too long for it continue on the next line, columns too many for it below.

        Args:
            width: Of the widest line, in characters; that of the terminal, or 100 in a file.
        """
        from rich.console import Console

        width, stream = width or text_width(), io.StringIO()
        for line in textwrap.wrap(self.title, width):
            stream.write(f"{line}\n")
        for place, columns in enumerate(self._parts(width)):
            stream.write("\n" * (place > 0))
            Console(file=stream, width=width).print(self._laid_out(columns))
        for line in [*self._left_out(), *self.caption.splitlines()]:
            stream.write(textwrap.fill(line, width) + "\n")
        return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())

    def _parts(self, width: int) -> list[list[int]]:
        """Columns side by side that fit the width, each time beside the names of the rows."""
        rows = [self.columns, *(row for row in self.rows if len(row) > 1)]
        sizes = [max(map(len, "\n".join(cells).split("\n"))) for cells in zip(*rows, strict=True)]
        room = width - min(sizes[0], max(width // 3, _FIRST))
        parts: list[list[int]] = [[]]
        for column in range(1, len(sizes)):
            used = sum(sizes[other] + _GAP for other in [*parts[-1], column])
            if parts[-1] and used > room:
                parts.append([])
            parts[-1].append(column)
        return parts

    def _shown(self) -> list[Sequence[str]]:
        """The rows that are printed: all, or the first and the last of too many."""
        if self.most is None or len(self.rows) <= self.most:
            return list(self.rows)
        ends, left = self.most // 2, len(self.rows) - 2 * (self.most // 2)
        return [*self.rows[:ends], [f".. {left} more .."], *self.rows[-ends:]]

    def _left_out(self) -> list[str]:
        left = len(self.rows) - len(self._shown()) + 1
        told = f"not printed: {left} rows; --out, to_dict() and to_frame() give all of them"
        return [told] if left > 1 else []

    def _laid_out(self, columns: Sequence[int]) -> "Table":
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        # As Text, a name such as `layers.[0]` is not read as markup.
        table.add_column(Text(self.columns[0]), overflow="fold", min_width=_FIRST)
        for column in columns:
            side: Any = "left" if column < self.words else "right"
            table.add_column(Text(self.columns[column]), justify=side, no_wrap=True)
        for row in self._shown():
            own = [row[column] for column in columns] if len(row) > 1 else []
            table.add_row(*map(Text, [row[0], *own]))
        return table


def quantity_sheet(quantities: Sequence[Quantity], title: str = "") -> Sheet:
    """Quantities with the known value and the deviation from it, where one is known.

    Args:
        quantities: At least one, in the order in which they are to stand.
        title: A few words.

    >>> sheet = quantity_sheet([Quantity("exponents.y_t", 0.9987, 0.0021, "estimate", "1", 1.0)])
    >>> sheet.rows
    [['exponents.y_t', '0.999(2)', 'estimate', '1', '-0.6']]
    """
    columns = ["quantity", "value(error)", "kind", "reference", "deviation"]
    compared = any(quantity.reference is not None for quantity in quantities)
    count = len(columns) if compared else len(columns) - 2
    rows = [
        [q.name, q.text, q.kind, q.reference_text, deviation_text(q)][:count] for q in quantities
    ]
    return Sheet(title, columns[:count], rows, DEVIATION if compared else "", words=3)


def deviation_text(quantity: Quantity) -> str:
    """The deviation in standard errors with its sign; empty where there is none.

    >>> deviation_text(Quantity("a.b", 2.0, 0.5, "estimate", "1", 1.0))
    '+2.0'
    >>> deviation_text(Quantity("a.b", 0.9, 0.01, "lower", "1", 1.0))
    'holds'
    """
    sigmas = quantity.deviation
    if quantity.holds:
        return "holds"
    return "" if sigmas is None else f"{sigmas:+.1f}"


class Outcome(ABC):
    """Base of every result object: who can name its numbers can print, keep and draw them.

    A subclass defines `quantities`, and `sheets` where another arrangement reads better; how its
    kind is drawn stands in `rsmi.report`, or in a `plot` of its own. If it is a dataclass, it takes
    `repr=False`, so that the short form of this class stays.

    >>> class Found(Outcome):
    ...     def quantities(self) -> list[Quantity]:
    ...         return [Quantity("exponents.y_t", 0.9987, 0.0021, "estimate", "1", 1.0)]
    >>> Found()
    Found(exponents.y_t = 0.999(2))
    >>> print(Found().table())
    quantity       value(error)  kind      reference  deviation
    ───────────────────────────────────────────────────────────
    exponents.y_t  0.999(2)      estimate          1       -0.6
    deviation: (value - reference) in standard errors of both; a bound on its side of the reference
    holds
    >>> Found().to_dict()["quantities"][0]["error"]
    0.0021
    """

    @abstractmethod
    def quantities(self) -> list[Quantity]:
        """Every number that was found, as it stands in `result.json`."""

    def sheets(self) -> list[Sheet]:
        """The numbers as tables of text: what `table`, `print`, a notebook and a page show.

        Scans (names with `.scan.`) are left to `quantities`, `to_frame` and the figures.
        """
        shown = [quantity for quantity in self.quantities() if ".scan." not in quantity.name]
        return [quantity_sheet(shown)] if shown else []

    def table(self, width: int | None = None) -> str:
        """The numbers as plain text.

        Args:
            width: Of the widest line, in characters; that of the terminal, or 100 in a file.
        """
        return "\n\n".join(sheet.text(width) for sheet in self.sheets()) or "no number was found"

    def to_dict(self) -> dict[str, Plain]:
        """The numbers as plain values, as `result.json` holds them."""
        return {"quantities": [asdict(quantity) for quantity in self.quantities()]}

    def to_frame(self) -> "DataFrame":
        """The numbers as a pandas `DataFrame`: a row for each, a column for each part of a context.

        Raises:
            InputError: Where pandas is not installed.
        """
        rows = [_flat(quantity) for quantity in self.quantities()]
        return frame(rows, "to_dict(), which holds the same numbers")

    def plot(self) -> "Figure":
        """Draw what was found, see `rsmi.report.draw`.

        Returns:
            A `matplotlib.figure.Figure`, which a notebook shows and `savefig` writes.

        Raises:
            InputError: Where there is nothing to draw.
        """
        figure: Figure = _report().draw(self)
        return figure

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        quantities = self.quantities()
        words = [f"{quantity.name} = {quantity.text}" for quantity in quantities[:_SHOWN]]
        more = len(quantities) - _SHOWN
        return f"{type(self).__name__}({', '.join(words + [f'{more} more'] * (more > 0))})"

    def _repr_html_(self) -> str:
        html: str = _report().html(self.sheets())
        return html


class Listing(Outcome):
    """A result that is a list of rows, such as points, methods or layers: its files hold these.

    >>> class Found(Listing):
    ...     def quantities(self) -> list[Quantity]:
    ...         return []
    ...     def rows(self) -> list[dict[str, Plain]]:
    ...         return [{"rule": "majority", "y_t": 1.0}]
    >>> Found().csv()
    'rule,y_t\\nmajority,1.0\\n'
    """

    @abstractmethod
    def rows(self) -> list[dict[str, Plain]]:
        """The rows, all with the same names."""

    def csv(self) -> str:
        """The rows as text, values parted by commas."""
        return csv_text(self.rows())

    def to_frame(self) -> "DataFrame":
        """The rows as a pandas `DataFrame`.

        Raises:
            InputError: Where pandas is not installed.
        """
        return frame(self.rows(), "rows(), which holds the same")


def frame(rows: Sequence[Mapping[str, Plain]], instead: str) -> "DataFrame":
    """Rows as a pandas `DataFrame`.

    Args:
        rows: One mapping for each.
        instead: What to use where there is no pandas.

    Raises:
        InputError: Where pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise InputError(
            "a frame needs pandas, which is not installed; run `pip install pandas`, or use "
            f"{instead}"
        ) from None
    return pandas.DataFrame(rows)


def csv_text(rows: Sequence[Mapping[str, Plain]]) -> str:
    r"""Rows with the same names as text, values parted by commas.

    >>> csv_text([{"rule": "majority", "y_t": 1.0}])
    'rule,y_t\nmajority,1.0\n'
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def text_width() -> int:
    """Letters in a line of the terminal, or 100 in a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 100


def _report() -> Any:
    """The room of figures and pages, which stands above every result and is asked by name."""
    return importlib.import_module("rsmi.report")


def _flat(quantity: Quantity) -> dict[str, Plain]:
    """Fields and context side by side; a context never hides a field."""
    fields = asdict(quantity)
    context = fields.pop("context")
    return fields | {f"context.{k}" if k in fields else k: v for k, v in context.items()}
