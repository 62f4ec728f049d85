"""Information of the learned rule beside that of the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsmi.errors import InputError
from rsmi.information import Quantity
from rsmi.report.figures.style import BLUE, GREY, INK, VERMILLION, blank, legend, styled, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NEAR = 0.01
"""Rules within this part of the highlighted value are shown again, magnified."""

_NAMES = {
    "full": "whole block",
    "optimum": "best rule",
    "learned": "learned rule",
    "majority": "majority",
    "decimation": "decimation",
    "learned.null": "shuffled null",
}
"""Rows from top to bottom by the last part of the quantity's name; others follow."""

_CEILING = "information.ceiling"
_CURVE = "information.learned.curve."
_NO_RULES = (_CEILING, _CURVE, "information.learned.seed.")
_NUDGE = 0.14
"""How far the two symbols of one row stand apart."""


@dataclass(frozen=True)
class Bar:
    """One value in the comparison.

    Args:
        label: Name of the rule; values of the same name share a row.
        value: Information in nats.
        error: One standard error in nats; 0 for an exact value.
        exact: Whether it comes from the Hamiltonian rather than from a learned predictor.
        highlight: Whether this is the rule the figure is about.
    """

    label: str
    value: float
    error: float = 0.0
    exact: bool = False
    highlight: bool = False


def bars(quantities: Sequence[Quantity]) -> list[Bar]:
    """The `information.*` quantities of a result as bars, the learned rule highlighted.

    The ceiling, learning curves and other seeds are no rules and are left out.

    >>> bars([Quantity("information.exact.majority", 0.461, 0.0, "exact", "nats")])
    [Bar(label='majority', value=0.461, error=0.0, exact=True, highlight=False)]
    """
    shown = [
        q
        for q in quantities
        if q.name.startswith("information.")
        and q.unit == "nats"
        and not q.name.startswith(_NO_RULES)
    ]
    order = [*_NAMES, *(_rule(q) for q in shown)]
    return [
        Bar(
            _NAMES.get(_rule(q), _rule(q)),
            q.value,
            q.error,
            ".exact." in q.name,
            q.name == "information.learned",
        )
        for q in sorted(shown, key=lambda q: order.index(_rule(q)))
    ]


def _rule(quantity: Quantity) -> str:
    return quantity.name.removeprefix("information.").removeprefix("exact.")


@styled
def information(rules: Sequence[Bar], ceiling: float | None = None) -> "Figure":
    """Compare rules on one axis; those within 1 % of the highlighted one again, magnified.

    Dots are held-out bounds, hollow diamonds come from exact conditionals; both carry one
    standard error where they have one.

    Args:
        rules: From top to bottom; without a highlighted one the largest value takes its place.
        ceiling: Most that the coarse bits can keep, in nats; drawn as a line.

    Returns:
        A figure with one panel, or two where several rules lie within 1 % of each other.

    Raises:
        InputError: For no rule, or a value that is not finite.
    """
    if not rules or not all(math.isfinite(bar.value + bar.error) for bar in rules):
        raise InputError(f"{len(rules)} rules; expected at least one, with finite values")
    near = _near(rules)
    groups = [rules, near] if len(_labels(near)) > 1 else [rules]
    counts = [len(_labels(group)) for group in groups]
    figure = blank(sum(0.5 * count + 0.8 for count in counts) + 0.7)
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=counts)[:, 0]
    for axes, group in zip(panels, groups, strict=True):
        _dots(axes, group)
    if ceiling is not None:
        panels[0].axvline(ceiling, color=GREY, linestyle="--", linewidth=1.2, label="ceiling H(H)")
    panels[0].set_xlim(min(0.0, panels[0].get_xlim()[0]))
    if len(groups) > 1:
        panels[1].set_title("magnified", loc="left", color=GREY, pad=14)
    legend(figure, 2)
    panels[-1].set_xlabel("mutual information with the environment (nats)")
    return figure


@styled
def learning_curve(quantities: Sequence[Quantity]) -> "Figure":
    """Draw held-out values against the number of training configurations, with their limit.

    Error bars are those of the choice of configurations; the error of the test part shifts all
    points alike, and only the band of the limit holds it.

    Args:
        quantities: Of a result; those called `information.learned.curve.*` are drawn.

    Returns:
        A figure with one panel.

    Raises:
        InputError: Without such quantities.
    """
    found = {q.name.removeprefix(_CURVE): q for q in quantities if q.name.startswith(_CURVE)}
    points = sorted((int(name), q) for name, q in found.items() if name.isdigit())
    if not points:
        raise InputError("no learning curve in this result; set learning.curve: true")
    figure = blank(4.4)
    axes = figure.add_subplot()
    numbers, values = [n for n, _ in points], [q.value for _, q in points]
    errors = [float(q.context["training"]) for _, q in points]
    axes.errorbar(numbers, values, errors, fmt="o", color=BLUE, capsize=4, label="held out")
    if "limit" in found:
        _limit(axes, found, numbers[0], numbers[-1])
    axes.set_xscale("log", base=2)
    axes.set_xticks(numbers, list(map(str, numbers)))
    axes.set(xlabel="training configurations", ylabel="information (nats)")
    axes.margins(y=0.15)
    legend(figure, 3)
    return figure


def _limit(axes: "Axes", found: Mapping[str, Quantity], least: int, most: int) -> None:
    """The fitted curve up to four times the configurations, and the band of its limit."""
    limit, gain, power = (found[name].value for name in ("limit", "gain", "power"))
    sizes = [least * (4 * most / least) ** (step / 99) for step in range(100)]
    fitted = [limit - gain * (n / most) ** -power for n in sizes]
    axes.plot(sizes, fitted, color=VERMILLION, label=f"fit, power {power:.2g}")
    error = found["limit"].error
    axes.axhspan(limit - error, limit + error, color=GREY, alpha=0.2, linewidth=0, label="limit")


def _near(rules: Sequence[Bar]) -> list[Bar]:
    centre = next((bar for bar in rules if bar.highlight), max(rules, key=lambda bar: bar.value))
    return [bar for bar in rules if abs(bar.value - centre.value) <= _NEAR * abs(centre.value)]


def _labels(rules: Sequence[Bar]) -> list[str]:
    """Names of the rows, each once, in order."""
    return list(dict.fromkeys(bar.label for bar in rules))


def _dots(axes: "Axes", rules: Sequence[Bar]) -> None:
    rows = _labels(rules)
    for place in range(len(rows)):
        axes.axhline(place, color="#e8eaec", linewidth=1, zorder=0)
    for bar in rules:
        _symbol(axes, bar, rows.index(bar.label))
    axes.set_yticks(range(len(rows)), list(map(words, rows)))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.08)
    axes.locator_params(axis="x", nbins=6)


def _symbol(axes: "Axes", bar: Bar, row: int) -> None:
    """One value; the legend shows every label once."""
    colour = INK if bar.exact else (VERMILLION if bar.highlight else BLUE)
    axes.errorbar(
        bar.value,
        row + (_NUDGE if bar.exact else -_NUDGE),
        xerr=bar.error or None,
        fmt="D" if bar.exact else "o",
        color=colour,
        markerfacecolor="white" if bar.exact else colour,
        capsize=4,
        label="exact p(v|e)"
        if bar.exact
        else ("learned, held out" if bar.highlight else "held out"),
    )
