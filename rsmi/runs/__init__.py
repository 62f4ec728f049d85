"""Whole tasks as calls: a run from samples to exponents, and a scan of any task over a grid.

The names below are imported when they are first used, for a run needs Lightning and a result that
is read back does not.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rsmi.learning.settings import Learning
    from rsmi.runs.comparing import Comparison, compare
    from rsmi.runs.grid import Command, Point, expand
    from rsmi.runs.layers import Layers, measure_layers
    from rsmi.runs.pipeline import Plan, RunResult, plan, run
    from rsmi.runs.result import SCHEMA, Result, read_result, result_has_digest
    from rsmi.runs.scanning import Scan, scan
    from rsmi.runs.settings import (
        Compare,
        Cut,
        Exact,
        Execution,
        Exponents,
        ExponentsTask,
        Information,
        Run,
    )
    from rsmi.runs.table import Axes, Fit, FitResult, PointResult, ScanResult
    from rsmi.storage import Cluster, SampleRecipe, Selection

_HOMES = {
    "rsmi.learning.settings": ("Learning",),
    "rsmi.storage": ("Cluster", "SampleRecipe", "Selection"),
    "rsmi.runs.comparing": ("Comparison", "compare"),
    "rsmi.runs.grid": ("Command", "Point", "expand"),
    "rsmi.runs.scanning": ("Scan", "scan"),
    "rsmi.runs.table": ("Axes", "Fit", "FitResult", "PointResult", "ScanResult"),
    "rsmi.runs.result": ("SCHEMA", "Result", "read_result", "result_has_digest"),
    "rsmi.runs.pipeline": ("Plan", "RunResult", "plan", "run"),
    "rsmi.runs.layers": ("Layers", "measure_layers"),
    "rsmi.runs.settings": (
        "Compare",
        "Cut",
        "Exact",
        "Execution",
        "Exponents",
        "ExponentsTask",
        "Information",
        "Run",
    ),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'rsmi.runs' has no attribute {name!r}")


__all__ = [
    "SCHEMA",
    "Axes",
    "Cluster",
    "Command",
    "Compare",
    "Comparison",
    "Cut",
    "Exact",
    "Execution",
    "Exponents",
    "ExponentsTask",
    "Fit",
    "FitResult",
    "Information",
    "Layers",
    "Learning",
    "Plan",
    "Point",
    "PointResult",
    "Result",
    "Run",
    "RunResult",
    "SampleRecipe",
    "Scan",
    "ScanResult",
    "Selection",
    "compare",
    "expand",
    "measure_layers",
    "plan",
    "read_result",
    "result_has_digest",
    "run",
    "scan",
]
