"""The rules of an ensemble as points, and some of them as pictures of their block."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rsmi.errors import InputError
from rsmi.report.figures.style import (
    CYCLE,
    GREY,
    INK,
    MARKERS,
    WIDTH,
    blank,
    styled,
    two_sided,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Numbers = npt.NDArray[np.float64]

_ROW = 3
"""Panels side by side."""


@styled
def filters(
    coordinates: npt.ArrayLike,
    labels: npt.ArrayLike,
    pictures: Sequence[npt.ArrayLike] = (),
    chosen: Sequence[int] = (),
) -> "Figure":
    """Draw rules along the axes in which they differ most, with pictures of some of them.

    Args:
        coordinates: (M, p) rules along p axes.
        labels: (M,) cluster of each, -1 for none.
        pictures: One for each chosen rule: (rows, columns, 1) numbers of the sites of a block, or
            (rows, columns, 3) numbers and arrows, which go first along the rows' axis.
        chosen: Numbers of these rules.

    Returns:
        A figure with one panel for each pair of axes and one for each picture.

    Raises:
        InputError: For no rules, or arrays that do not fit each other.
    """
    x, marks = np.asarray(coordinates, dtype=float), np.asarray(labels, dtype=int)
    if x.ndim != 2 or not x.size or marks.shape != x.shape[:1] or len(pictures) != len(chosen):
        raise InputError(
            f"rules of shape {x.shape} with labels of shape {marks.shape}, and {len(pictures)} "
            f"pictures of {len(chosen)} rules; expected (M, p) with M >= 1, (M,), and one picture "
            "for each chosen rule"
        )
    pairs = [(0, 1), (0, 2)][: max(1, min(2, x.shape[1] - 1))]
    tops = 2 if len(pairs) == 2 else 1
    rows = -(-len(pictures) // _ROW)
    high = 0.35 if x.shape[1] == 1 else 0.8 / tops
    heights = [high, 0.95 * rows / _ROW][: 1 + (rows > 0)]
    figure = blank(WIDTH * sum(heights))
    top, *below = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for place, (a, b) in enumerate(pairs):
        _points(top.add_subplot(1, tops, place + 1), x, marks, (a, b), chosen)
    scale = max((float(np.abs(np.asarray(p)).max()) for p in pictures), default=1.0) or 1.0
    for place, picture in enumerate(pictures):
        axes = below[0].add_subplot(rows, _ROW, place + 1)
        _picture(axes, np.asarray(picture, dtype=float) / scale)
        axes.set_title(str(place + 1))
    return figure


def _points(
    axes: "Axes",
    x: Numbers,
    marks: npt.NDArray[np.int_],
    pair: tuple[int, int],
    chosen: Sequence[int],
) -> None:
    """The rules along two axes, or along one, spread out at random across it."""
    a, b = pair
    flat = x.shape[1] == 1
    across = np.random.default_rng(0).uniform(-1, 1, len(x)) if flat else x[:, b]
    for mark in np.unique(marks):
        mine, (colour, marker) = marks == mark, _style(int(mark))
        axes.scatter(
            x[mine, a], across[mine], s=18, alpha=0.7, linewidths=0, color=colour, marker=marker
        )
    for number, member in enumerate(chosen):
        axes.annotate(
            str(number + 1), (x[member, a], across[member]), (9, 9), textcoords="offset points",
            color=INK, fontweight="bold",
        )  # fmt: skip
    axes.margins(0.15)
    axes.set_xlabel(f"axis {a + 1}")
    if flat:
        axes.set(yticks=[], ylim=(-4, 4))
        axes.spines["left"].set_visible(False)
        return
    axes.set_ylabel(f"axis {b + 1}")
    axes.set_aspect("equal", adjustable="datalim")


def _style(mark: int) -> tuple[str, str]:
    if mark < 0:
        return GREY, "."
    return CYCLE[mark % len(CYCLE)], MARKERS[mark % len(MARKERS)]


def _picture(axes: "Axes", picture: Numbers) -> None:
    """Numbers of a block as colours, or its arrows."""
    rows, columns = picture.shape[:2]
    axes.imshow(picture[..., 0], cmap=two_sided(), vmin=-1, vmax=1)
    if picture.shape[2] > 1:
        i, j = np.mgrid[:rows, :columns]
        axes.quiver(
            j, i, picture[..., 2], picture[..., 1], angles="xy", scale_units="xy", scale=1.1,
            pivot="middle", color=INK, width=0.018,
        )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=GREY)
