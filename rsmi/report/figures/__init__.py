"""Figures for talks and for the report page, one family per file.

Every function takes plain result data and returns a `matplotlib.figure.Figure`; `save` writes
it. No global state of matplotlib is left changed, and matplotlib itself is imported only when
a figure is drawn.
"""

from rsmi.report.figures.bottleneck import bottleneck
from rsmi.report.figures.comparison import Dots, Panel, comparison
from rsmi.report.figures.exponents import Line, ScanRow, exponents
from rsmi.report.figures.filters import filters
from rsmi.report.figures.information import Bar, bars, information, learning_curve
from rsmi.report.figures.layers import Depth, Limit, Path, depth, plane, plane_frames
from rsmi.report.figures.levels import levels
from rsmi.report.figures.operators import Curve as Correlation
from rsmi.report.figures.operators import Fall, Filter, operators
from rsmi.report.figures.rule import rule
from rsmi.report.figures.scan import Mark, Series, scan
from rsmi.report.figures.style import save, save_animation
from rsmi.report.figures.training import Curve, training
from rsmi.report.figures.values import estimators, values

__all__ = [
    "Bar",
    "Correlation",
    "Curve",
    "Depth",
    "Dots",
    "Fall",
    "Filter",
    "Limit",
    "Line",
    "Mark",
    "Panel",
    "Path",
    "ScanRow",
    "Series",
    "bars",
    "bottleneck",
    "comparison",
    "depth",
    "estimators",
    "exponents",
    "filters",
    "information",
    "learning_curve",
    "levels",
    "operators",
    "plane",
    "plane_frames",
    "rule",
    "save",
    "save_animation",
    "scan",
    "training",
    "values",
]
