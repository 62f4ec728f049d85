"""Results, figures and the report page: what a command leaves behind for people to read."""

from rsmi.information import Quantity, Sheet
from rsmi.report.drawing import draw
from rsmi.report.page import Figure, Page, write_report
from rsmi.report.reading import read_result, result_has_digest
from rsmi.report.result import SCHEMA, Result
from rsmi.report.sheet import html

__all__ = [
    "SCHEMA",
    "Figure",
    "Page",
    "Quantity",
    "Result",
    "Sheet",
    "draw",
    "html",
    "read_result",
    "result_has_digest",
    "write_report",
]
