"""How learning went."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rsmi.errors import InputError
from rsmi.report.figures.style import BLUE, GREY, VERMILLION, blank, exact_line, legend, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Curve:
    """Information while a rule is learned, in nats.

    Args:
        x: Optimiser steps or seconds, increasing, shape (n,).
        held_out: Information on held-out configurations, shape (n,).
        train: Information on training batches, shape (n,), where it was logged.
        x_label: What x counts.
    """

    x: npt.ArrayLike
    held_out: npt.ArrayLike
    train: npt.ArrayLike | None = None
    x_label: str = "optimiser step"


@styled
def training(curve: Curve, exact: float | None = None, stopped: float | None = None) -> "Figure":
    """Draw held-out information while learning, against the exact value it can reach.

    Args:
        curve: What was logged.
        exact: The largest value for the same window in nats, where it is known.
        stopped: The x whose weights were kept, where learning stopped early.

    Returns:
        A figure with one panel and an inset that magnifies the last half.

    Raises:
        InputError: When the arrays are empty, differ in length, or hold no finite number.
    """
    x = _finite(curve.x, "x", None)
    held_out = _finite(curve.held_out, "held_out", len(x))
    train = None if curve.train is None else _finite(curve.train, "train", len(x))
    figure = blank(4.4)
    axes = figure.add_subplot()
    inset = axes.inset_axes((0.42, 0.14, 0.56, 0.5))
    for panel in (axes, inset):
        if train is not None:
            panel.plot(x, train, color=GREY, linewidth=1, label="training batches")
        panel.plot(x, held_out, color=BLUE, label="held out")
        if exact is not None:
            exact_line(panel, exact, "exact")
        if stopped is not None:
            best = float(np.interp(stopped, x, held_out))
            panel.plot([stopped], [best], "o", color=VERMILLION, label="weights kept", zorder=4)
    axes.margins(x=0.01, y=0.08)
    axes.set(xlabel=curve.x_label, ylabel="information (nats)")
    _magnify(inset, x, np.append(held_out, [] if exact is None else exact))
    legend(figure, 2)
    return figure


def _magnify(inset: "Axes", x: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> None:
    """Show the second half of the curve within 2 % of the largest value."""
    top = float(values.max())
    reach = 0.02 * abs(top) or 1.0
    inset.set(xlim=(x[(len(x) - 1) // 2], x[-1]), ylim=(top - reach, top + reach / 2))
    inset.locator_params(nbins=4)
    inset.tick_params(labelsize=10)


def _finite(values: npt.ArrayLike, name: str, length: int | None) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array) or length not in (None, len(array)):
        raise InputError(
            f"{name} has shape {array.shape}; expected ({length or 'n'},), one number per point"
        )
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds numbers that are not finite; leave those points out")
    return array
