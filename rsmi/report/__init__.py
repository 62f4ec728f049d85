"""Results, figures and the report page: what a command leaves behind for people to read."""

from rsmi.report.page import Figure, write_report
from rsmi.report.quantity import Quantity
from rsmi.report.reading import read_result, result_has_digest
from rsmi.report.result import SCHEMA, Result
from rsmi.report.sheet import Sheet

__all__ = [
    "SCHEMA",
    "Figure",
    "Quantity",
    "Result",
    "Sheet",
    "read_result",
    "result_has_digest",
    "write_report",
]
