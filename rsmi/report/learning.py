"""What rules keep about the environment, as a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rsmi.information import Quantity
from rsmi.learning import LearnedRule, RuleValues
from rsmi.learning.growth import LearningCurve
from rsmi.report.drawing import draw
from rsmi.report.figures import bars, information, learning_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@draw.register(LearnedRule)
@draw.register(RuleValues)
def _figure(found: LearnedRule | RuleValues) -> "Figure":
    return information_figure(found.quantities())


@draw.register(LearningCurve)
def _grown(found: LearningCurve) -> "Figure":
    return learning_curve(found.quantities())


def information_figure(quantities: Sequence[Quantity]) -> "Figure":
    """The information of every rule among the quantities, and the most that there can be."""
    ceiling = [q.value for q in quantities if q.name == "information.ceiling"]
    return information(bars(quantities), ceiling[0] if ceiling else None)
