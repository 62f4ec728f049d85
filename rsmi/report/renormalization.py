"""What the iteration of a rule found, as a figure."""

from typing import TYPE_CHECKING

from rsmi.renormalization import SYMBOLS, InversionResult, MCRGResult, ScanEntry
from rsmi.report.drawing import draw
from rsmi.report.figures import Line, ScanRow, exponents
from rsmi.report.figures.style import CYCLE, GREY, blank, legend, styled

if TYPE_CHECKING:
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


@draw.register(InversionResult)
@styled
def inversion_figure(found: InversionResult) -> "Figure":
    """How far the energy of each level is from its reference by sweep, from either start."""
    figure = blank(3.2 * len(found.levels) + 0.6)
    panels = figure.subplots(len(found.levels), 1, squeeze=False)[:, 0]
    for axes, level in zip(panels, found.levels, strict=True):
        starts = {"the inverse of the rule": level.inverted, "random letters": level.random}
        for (name, series), colour in zip(starts.items(), CYCLE, strict=False):
            mean, error = level.curve(series)
            apart = abs(mean - level.reference.value)
            axes.plot(apart, color=colour, linewidth=1.4, label=f"from {name}")
        axes.plot(error, color=GREY, linewidth=1, label="error of the mean")
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
