"""The full table of quantities on the page."""

import re
from collections.abc import Sequence

from rsmi.information.outcome import DEVIATION, deviation_text
from rsmi.information.quantity import KIND_WORDS, REFERENCE_ERROR, Plain, Quantity
from rsmi.report.glossary import entry
from rsmi.report.markup import element, text

_COLUMNS = ("quantity", "value(error)", "kind", "reference", "deviation")
_CLASSES = ("", "number value", "kind", "number right", "number right")


_FOLDED = {
    r"\.scan\.": "Scan over steps and couplings",
    r"^layers\.(?!study\.|claim\.)": "Layer by layer",
}
"""Names of which there are too many to be read one by one, and what they are."""


def listing(quantities: Sequence[Quantity]) -> str:
    """All quantities as a table, what comes in great numbers folded away below it."""
    groups = {summary: _named(quantities, pattern) for pattern, summary in _FOLDED.items()}
    hidden = {id(quantity) for group in groups.values() for quantity in group}
    shown = [quantity for quantity in quantities if id(quantity) not in hidden]
    folded = (_details(summary, group) for summary, group in groups.items() if group)
    return (_table(shown) if shown else "") + "\n".join(folded)


def _named(quantities: Sequence[Quantity], pattern: str) -> list[Quantity]:
    return [quantity for quantity in quantities if re.search(pattern, quantity.name)]


def _details(summary: str, quantities: Sequence[Quantity]) -> str:
    heading = element("summary", text(f"{summary} ({len(quantities)} values)"))
    return element("details", heading + _table(quantities))


def _table(quantities: Sequence[Quantity]) -> str:
    """Rows that become blocks of labelled lines on a phone.

    The columns of references stand only where one is known.
    """
    compared = any(quantity.reference is not None for quantity in quantities)
    count = len(_COLUMNS) if compared else len(_COLUMNS) - 2
    head = "".join(
        element("th", text(column), scope="col", class_=classes)
        for column, classes in zip(_COLUMNS[:count], _CLASSES, strict=False)
    )
    rows = "\n".join(_row(quantity, count) for quantity in quantities)
    body = element("thead", element("tr", head)) + element("tbody", rows)
    note = element("p", text(f"{DEVIATION.capitalize()}."), class_="soft")
    return element("table", body, class_="listing") + (note if compared else "")


def _row(quantity: Quantity, count: int) -> str:
    cells = (
        quantity.text,
        KIND_WORDS[quantity.kind],
        quantity.reference_text,
        deviation_text(quantity),
    )
    written = (
        element("td", text(cell), class_=classes, data_label=column)
        for cell, classes, column in zip(
            cells[: count - 1], _CLASSES[1:], _COLUMNS[1:], strict=False
        )
    )
    return element("tr", _name(quantity) + "".join(written))


def _name(quantity: Quantity) -> str:
    """The row's name with its meaning and context below it."""
    known = entry(quantity.name)
    notes = [known.meaning] if known else []
    own = {key: _brief(v) for key, v in quantity.context.items() if key != REFERENCE_ERROR}
    notes += [f"{key} {value}" for key, value in own.items()]
    inner = element("span", text(quantity.name), class_="name")
    if notes:
        inner += element("span", text(", ".join(notes)), class_="soft")
    return element("th", inner, scope="row")


def _brief(value: Plain) -> str:
    """A context as text, its numbers to four digits.

    >>> _brief([0.123456789, 7]), _brief("odd")
    ('0.1235, 7', 'odd')
    """
    if isinstance(value, list):
        return ", ".join(map(_brief, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
