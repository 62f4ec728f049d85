"""Operators with their dimensions: how correlations fall, how sizes collapse, what is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rsmi.errors import InputError
from rsmi.report.figures.style import (
    BLUE,
    CYCLE,
    GREY,
    MARKERS,
    ORANGE,
    blank,
    legend,
    styled,
    words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Numbers = npt.NDArray[np.float64]
Pair = tuple[tuple[float, float], tuple[float, float], float]
"""Two places of a block, and the coefficient of the product of their spins."""

_ROW = 4
_THICKEST = 7.0


@dataclass(frozen=True)
class Curve:
    """A correlator along the axes of one lattice.

    Args:
        size: L.
        distances: r.
        values: C(r).
        errors: Their standard errors.
    """

    size: int
    distances: Numbers
    values: Numbers
    errors: Numbers


@dataclass(frozen=True)
class Fall:
    """How the eigenvalue of one operator falls with the lattice.

    Args:
        label: For people, with the dimension.
        sizes: L of each point.
        values: Eigenvalues.
        errors: Their standard errors.
        dimension: Delta, of the line L^(-2 Delta) through the points.
    """

    label: str
    sizes: Numbers
    values: Numbers
    errors: Numbers
    dimension: float


@dataclass(frozen=True)
class Filter:
    """What an operator sees of its block.

    Args:
        label: For people, with the dimension.
        sites: Places (column, row) and coefficient of each single spin.
        pairs: Of each product of two.
        shares: Names and coefficients, where the letters are no spins or the block no plane.
    """

    label: str
    sites: Sequence[tuple[float, float, float]] = ()
    pairs: Sequence[Pair] = ()
    shares: Sequence[tuple[str, float]] = field(default=())


@styled
def operators(
    curves: Sequence[Curve], falls: Sequence[Fall], filters: Sequence[Filter] = ()
) -> "Figure":
    """Draw correlators of the leading operator, their collapse, eigenvalues, and filters.

    Args:
        curves: Of the leading operator on every lattice; without any, two panels are left out.
        falls: Of every operator, leading first; the collapse takes the dimension of the first.
        filters: Of the operators that are shown as pictures.

    Returns:
        A figure of up to three panels, and a row of filters.

    Raises:
        InputError: For no operator.
    """
    if not falls:
        raise InputError("there is no operator to draw; expected at least one dimension")
    rows = -(-len(filters) // _ROW)
    below = 2.2 * rows if any(each.sites for each in filters) else 3.0 * rows
    high = 6.6 if curves else 3.4
    figure = blank(high + below)
    top, *rest = figure.subfigures(
        2 if rows else 1, 1, squeeze=False, height_ratios=[high, below] if rows else None
    )[:, 0]
    if curves:
        _decay(top.add_subplot(2, 2, 1), curves)
        _collapsed(top.add_subplot(2, 2, 2), curves, falls[0].dimension)
    _falls(top.add_subplot(2, 2, (3, 4)) if curves else top.add_subplot(), falls)
    for place, each in enumerate(filters):
        _filter(rest[0].add_subplot(rows, min(_ROW, len(filters)), place + 1), each)
    legend(figure, 3 if len(falls) < 3 else 2)
    return figure


def _decay(axes: "Axes", curves: Sequence[Curve]) -> None:
    for place, curve in enumerate(curves):
        good = curve.values > 0
        axes.errorbar(
            curve.distances[good], curve.values[good], curve.errors[good], capsize=2, markersize=5,
            fmt=MARKERS[place % len(MARKERS)], color=CYCLE[place % len(CYCLE)],
            label=f"L = {curve.size}",
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="$r$", ylabel="$C(r)$")
    farthest = max(int(curve.distances[-1]) for curve in curves)
    _ticks(axes, [2**k for k in range(farthest.bit_length())])
    _plain(axes)


def _collapsed(axes: "Axes", curves: Sequence[Curve], dimension: float) -> None:
    for place, curve in enumerate(curves):
        shown = curve.distances >= 2
        scale = curve.size ** (2 * dimension)
        axes.errorbar(
            curve.distances[shown] / curve.size, scale * curve.values[shown],
            scale * curve.errors[shown], fmt=MARKERS[place % len(MARKERS)], capsize=2,
            color=CYCLE[place % len(CYCLE)], markersize=5,
        )  # fmt: skip
    axes.set(xlabel="$r / L$", ylabel=rf"$L^{{2 \times {dimension:.3f}}}\, C$")
    if all(bool((curve.values[curve.distances >= 2] > 0).any()) for curve in curves):
        axes.set_yscale("log", nonpositive="clip")
    _plain(axes)


def _ticks(axes: "Axes", places: Sequence[int]) -> None:
    """These numbers alone along a logarithmic axis."""
    from matplotlib.ticker import NullLocator

    axes.set_xticks(places, [str(place) for place in places])
    axes.xaxis.set_minor_locator(NullLocator())


def _plain(axes: "Axes") -> None:
    """Plain numbers beside a logarithmic axis of less than a decade."""
    from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

    low, high = axes.get_ylim()
    if low > 0 and high < 10 * low:
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_locator(NullLocator())


def _falls(axes: "Axes", falls: Sequence[Fall]) -> None:
    for place, fall in enumerate(falls):
        colour = CYCLE[-1 - place % len(CYCLE)]
        axes.errorbar(
            fall.sizes, fall.values, fall.errors, fmt=MARKERS[place % len(MARKERS)], color=colour,
            capsize=3, label=words(fall.label),
        )  # fmt: skip
        x, y = np.log(fall.sizes), np.log(fall.values)
        weight = (fall.values / fall.errors) ** 2
        level = float((weight * (y + 2 * fall.dimension * x)).sum() / weight.sum())
        axes.plot(fall.sizes, np.exp(level - 2 * fall.dimension * x), color=colour, linewidth=1.3)
    axes.set(xscale="log", yscale="log", xlabel="$L$", ylabel=r"eigenvalue $\mu(L)$")
    _ticks(axes, sorted({int(size) for fall in falls for size in fall.sizes}))
    _plain(axes)


def _filter(axes: "Axes", each: Filter) -> None:
    axes.set_title(words(each.label), fontsize=11)
    if not each.sites:
        _bars(axes, each.shares)
        return
    top = max(
        [abs(c) for *_, c in each.sites] + [abs(c) for *_, c in each.pairs], default=1.0
    ) or 1.0  # fmt: skip
    for (x, y), (u, v), c in each.pairs:
        axes.plot(
            [x, u], [y, v], color=_colour(c), linewidth=max(_THICKEST * abs(c) / top, 0.2), zorder=1
        )
    for x, y, c in each.sites:
        size = 30 + 220 * abs(c) / top
        axes.scatter([x], [y], s=size, color=_colour(c), edgecolors=GREY, zorder=2)
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.margins(0.35)
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)


def _colour(coefficient: float) -> str:
    if abs(coefficient) < 1e-9:
        return "white"
    return BLUE if coefficient > 0 else ORANGE


def _bars(axes: "Axes", shares: Sequence[tuple[str, float]]) -> None:
    places = np.arange(len(shares))
    colours = [_colour(value) for _, value in shares]
    axes.barh(places, [value for _, value in shares], color=colours)
    axes.set_yticks(places, [words(name) for name, _ in shares], fontsize=8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.invert_yaxis()
