"""Results, figures and the report page: what a command leaves behind for people to read."""

from rsmi.information import Quantity, Sheet
from rsmi.report.drawing import draw
from rsmi.report.page import Figure, Page, html, write_report, write_study
from rsmi.runs.result import SCHEMA, Result, read_result, result_has_digest

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
    "write_study",
]
