"""Finite-size scaling: where a transition lies and its exponents, from several lattice sizes."""

from rsmi.scaling.analysis import ScalingResult, finite_size_scaling
from rsmi.scaling.fits import ScalingFit, fit_amplitude, fit_transition
from rsmi.scaling.points import Point, measure_point
from rsmi.scaling.reweighting import Histograms

__all__ = [
    "Histograms",
    "Point",
    "ScalingFit",
    "ScalingResult",
    "finite_size_scaling",
    "fit_amplitude",
    "fit_transition",
    "measure_point",
]
