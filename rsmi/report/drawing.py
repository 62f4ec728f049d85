"""How each kind of result is drawn; `rsmi.information.Outcome.plot` finds it here."""

import importlib
from functools import singledispatch
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.information import Outcome
from rsmi.information.estimators import Estimates
from rsmi.report.figures import estimators, values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROOMS = {
    "rsmi.information.frontier": "rsmi.report.layers",
    "rsmi.layers": "rsmi.report.layers",
    "rsmi.layers.depth": "rsmi.report.theory",
    "rsmi.learning": "rsmi.report.learning",
    "rsmi.renormalization": "rsmi.report.renormalization",
    "rsmi.renormalization.operators": "rsmi.report.operators",
    "rsmi.scaling": "rsmi.report.scaling",
    "rsmi.theory": "rsmi.report.theory",
    "rsmi.runs": "rsmi.report.runs",
}
"""Room of a kind of result -> the module that registers its figure, imported when needed."""


@singledispatch
def draw(outcome: Outcome) -> "Figure":
    """Draw a result: as its kind is drawn, or every number with its error beside what is known.

    Args:
        outcome: Any result object.

    Raises:
        InputError: Where there is nothing to draw.
    """
    for kind in type(outcome).__mro__:
        parts = kind.__module__.split(".")
        for depth in (3, 2):
            if module := _ROOMS.get(".".join(parts[:depth])):
                importlib.import_module(module)
    if draw.dispatch(type(outcome)) is not draw.dispatch(object):
        return draw(outcome)
    quantities = [quantity for quantity in outcome.quantities() if ".scan." not in quantity.name]
    if not quantities:
        raise InputError(
            f"this {type(outcome).__name__} holds no number, so there is nothing to draw"
        )
    return values(quantities)


draw.register(Estimates, estimators)
