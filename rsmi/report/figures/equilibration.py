"""Chains from hot and cold starts on their way to equilibrium."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from rsmi.errors import InputError
from rsmi.report.figures.style import BLUE, GREY, VERMILLION, blank, legend, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {"cold": BLUE, "hot": VERMILLION}


@dataclass(frozen=True)
class Series:
    """|m| of one chain, sweep by sweep.

    Args:
        start: `hot` (random spins) or `cold` (all spins equal).
        values: Absolute magnetisation per site after sweeps 1, 2, ..., shape (n,).
    """

    start: Literal["hot", "cold"]
    values: npt.ArrayLike


@styled
def equilibration(
    chains: Sequence[Series], burn_in: int | None = None, tau: str | None = None
) -> "Figure":
    """Draw |m| of a few chains against sweeps; hot and cold starts must meet.

    Args:
        chains: A few of each start.
        burn_in: Sweeps thrown away.
        tau: Integrated autocorrelation time with its error, as text.

    Returns:
        A figure with one panel, sweeps on a logarithmic axis.

    Raises:
        InputError: For no chain, or a series that is empty or not finite.
    """
    arrays = [np.asarray(chain.values, dtype=np.float64) for chain in chains]
    if not arrays or not all(a.ndim == 1 and len(a) and np.isfinite(a).all() for a in arrays):
        raise InputError("expected at least one chain, each with finite values of shape (n,)")
    figure = blank(4.2)
    axes = figure.add_subplot()
    for chain, values in zip(chains, arrays, strict=True):
        sweeps = np.arange(1, len(values) + 1)
        axes.plot(sweeps, values, color=_COLOURS[chain.start], linewidth=0.9, alpha=0.7)
    for start in sorted({chain.start for chain in chains}):
        axes.plot([], [], color=_COLOURS[start], label=f"{start} start")
    if burn_in:
        axes.axvspan(1, burn_in, color=GREY, alpha=0.15, linewidth=0, label="thrown away")
    axes.set(xscale="log", xlabel="sweep", ylabel="$|m|$", ylim=(0, 1.02))
    axes.margins(x=0)
    if tau:
        axes.set_title(rf"$\tau_\mathrm{{int}}$ = {tau} sweeps", loc="right")
    legend(figure)
    return figure
