"""Headline numbers of the page, each beside what is known of it."""

from collections.abc import Sequence

from rsmi.information.outcome import deviation_text
from rsmi.information.quantity import KIND_WORDS, Quantity
from rsmi.report.glossary import entry
from rsmi.report.markup import element, text


def cards(quantities: Sequence[Quantity]) -> str:
    """A list of cards: symbol, value with error, known value, meaning."""
    items = (element("li", _card(quantity)) for quantity in quantities)
    return element("ul", "\n".join(items), class_="cards")


def _card(quantity: Quantity) -> str:
    known = entry(quantity.name)
    parts = [
        element("span", known.symbol if known else text(quantity.name), class_="symbol"),
        element("span", _value(quantity), class_="value"),
        element("span", _comparison(quantity), class_="soft"),
    ]
    if known:
        parts.append(element("span", text(known.meaning), class_="soft"))
    return "".join(parts)


def _value(quantity: Quantity) -> str:
    number, _, unit = quantity.text.partition(" ")
    return element("span", text(number), class_="number") + (
        " " + element("span", text(unit), class_="unit") if unit else ""
    )


def _comparison(quantity: Quantity) -> str:
    """The known value and the deviation, or the kind of a number that has none."""
    kind = KIND_WORDS[quantity.kind]
    if quantity.reference is None:
        return text(kind)
    known, sigmas = text(quantity.reference_text), deviation_text(quantity)
    if quantity.holds:
        return f"{text(kind)} of {known}"
    return f"reference {known}" + (f" ({text(sigmas)}&nbsp;&sigma;)" if sigmas else "")
