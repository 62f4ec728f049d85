"""What the iteration of a rule found, and what rules leave behind, as figures."""

from typing import TYPE_CHECKING

from rsmi.renormalization import SYMBOLS, LocalityStudy, MCRGResult, ScanEntry
from rsmi.report.drawing import draw
from rsmi.report.figures import Line, ScanRow, exponents
from rsmi.report.figures.style import BLUE, GREY, ORANGE, VERMILLION, blank, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@draw.register(MCRGResult)
def exponents_figure(found: MCRGResult) -> "Figure":
    """Leading exponents by step and number of couplings, beside those known."""
    lines = {parity: _line(found, name) for parity, name in SYMBOLS.items()}
    return exponents([_row(entry) for entry in found.scan], lines)


def _row(entry: ScanEntry) -> ScanRow:
    value = entry.exponent
    return ScanRow(entry.level + 1, entry.n_couplings, entry.parity, value.value, value.error)


def _line(found: MCRGResult, name: str) -> Line:
    exact = found.known.get(name)
    if not found.verdict.fixed_point:
        return Line(exact)
    value = found.exponents[name].value
    return Line(exact, value.value, value.error)


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
