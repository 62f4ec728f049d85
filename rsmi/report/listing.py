"""The full table of quantities on the page."""

from collections.abc import Sequence

from rsmi.report.glossary import entry
from rsmi.report.markup import element, text
from rsmi.report.quantity import KIND_WORDS, Quantity
from rsmi.report.table import deviation, exact

_COLUMNS = ("quantity", "value(error)", "kind", "exact", "deviation")
_CLASSES = ("", "number value", "kind", "number right", "number right")


def listing(quantities: Sequence[Quantity]) -> str:
    """All quantities as a table, scans folded away below it."""
    scans = [quantity for quantity in quantities if ".scan." in quantity.name]
    table = _table([quantity for quantity in quantities if quantity not in scans])
    note = element("p", "Deviation: (value - exact) in standard errors (&sigma;).", class_="soft")
    if not scans:
        return table + note
    summary = element("summary", f"Scan over steps and couplings ({len(scans)} values)")
    return table + note + element("details", summary + _table(scans))


def _table(quantities: Sequence[Quantity]) -> str:
    """Rows that become blocks of labelled lines on a phone."""
    head = "".join(
        element("th", text(column), scope="col", class_=classes)
        for column, classes in zip(_COLUMNS, _CLASSES, strict=True)
    )
    rows = "\n".join(_row(quantity) for quantity in quantities)
    return element("table", element("thead", element("tr", head)) + element("tbody", rows))


def _row(quantity: Quantity) -> str:
    cells = (quantity.text, KIND_WORDS[quantity.kind], exact(quantity), deviation(quantity))
    written = (
        element("td", text(cell), class_=classes, data_label=column)
        for cell, classes, column in zip(cells, _CLASSES[1:], _COLUMNS[1:], strict=True)
    )
    return element("tr", _name(quantity) + "".join(written))


def _name(quantity: Quantity) -> str:
    """The row's name with its meaning and context below it."""
    known = entry(quantity.name)
    notes = [known.meaning] if known else []
    notes += [f"{key} {value}" for key, value in quantity.context.items()]
    inner = element("span", text(quantity.name), class_="name")
    if notes:
        inner += element("span", text(", ".join(notes)), class_="soft")
    return element("th", inner, scope="row")
