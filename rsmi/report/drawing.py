"""How each kind of result is drawn; `rsmi.information.Outcome.plot` finds it here."""

import importlib
from functools import singledispatch
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.information import Outcome
from rsmi.report.figures import values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROOMS = {
    "rsmi.layers": "rsmi.report.layers",
    "rsmi.renormalization": "rsmi.report.renormalization",
}
"""Room of a kind of result -> the module that registers how it is drawn, imported when needed."""


def draw(outcome: Outcome) -> "Figure":
    """Draw a result: as its kind is drawn, or every number with its error beside what is known.

    Args:
        outcome: Any result object.

    Raises:
        InputError: Where there is nothing to draw.
    """
    _import_kind(outcome)
    return drawn(outcome)


@singledispatch
def drawn(outcome: Outcome) -> "Figure":
    """A kind of result registers its figure here."""
    quantities = [quantity for quantity in outcome.quantities() if ".scan." not in quantity.name]
    if not quantities:
        raise InputError(
            f"this {type(outcome).__name__} holds no number, so there is nothing to draw"
        )
    return values(quantities)


def _import_kind(outcome: Outcome) -> None:
    for kind in type(outcome).__mro__:
        room = ".".join(kind.__module__.split(".")[:2])
        if room in _ROOMS:
            importlib.import_module(_ROOMS[room])
