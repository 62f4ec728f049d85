"""Estimators of mutual information from rows: one registry, one face."""

from rsmi.information.estimators.counts import (
    CORRECTIONS,
    binned_information,
    counted_information,
    fixed_width_bins,
    range_bins,
)
from rsmi.information.estimators.density import (
    gaussian_information,
    kernel_density_information,
    nearest_neighbour_information,
    renyi_information,
)
from rsmi.information.estimators.estimate import EstimateLine, Estimates, estimate
from rsmi.information.estimators.registry import ESTIMATORS, Estimator, estimator

__all__ = [
    "CORRECTIONS",
    "ESTIMATORS",
    "EstimateLine",
    "Estimates",
    "Estimator",
    "binned_information",
    "counted_information",
    "estimate",
    "estimator",
    "fixed_width_bins",
    "gaussian_information",
    "kernel_density_information",
    "nearest_neighbour_information",
    "range_bins",
    "renyi_information",
]
