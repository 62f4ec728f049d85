"""Tables of the report page: numbers side by side, to be read, compared and copied."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rsmi.errors import InputError
from rsmi.report.markup import element, text


@dataclass(frozen=True)
class Sheet:
    """Cells as text under named columns.

    Args:
        title: A few words.
        columns: Heads, the first one above the names of the rows.
        rows: As many cells as columns, the first one being the row's name; a row of one cell is
            a heading for those below it.
        caption: What the numbers are, for the page.

    Raises:
        InputError: For no row, or one of another length.

    >>> Sheet("Layers", ["layer", "H(X|T)"], [["tanh"], ["T1", "0.25(1)"]]).rows[1]
    ['T1', '0.25(1)']
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def __post_init__(self) -> None:
        if not self.rows or any(len(row) not in (1, len(self.columns)) for row in self.rows):
            raise InputError(
                f"table {self.title!r} has {len(self.rows)} rows under {len(self.columns)} "
                "columns; expected at least one row, with a cell for every column or a single "
                "heading"
            )


def sheet(content: Sheet) -> str:
    """The table as HTML; it scrolls by itself where the page is too narrow for it."""
    head = "".join(element("th", text(column), scope="col") for column in content.columns)
    table = element(
        "table",
        element("caption", text(content.title))
        + element("thead", element("tr", head))
        + "\n".join(_bodies(content)),
        class_="sheet",
    )
    # With a tabindex, readers without a mouse can scroll it too.
    inner = element(
        "div", table, class_="scroll", role="region", tabindex="0", aria_label=content.title
    )
    return inner + (
        element("p", text(content.caption), class_="caption") if content.caption else ""
    )


def _bodies(content: Sheet) -> Iterator[str]:
    """One group of rows for each heading."""
    group: list[str] = []
    for row in content.rows:
        if len(row) == 1 and group:
            yield element("tbody", "\n".join(group))
            group = []
        group.append(_heading(row[0], len(content.columns)) if len(row) == 1 else _row(row))
    yield element("tbody", "\n".join(group))


def _heading(words: str, columns: int) -> str:
    return element("tr", element("th", text(words), scope="rowgroup", colspan=str(columns)))


def _row(cells: Sequence[str]) -> str:
    values = "".join(element("td", text(cell)) for cell in cells[1:])
    return element("tr", element("th", text(cells[0]), scope="row") + values)
