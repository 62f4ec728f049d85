"""A configuration and what is left of it after each coarse-graining step."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rsmi.errors import InputError
from rsmi.report.figures.style import GREY, SPIN_DOWN, SPIN_UP, WIDTH, blank, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_IN_A_ROW = 3
_LOWEST = 0.5  # inches of a panel, so that a chain is seen


@styled
def levels(configurations: Sequence[npt.ArrayLike], labels: Sequence[str] = ()) -> "Figure":
    """Draw a configuration and its coarse-grained levels at one size, so that spins grow.

    Args:
        configurations: Arrays of ±1, the finest first: (rows, columns), of a chain (sites,), of a
            higher lattice its whole shape, of which the first plane is drawn.
        labels: One per array; `level 0`, `level 1`, ... unless given.

    Returns:
        A figure with one panel per level, up to three in a row.

    Raises:
        InputError: For no array, an array without an axis or a site, or values other than ±1.
    """
    arrays = [_checked(index, spins) for index, spins in enumerate(configurations)]
    if not arrays:
        raise InputError("no configuration to draw; expected at least one array of +1 and -1")
    names = list(labels) or [f"level {index}" for index in range(len(arrays))]
    if len(names) != len(arrays):
        raise InputError(f"{len(names)} labels for {len(arrays)} configurations; give one each")
    columns = _columns(len(arrays))
    rows = math.ceil(len(arrays) / columns)
    height, width = _plane(arrays[0]).shape
    figure = blank(rows * (max(WIDTH / columns * height / width, _LOWEST) + 0.3))
    for index, (spins, name) in enumerate(zip(arrays, names, strict=True)):
        _panel(figure.add_subplot(rows, columns, index + 1), spins, name)
    return figure


def _columns(count: int) -> int:
    """At most three in a row, and four as a square."""
    return 2 if count == 4 else min(count, _MOST_IN_A_ROW)


def _checked(index: int, spins: npt.ArrayLike) -> npt.NDArray[np.int8]:
    array = np.asarray(spins)
    if array.ndim < 1 or not array.size or not np.isin(array, (-1, 1)).all():
        raise InputError(
            f"configuration {index} has shape {array.shape}; expected an axis for each dimension, "
            "and nothing but +1 and -1"
        )
    return array.astype(np.int8)


def _plane(spins: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """What is drawn: a chain as one row, the first plane of what has more than two dimensions."""
    if spins.ndim == 1:
        return spins[None]
    return np.asarray(spins[(0,) * (spins.ndim - 2)])


def _panel(axes: "Axes", spins: npt.NDArray[np.int8], name: str) -> None:
    from matplotlib.colors import ListedColormap

    colours = ListedColormap([SPIN_DOWN, SPIN_UP])
    axes.imshow(_plane(spins), cmap=colours, vmin=-1, vmax=1)
    if spins.ndim == 1:
        axes.set_aspect("auto")
    size = " \N{MULTIPLICATION SIGN} ".join(map(str, spins.shape))
    axes.set_title(f"{name}: {size}" + (", first plane" if spins.ndim > 2 else ""))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.8)
