"""Results, figures and the report page: what a command leaves behind for people to read."""

from rsmi.report.page import Figure, write_report
from rsmi.report.quantity import Quantity
from rsmi.report.reading import read_result
from rsmi.report.result import SCHEMA, Result

__all__ = ["SCHEMA", "Figure", "Quantity", "Result", "read_result", "write_report"]
