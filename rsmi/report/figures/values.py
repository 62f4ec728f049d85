"""Any quantities, each with its error beside what is known of it; estimators side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rsmi.information import Quantity
from rsmi.information.estimators.estimate import EstimateLine, Estimates
from rsmi.report.figures.style import BLUE, GREY, INK, VERMILLION, blank, legend, styled, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMS = {"lower": ">", "upper": "<", "exact": "D", "estimate": "o"}
_NAMES = {"lower": "lower bound", "upper": "upper bound", "exact": "exact", "estimate": "estimate"}


@styled
def values(quantities: Sequence[Quantity]) -> "Figure":
    """Quantities on one axis per unit, with one standard error; crosses are known values.

    Args:
        quantities: At least one, from top to bottom.

    Returns:
        A figure with a panel per unit.
    """
    units = list(dict.fromkeys(quantity.unit for quantity in quantities))
    groups = [[q for q in quantities if q.unit == unit] for unit in units]
    counts = [len(_rows(group)) for group in groups]
    figure = blank(sum(0.4 * count + 0.8 for count in counts) + 0.7)
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=counts)[:, 0]
    for axes, group, unit in zip(panels, groups, units, strict=True):
        _panel(axes, group)
        axes.set_xlabel("value" if unit == "1" else words(unit))
    legend(figure)
    return figure


def _rows(quantities: Sequence[Quantity]) -> list[str]:
    return list(dict.fromkeys(quantity.name for quantity in quantities))


def _panel(axes: "Axes", quantities: Sequence[Quantity]) -> None:
    rows = _rows(quantities)
    for quantity in quantities:
        row = rows.index(quantity.name)
        if quantity.reference is not None:
            axes.plot(quantity.reference, row, "x", color=INK, label="known", zorder=3)
        axes.errorbar(
            quantity.value,
            row,
            xerr=quantity.error or None,
            fmt=_FORMS[quantity.kind],
            color=BLUE,
            capsize=4,
            label=_NAMES[quantity.kind],
        )
    axes.set_yticks(range(len(rows)), list(map(words, rows)))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.locator_params(axis="x", nbins=6)


@styled
def estimators(found: Estimates) -> "Figure":
    """Every estimator in a row: its value, the most that it could say, and its null.

    Those of another quantity than I(X;Y) are left out, where there are others.

    Args:
        found: What the estimators say of the same pairs.

    Returns:
        A figure with one panel.
    """
    lines = [line for line in found.lines if line.estimator.comparable] or list(found.lines)
    figure = blank(0.45 * len(lines) + 1.8)
    axes = figure.subplots()
    most = 2 * max(line.value.value + line.value.error for line in lines)
    for row, line in enumerate(lines):
        _estimator(axes, row, line, most)
    axes.set_yticks(range(len(lines)), [line.estimator.name for line in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlabel("I(X;Y) (nats)")
    legend(figure, 2)
    return figure


def _estimator(axes: "Axes", row: int, line: EstimateLine, most: float) -> None:
    """One row; a ceiling far beyond all values would hide them, and is left out."""
    value, null = line.value, line.null
    if line.ceiling is not None and line.ceiling <= most:
        axes.plot(line.ceiling, row, "|", color=INK, markersize=14, label="ceiling")
    if null is not None:
        axes.errorbar(
            null.value, row, xerr=null.error or None, fmt="o", color=GREY, mfc="white", capsize=4,
            label="permuted pairs",
        )  # fmt: skip
    axes.errorbar(
        value.value, row, xerr=value.error or None, fmt=_FORMS[value.kind], capsize=4,
        color=VERMILLION if line.refused else BLUE,
        label=f"{_NAMES[value.kind]}{', refused' if line.refused else ''}",
    )  # fmt: skip
