"""The page of rules beside the information-bottleneck curve."""

from pathlib import Path

from rsmi.learning import TradeOff
from rsmi.report.figures import save
from rsmi.report.page import Figure, write_report
from rsmi.runs import Result

_CAPTION = (
    "The line is the most that any coarse variable keeps about the environment of what it takes "
    "from the block; the band above it is what is not decided. Dots are the best rules of 2, 3, "
    "... symbols, diamonds the rules that were asked for. A rule far below the line wastes what it "
    "takes."
)


def write_trade_off(directory: Path, found: TradeOff, result: Result) -> Path:
    """Write `report.html` with the curve and the rules below it.

    Args:
        directory: Where page and picture go.
        found: What rules keep, beside the curve.
        result: What the command found.

    Returns:
        Path of the page.
    """
    picture = save(found.plot(), directory / "figures" / "bottleneck.png")
    figures = [Figure(picture, "The information-bottleneck curve", _CAPTION)]
    headline = ["information.bottleneck.full", "information.bottleneck.gap"]
    return write_report(directory, result, figures, headline, None, found.sheets())
