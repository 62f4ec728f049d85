"""Exponents by level and number of couplings, so that truncation shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rsmi.errors import InputError
from rsmi.report.figures.style import CYCLE, MARKERS, SKY, blank, exact_line, legend, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Sector = Literal["even", "odd", "even[1]", "odd[1]"]
"""A sector for its leading eigenvalue; with [1] for the one behind it."""

_SYMBOLS: dict[Sector, str] = {
    "even": "$y_t$", "odd": "$y_h$", "even[1]": "$y_{t2}$", "odd[1]": "$y_{h2}$",
}  # fmt: skip

_DODGE = 0.12
"""Sideways shift between levels at one number of couplings."""


@dataclass(frozen=True)
class ScanRow:
    """An exponent from one level of coarse-graining with one set of couplings.

    Args:
        level: Coarse-graining step, the first is 1.
        couplings: How many couplings the stability matrix holds.
        sector: `even` for y_t, `odd` for y_h, `even[1]` and `odd[1]` for the eigenvalues behind.
        value: The exponent.
        error: One standard error.
    """

    level: int
    couplings: int
    sector: Sector
    value: float
    error: float


@dataclass(frozen=True)
class Line:
    """What is known of an exponent, apart from the scan.

    Args:
        exact: The exact value, where there is one.
        value: The value finally quoted.
        error: Its standard error.
    """

    exact: float | None = None
    value: float | None = None
    error: float = 0.0


@styled
def exponents(rows: Sequence[ScanRow], known: Mapping[Sector, Line] | None = None) -> "Figure":
    """Draw exponents against the number of couplings, one colour per level.

    Args:
        rows: The scan.
        known: Exact and finally quoted values by sector.

    Returns:
        A figure with one panel per sector that has rows, y_t above y_h.

    Raises:
        InputError: For an empty scan.
    """
    sectors = [sector for sector in _SYMBOLS if any(row.sector == sector for row in rows)]
    if not sectors:
        raise InputError("the scan holds no exponent; expected at least one row")
    figure = blank((3.3 if len(sectors) < 3 else 2.6) * len(sectors) + 0.5)
    panels = figure.subplots(len(sectors), 1, squeeze=False)[:, 0]
    for axes, sector in zip(panels, sectors, strict=True):
        _known(axes, (known or {}).get(sector, Line()))
        _scan(axes, [row for row in rows if row.sector == sector], _levels(rows))
        axes.set_ylabel(_SYMBOLS[sector], rotation=0, labelpad=16, fontsize=16)
    panels[-1].set_xlabel("number of couplings in the stability matrix")
    legend(figure)
    return figure


def _levels(rows: Sequence[ScanRow]) -> list[int]:
    return sorted({row.level for row in rows})


def _known(axes: "Axes", line: Line) -> None:
    if line.value is not None:
        band = (line.value - line.error, line.value + line.error)
        axes.axhspan(*band, color=SKY, alpha=0.35, linewidth=0, label="quoted value")
    if line.exact is not None:
        exact_line(axes, line.exact, "exact")


def _scan(axes: "Axes", rows: Sequence[ScanRow], all_levels: Sequence[int]) -> None:
    for level in _levels(rows):
        place = all_levels.index(level)
        mine = sorted((row for row in rows if row.level == level), key=lambda row: row.couplings)
        shift = _DODGE * (place - (len(all_levels) - 1) / 2)
        axes.errorbar(
            [row.couplings + shift for row in mine],
            [row.value for row in mine],
            [row.error for row in mine],
            color=CYCLE[place % len(CYCLE)],
            fmt=MARKERS[place % len(MARKERS)],
            capsize=3,
            label=f"level {level}",
        )
    axes.set_xticks(sorted({row.couplings for row in rows}))
    axes.margins(x=0.08, y=0.12)
