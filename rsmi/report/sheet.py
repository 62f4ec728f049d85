"""Tables as HTML."""

from collections.abc import Iterator, Sequence

from rsmi.information import Sheet
from rsmi.report.markup import element, text


def html(sheets: Sequence[Sheet]) -> str:
    """Tables for a notebook, everything in them escaped.

    >>> html([Sheet("", ["a"], [["<b>"]])]).count("&lt;b&gt;")
    1
    """
    return "\n".join(map(sheet, sheets)) or element("p", "no number was found")


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
