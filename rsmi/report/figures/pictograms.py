"""Little pictures of all states of a block."""

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rsmi.report.figures.style import GREY, SPIN_DOWN, SPIN_UP, hide_frame, ink_on, two_sided

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

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
