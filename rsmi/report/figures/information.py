"""Information of the learned rule beside that of the others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.report.figures.style import BLUE, GREY, INK, VERMILLION, blank, legend, styled
from rsmi.report.quantity import Quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NEAR = 0.01
"""Rules within this part of the highlighted value are shown again, magnified."""

_NAMES = {
    "information.learned": "learned",
    "information.learned.null": "shuffled null",
    "information.majority": "majority",
    "information.decimation": "decimation",
    "information.exact.optimum": "exact optimum",
    "information.exact.full": "whole block",
    "information.ceiling": "ceiling",
}


@dataclass(frozen=True)
class Bar:
    """One rule in the comparison.

    Args:
        label: Name of the rule.
        value: Information in nats.
        error: One standard error in nats; 0 for an exact value.
        highlight: Whether this is the rule the figure is about.
    """

    label: str
    value: float
    error: float = 0.0
    highlight: bool = False


def bars(quantities: Sequence[Quantity]) -> list[Bar]:
    """The `information.*` quantities of a result as bars, the learned rule highlighted.

    >>> bars([Quantity("information.exact.majority", 0.461, 0.0, "exact", "nats")])
    [Bar(label='majority, exact', value=0.461, error=0.0, highlight=False)]
    """
    return [
        Bar(_label(q.name), q.value, q.error, q.name == "information.learned")
        for q in quantities
        if q.name.startswith("information.") and q.unit == "nats"
    ]


def _label(name: str) -> str:
    last = name.removeprefix("information.exact.").removeprefix("information.")
    return _NAMES.get(name, f"{last}, exact" if ".exact." in name else last)


@styled
def information(rules: Sequence[Bar]) -> "Figure":
    """Compare rules on one axis; those within 1 % of the highlighted one again, magnified.

    Exact values are hollow diamonds, measured ones dots with one standard error.

    Args:
        rules: From top to bottom; without a highlighted one the largest value takes its place.

    Returns:
        A figure with one panel, or two where rules lie within 1 % of each other.

    Raises:
        InputError: For no rule, or a value that is not finite.
    """
    if not rules or not all(math.isfinite(bar.value + bar.error) for bar in rules):
        raise InputError(f"{len(rules)} rules; expected at least one, with finite values")
    near = _near(rules)
    counts = [len(rules)] + ([len(near)] if len(near) > 1 else [])
    figure = blank(sum(0.4 * count + 0.9 for count in counts) + 0.4)
    panels = figure.subplots(len(counts), 1, squeeze=False, height_ratios=counts)[:, 0]
    _dots(panels[0], rules)
    panels[0].set_xlim(min(0.0, panels[0].get_xlim()[0]))
    if len(counts) > 1:
        _dots(panels[1], near)
        panels[1].set_title("magnified", loc="left", color=GREY, pad=14)
    legend(figure, 2)
    panels[-1].set_xlabel("mutual information with the environment (nats)")
    return figure


def _near(rules: Sequence[Bar]) -> list[Bar]:
    centre = next((bar for bar in rules if bar.highlight), max(rules, key=lambda bar: bar.value))
    return [bar for bar in rules if abs(bar.value - centre.value) <= _NEAR * abs(centre.value)]


def _keys(axes: "Axes", rules: Sequence[Bar]) -> None:
    """Empty series that tell the legend what the symbols mean."""
    if any(bar.error for bar in rules):
        axes.errorbar([], [], xerr=[], fmt="o", color=BLUE, capsize=4, label="from samples")
    if not all(bar.error for bar in rules):
        axes.plot([], [], "D", color=INK, markerfacecolor="white", label="exact")


def _dots(axes: "Axes", rules: Sequence[Bar]) -> None:
    for place, bar in enumerate(rules):
        axes.axhline(place, color="#e8eaec", linewidth=1, zorder=0)
        colour = VERMILLION if bar.highlight else (BLUE if bar.error else INK)
        if bar.error:
            axes.errorbar(bar.value, place, xerr=bar.error, fmt="o", color=colour, capsize=4)
        else:
            axes.plot(bar.value, place, "D", color=colour, markerfacecolor="white")
    _keys(axes, rules)
    axes.set_yticks(range(len(rules)), [bar.label for bar in rules])
    axes.set_ylim(len(rules) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.08)
    axes.locator_params(axis="x", nbins=6)
