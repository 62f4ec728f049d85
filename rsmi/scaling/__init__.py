"""Finite-size scaling: where a transition lies and its exponents, from several lattice sizes."""

from rsmi.scaling.analysis import ScalingResult, finite_size_scaling
from rsmi.scaling.fits import ScalingFit, fit_scaling
from rsmi.scaling.percolation import (
    CellResult,
    PercolationResult,
    percolation,
    percolation_cells,
)
from rsmi.scaling.points import Observed, Point, measure_point
from rsmi.scaling.reweighting import Histograms

__all__ = [
    "CellResult",
    "Histograms",
    "Observed",
    "PercolationResult",
    "Point",
    "ScalingFit",
    "ScalingResult",
    "finite_size_scaling",
    "fit_scaling",
    "measure_point",
    "percolation",
    "percolation_cells",
]
