"""Results, figures and the report page: what a command leaves behind for people to read."""

from rsmi.information import Quantity, Sheet
from rsmi.report.drawing import draw
from rsmi.report.layers import DEPTH_CAPTION, depth_figure
from rsmi.report.page import Figure, write_report
from rsmi.report.reading import read_result, result_has_digest
from rsmi.report.renormalization import exponents_figure
from rsmi.report.result import SCHEMA, Result
from rsmi.report.sheet import html

__all__ = [
    "DEPTH_CAPTION",
    "SCHEMA",
    "Figure",
    "Quantity",
    "Result",
    "Sheet",
    "depth_figure",
    "draw",
    "exponents_figure",
    "html",
    "read_result",
    "result_has_digest",
    "write_report",
]
