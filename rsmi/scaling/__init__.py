"""Finite-size scaling: where a transition lies and its exponents, from several lattice sizes."""

from rsmi.scaling.analysis import ScalingResult, finite_size_scaling
from rsmi.scaling.fits import ScalingFit, fit_scaling
from rsmi.scaling.percolation import PercolationResult, percolation
from rsmi.scaling.points import Observed, Point, measure_point
from rsmi.scaling.reweighting import Histograms

__all__ = [
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
]
