"""A coarse-graining rule p(h|v) made visible."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rsmi.errors import InputError
from rsmi.report.figures.style import (
    GREY,
    SPIN_DOWN,
    SPIN_UP,
    WIDTH,
    blank,
    hide_frame,
    ink_on,
    styled,
    two_sided,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_MOST_PICTOGRAMS = 4
"""Sites up to which all block states are drawn: 16 pictograms."""


@styled
def rule(table: npt.ArrayLike, block: Sequence[int]) -> "Figure":
    """Draw a rule: every block state with p(h=+1|v), or the response to each spin if many.

    Up to four sites, one row per hidden bit holds all block states as pictograms grouped by
    magnetisation, so that a majority and its way of breaking ties are seen. For larger blocks

        r_i = 2^-n Σ_v Σ_h p(h|v) h v_i

    is shown instead, one image per hidden bit.

    Args:
        table: p(h|v), shape (2**n_v, K), rows summing to 1, in the state encoding of
            `rsmi.lattice.state_index`; K = 2**(number of hidden bits).
        block: Widths of the visible block in sites.

    Returns:
        A figure with one panel per hidden bit and a colour bar.

    Raises:
        InputError: When the table does not belong to the block or holds no probabilities.
    """
    probabilities = _checked(table, tuple(block))
    plus = _bits(probabilities)
    if math.prod(block) <= _MOST_PICTOGRAMS:
        return _pictogram_figure(plus, tuple(block))
    return _response_figure(plus, tuple(block))


def _checked(table: npt.ArrayLike, block: tuple[int, ...]) -> npt.NDArray[np.float64]:
    array = np.asarray(table, dtype=np.float64)
    n_states = 2 ** math.prod(block)
    if array.ndim != 2 or array.shape[0] != n_states or not _is_power_of_two(array.shape[1]):
        raise InputError(
            f"rule table has shape {array.shape}; expected ({n_states}, 2**n_hidden) for block "
            f"{block}"
        )
    if not np.allclose(array.sum(axis=1), 1.0) or not (array >= 0).all():
        raise InputError("rule table holds no probabilities p(h|v); expected rows summing to 1")
    return array


def _is_power_of_two(number: int) -> bool:
    return number >= 2 and number & (number - 1) == 0


def _bits(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """p(h_j = +1 | v) of each hidden bit j, shape (n_hidden, 2**n_v)."""
    symbols = np.arange(table.shape[1])
    n_hidden = table.shape[1].bit_length() - 1
    return np.stack([table[:, (symbols >> bit) & 1 == 1].sum(axis=1) for bit in range(n_hidden)])


def _pictogram_figure(plus: npt.NDArray[np.float64], block: tuple[int, ...]) -> "Figure":
    most = math.comb(math.prod(block), math.prod(block) // 2)
    figure = blank(len(plus) * (0.78 * most + 1.3))
    for bit, probabilities in enumerate(plus):
        axes = figure.add_subplot(len(plus), 1, bit + 1)
        mappable = pictograms(axes, probabilities, block)
        name = f"h_{bit + 1}" if len(plus) > 1 else "h"
        figure.colorbar(
            mappable, ax=axes, label=rf"$p({name} = +1\,|\,v)$", ticks=[0, 0.5, 1], shrink=0.7
        )
    return figure


def _response_figure(plus: npt.NDArray[np.float64], block: tuple[int, ...]) -> "Figure":
    responses = _responses(plus, math.prod(block))
    scale = float(np.abs(responses).max()) or 1.0
    images = responses.reshape(-1, *_image_shape(block))
    columns = min(len(images), 3)
    rows = math.ceil(len(images) / columns)
    figure = blank(rows * WIDTH / max(columns, 1.6) * min(images.shape[1] / images.shape[2], 1.0))
    panels = [figure.add_subplot(rows, columns, index + 1) for index in range(len(images))]
    for axes, image in zip(panels, images, strict=True):
        mappable = _response(axes, image, scale)
    figure.colorbar(mappable, ax=panels, label=r"response $\langle h\,v_i\rangle$", shrink=0.8)
    return figure


def _responses(plus: npt.NDArray[np.float64], n_visible: int) -> npt.NDArray[np.float64]:
    """Linear response of each hidden bit to each spin over all block states, equally weighted."""
    states = np.arange(2**n_visible)
    mean = 2 * plus - 1
    spins = ((states[:, None] >> np.arange(n_visible)) & 1) * 2 - 1
    return np.asarray(mean @ spins / len(states))


def _image_shape(block: tuple[int, ...]) -> tuple[int, int]:
    """A plane of the block; a chain is one row, further dimensions become further images."""
    return (1, block[0]) if len(block) == 1 else (block[-2], block[-1])


def _response(axes: "Axes", image: npt.NDArray[np.float64], scale: float) -> "AxesImage":
    drawn = axes.imshow(image, cmap=two_sided(), vmin=-scale, vmax=scale)
    for (row, column), value in np.ndenumerate(image):
        ink = ink_on(drawn.to_rgba(np.array([value]))[0])
        # Adding zero turns a rounded -0.0 into 0.0.
        text = f"{round(value, 2) + 0.0:.2f}"
        axes.text(column, row, text, ha="center", va="center", color=ink)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=GREY)
    return drawn


_CARD = 0.88
"""Width and height of a card as a part of its cell."""

_SPINS = 0.46
"""The longer side of the drawn block as a part of the cell."""


def pictograms(
    axes: "Axes", plus: npt.NDArray[np.float64], block: tuple[int, ...]
) -> "ScalarMappable":
    """Draw each block state on a card coloured by p(h=+1|v), one column per magnetisation.

    Args:
        axes: Where to draw.
        plus: p(h=+1|v), shape (2**n_v,), in the encoding of `rsmi.lattice.state_index`.
        block: Widths of the block in sites.

    Returns:
        The colour scale, for a colour bar.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    colours = ScalarMappable(Normalize(0, 1), two_sided())
    n_sites = math.prod(block)
    most = math.comb(n_sites, n_sites // 2)
    for up in range(n_sites + 1):
        members = [state for state in range(2**n_sites) if state.bit_count() == up]
        for place, state in enumerate(members):
            centre = (float(up), place - (len(members) - 1) / 2)
            _card(axes, centre, float(plus[state]), colours)
            _spins(axes, centre, state, block)
    axes.set(xlim=(-0.5, n_sites + 0.5), ylim=(most / 2, -most / 2), aspect="equal")
    hide_frame(axes)
    axes.set_xticks(range(n_sites + 1), [_signed(2 * up - n_sites) for up in range(n_sites + 1)])
    axes.tick_params(length=0)
    axes.set_xlabel("block magnetisation")
    return colours


def _signed(number: int) -> str:
    return f"{number:+d}".replace("-", "\N{MINUS SIGN}") if number else "0"


def _card(
    axes: "Axes", centre: tuple[float, float], probability: float, colours: "ScalarMappable"
) -> None:
    """The coloured card and the probability below the place for the spins."""
    from matplotlib.patches import Rectangle

    colour = colours.to_rgba(np.array([probability]))[0]
    corner = (centre[0] - _CARD / 2, centre[1] - _CARD / 2)
    axes.add_patch(Rectangle(corner, _CARD, _CARD, facecolor=colour, edgecolor="none"))
    axes.text(
        centre[0],
        centre[1] + 0.29,
        f"{probability:.2f}",
        ha="center",
        va="center",
        color=ink_on(colour),
        fontsize=11,
    )


def _spins(axes: "Axes", centre: tuple[float, float], state: int, block: tuple[int, ...]) -> None:
    """The block itself: dark squares are up, light squares are down."""
    from matplotlib.patches import Rectangle

    rows, columns = math.prod(block[:-1]), block[-1]
    side = _SPINS / max(rows, columns)
    left, top = centre[0] - side * columns / 2, centre[1] - 0.13 - side * rows / 2
    for site in range(rows * columns):
        corner = (left + side * (site % columns), top + side * (site // columns))
        colour = SPIN_UP if state >> site & 1 else SPIN_DOWN
        axes.add_patch(Rectangle(corner, side, side, facecolor=colour, edgecolor=GREY, lw=0.8))
