"""What the iteration of a rule found, as a figure."""

from typing import TYPE_CHECKING

from rsmi.renormalization import SYMBOLS, MCRGResult, ScanEntry
from rsmi.report.drawing import draw
from rsmi.report.figures import Line, ScanRow, exponents

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
