"""What the iteration of a rule found, and what rules leave behind, as figures."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from rsmi.information import Estimate
from rsmi.renormalization import (
    SYMBOLS,
    Exponent,
    FlowResult,
    InversionResult,
    LocalityStudy,
    MCRGResult,
    ScanEntry,
)
from rsmi.renormalization.couplings import Parity
from rsmi.renormalization.matching import FixedPoint
from rsmi.report.drawing import draw
from rsmi.report.figures import Line, ScanRow, exponents
from rsmi.report.figures.exponents import Sector
from rsmi.report.figures.style import (
    BLUE,
    CYCLE,
    GREY,
    MARKERS,
    ORANGE,
    VERMILLION,
    blank,
    exact_line,
    legend,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@draw.register(MCRGResult)
def exponents_figure(found: MCRGResult) -> "Figure":
    """Exponents by step and number of couplings, beside those known."""
    clear = [entry for entry in found.further if entry.exponent.error < _CLEAR]
    quoted = found.exponents | found.further_exponents if found.verdict.fixed_point else {}
    lines = {_sector(entry): _line(found, quoted, _name(entry)) for entry in (*found.scan, *clear)}
    return exponents([_row(entry) for entry in (*found.scan, *clear)], lines)


_CLEAR = 0.15  # error of an eigenvalue behind the leading one that is worth drawing


def _sector(entry: ScanEntry) -> Sector:
    further: dict[Parity, Sector] = {"even": "even[1]", "odd": "odd[1]"}
    return further[entry.parity] if entry.rank else entry.parity


def _name(entry: ScanEntry) -> str:
    return _sector(entry) if entry.rank else SYMBOLS[entry.parity]


def _row(entry: ScanEntry) -> ScanRow:
    value = entry.exponent
    return ScanRow(entry.level + 1, entry.n_couplings, _sector(entry), value.value, value.error)


def _line(found: MCRGResult, quoted: Mapping[str, Exponent], name: str) -> Line:
    exact = found.known.get(name)
    if name not in quoted:
        return Line(exact)
    value = quoted[name].value
    return Line(exact, value.value, value.error)


@draw.register(InversionResult)
@styled
def inversion_figure(found: InversionResult) -> "Figure":
    """How far the energy of each level is from its reference by sweep, from either start."""
    figure = blank(3.2 * len(found.levels) + 0.6)
    panels = figure.subplots(len(found.levels), 1, squeeze=False)[:, 0]
    for axes, level in zip(panels, found.levels, strict=True):
        starts = {"inverse of the rule": level.inverted, "random letters": level.random}
        for (name, series), colour in zip(starts.items(), CYCLE, strict=False):
            mean, error = level.curve(series)
            apart = abs(mean - level.reference.value)
            axes.plot(apart, color=colour, linewidth=1.4, label=name)
        axes.plot(error, color=GREY, linewidth=1, label="error")
        axes.set_xscale("symlog", linthresh=1)
        axes.set_yscale("log")
        axes.set_xlim(0, level.sweeps)
        size = " \N{MULTIPLICATION SIGN} ".join(map(str, level.system.shape))
        known = "exact" if level.exact is not None else "drawn directly"
        axes.set_title(f"{size}, energy per site {level.reference.value:.5g} J, {known}")
        axes.set_ylabel("distance from it (J)")
    panels[-1].set_xlabel("Metropolis sweeps over all blocks")
    legend(figure)
    return figure


@draw.register(FlowResult)
@styled
def flow_figure(found: FlowResult) -> "Figure":
    """T'(T) with the staircase of the iterated rule; T*, y_t and the distance by level."""
    figure = blank(10.5)
    panels = figure.subplots(4, 1, height_ratios=[2.6, 1, 1, 1])
    _staircase(panels[0], found)
    known = found.known
    exact = None if known is None else (1 / known.coupling, known.universality.y_t.value)
    for which, axes in enumerate(panels[1:3]):
        if exact is not None:
            exact_line(axes, exact[which], "exact")
        axes.set_ylabel(("$T^*$ (J)", "$y_t$")[which])
    panels[3].axhline(0, color=GREY, linewidth=1)
    panels[3].set_ylabel("distance\n(nats per site)")
    panels[3].set_yscale("symlog", linthresh=1e-4)
    for place, (sizes, matches) in enumerate(zip(found.pairs, found.levels, strict=True)):
        own = [match for match in matches if match.fixed is not None]
        for axes, read in zip(panels[1:], _READ, strict=True):
            values = [read(cast(FixedPoint, match.fixed)) for match in own]
            axes.errorbar(
                [match.level + 0.06 * place for match in own],
                [v.value for v in values],
                [v.error for v in values],
                color=CYCLE[place % len(CYCLE)],
                fmt=MARKERS[place % len(MARKERS)],
                capsize=3,
                label=f"{sizes[1]} beside {sizes[0]}",
            )
            axes.set_xticks([match.level for match in matches])
    panels[3].set_xlabel("steps of the smaller lattice")
    legend(figure)
    return figure


_READ: tuple[Callable[[FixedPoint], Estimate], ...] = (
    lambda fixed: fixed.temperature.estimate("J"),
    lambda fixed: fixed.exponent.estimate("1"),
    lambda fixed: fixed.distance,
)
"""T*, y_t and the distance of a level."""


def _staircase(axes: "Axes", found: FlowResult) -> None:
    """T'(T), the diagonal, and where the rule takes two temperatures beside T*."""
    effective = found.chosen.effective
    at = np.array([t for t, _ in effective])
    moved = np.array([m.value for _, m in effective])
    errors = [m.error for _, m in effective]
    axes.errorbar(at, moved, errors, color=BLUE, fmt="o-", capsize=3, label="$T'(T)$")
    if len(at):
        axes.plot(moved[[0, -1]], moved[[0, -1]], color=GREY, linewidth=1)
    if not found.reasons and len(at):
        axes.axvline(found.T_c.value, color=GREY, linewidth=1, linestyle=":")
        for start in _beside(found.T_c.value, at):
            axes.plot(*_stairs(start, at, moved), color=VERMILLION, linewidth=1.3)
    axes.set_xlabel("temperature $T$ (J)")
    axes.set_ylabel("after a step, $T'$ (J)")


def _beside(critical: float, at: NDArray[np.float64]) -> list[float]:
    """Where two staircases begin: a sixth of the way to the ends."""
    return [critical + (end - critical) / 6 for end in (at[0], at[-1])]


def _stairs(
    start: float, at: NDArray[np.float64], moved: NDArray[np.float64]
) -> tuple[list[float], list[float]]:
    """Corners of T -> T' -> T'' until the measured temperatures end."""
    x, y, t = [start], [start], start
    while at[0] <= t <= at[-1] and len(x) < 40:
        after = float(np.interp(t, at, moved))
        x, y, t = [*x, t, after], [*y, after, after], after
    return x, y


_BASES = {"spin": "spins", "gas": "occupations"}
_TOLD = {
    "rangeness": "further pairs",
    "bodyness": "more than two",
}


@draw.register(LocalityStudy)
@styled
def locality_figure(found: LocalityStudy) -> "Figure":
    """Rangeness and m-bodyness in both bases against information at the smallest buffer above 0."""
    buffer = min((b for b in found.buffers if b), default=found.buffers[0])
    at, figure = found.buffers.index(buffer), blank(6.6)
    panels = figure.subplots(2, 2, sharex=True)
    for row, (basis, words) in zip(panels, _BASES.items(), strict=True):
        for axes, (norm, told) in zip(row, _TOLD.items(), strict=True):
            _rules(axes, found, at, basis, list(_TOLD).index(norm))
            ranks = found.ranks.get((basis, norm, "all"))
            value = f"\nSpearman {ranks[at][0].value:.2f}" if ranks else ""
            axes.set_title(f"{told}, {words}{value}", fontsize=10)
            axes.set_yscale("log")
    for axes in panels[:, 0]:
        axes.set_ylabel("norm / nearest pairs")
    for axes in panels[1]:
        axes.set_xlabel(f"$I(H:E)$, buffer {buffer} (nats)")
    panels[0, 0].legend(fontsize=10, loc="lower left")
    return figure


def _rules(axes: "Axes", found: LocalityStudy, at: int, basis: str, norm: int) -> None:
    """Every rule as a point, those with a meaning by name."""
    looks = {
        "soft": (GREY, "random, soft"),
        "hard": (ORANGE, "random, hard"),
        "named": (BLUE, "named"),
    }
    for group, (colour, label) in looks.items():
        some = [rule for rule in found.rules if rule.group == group]
        x, y = [r.information[at] for r in some], [r.norms[basis][norm] for r in some]
        axes.errorbar(
            [v.value for v in x], [v.value for v in y], [v.error for v in y],
            [v.error for v in x], fmt="o", color=colour, markersize=4, linewidth=0.8, label=label,
        )  # fmt: skip
        for rule, a, b in zip(some, x, y, strict=True):
            if group == "named" and rule.name in _NAMED:
                axes.plot([a.value], [b.value], _NAMED[rule.name], color=VERMILLION, markersize=7,
                          label=rule.name)  # fmt: skip


_LOOKS = {
    "soft": (GREY, "random, soft"),
    "hard": (ORANGE, "random, hard"),
    "named": (BLUE, "named"),
}
_NAMED = {"majority": "s", "decimation": "^", "learned_1": "*"}
