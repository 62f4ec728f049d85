"""What coarse variables keep against what they take: the curve, and rules below it."""

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from rsmi.information import Bottleneck
from rsmi.report.figures.style import BLUE, CYCLE, GREY, INK, MARKERS, blank, legend, styled, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SAMPLES = 400
_BEST = "best_of_"
_APART = 0.05  # of the axis; where dots crowd, some stay without a number


@styled
def bottleneck(
    curve: Bottleneck, rules: Mapping[str, tuple[float, float]] | None = None
) -> "Figure":
    """The information-bottleneck curve, and what rules take and keep.

    Args:
        curve: From below and from above; the band between is what is not known.
        rules: I(V:H) and I(H:E) by name, in nats; `best_of_K` are shown as one row of numbers.

    Returns:
        A figure with one panel.
    """
    figure = blank(4.4)
    axes = figure.add_subplot()
    rates = np.linspace(0.0, 1.05 * curve.points[-1].rate, _SAMPLES)
    lower = [curve.lower(float(rate)) for rate in rates]
    upper = [max(curve.upper(float(rate)), low) for rate, low in zip(rates, lower, strict=True)]
    axes.fill_between(rates, lower, upper, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(rates, lower, color=BLUE, label="most that can be kept")
    axes.plot([0, curve.full], [0, curve.full], ":", color=GREY, label="I(H:E) = I(V:H)")
    axes.axhline(curve.full, color=GREY, linewidth=1.2, linestyle="--", label="I(V:E)")
    axes.set_xlim(0, float(rates[-1]))
    axes.set_ylim(0, 1.08 * curve.full)
    _marks(axes, rules or {})
    axes.set_xlabel("taken of the block, I(V:H) (nats)")
    axes.set_ylabel("kept, I(H:E) (nats)")
    legend(figure)
    return figure


def _marks(axes: "Axes", rules: Mapping[str, tuple[float, float]]) -> None:
    """Best rules by their number of symbols, then the others by name."""
    best = {name.removeprefix(_BEST): at for name, at in rules.items() if name.startswith(_BEST)}
    if best:
        rates, kept = zip(*best.values(), strict=True)
        axes.plot(rates, kept, "o", color=INK, markersize=4, label="best rule of K symbols")
    last = -1.0
    for symbols, (rate, value) in best.items():
        if rate - last > _APART * axes.get_xlim()[1]:
            axes.annotate(symbols, (rate, value), (0, -15), textcoords="offset points", ha="center")
            last = rate
    others = [name for name in rules if not name.startswith(_BEST)]
    for name, marker, colour in zip(others, cycle(MARKERS[1:]), cycle(CYCLE[1:]), strict=False):
        axes.plot(*rules[name], marker, color=colour, markersize=6, label=words(name))
