"""The figure of every kind of result; `rsmi.information.Outcome.plot` finds it here."""

from functools import singledispatch
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.information import Outcome
from rsmi.report.figures import values

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@singledispatch
def draw(outcome: Outcome) -> "Figure":
    """Draw a result: as its kind is drawn, or every number with its error beside what is known.

    Args:
        outcome: Any result object.

    Raises:
        InputError: Where it holds no number.
    """
    quantities = [quantity for quantity in outcome.quantities() if ".scan." not in quantity.name]
    if not quantities:
        raise InputError(
            f"this {type(outcome).__name__} holds no number, so there is nothing to draw"
        )
    return values(quantities)
