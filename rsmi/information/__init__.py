"""Entropies and mutual information of tensors, each with its error and kind."""

from rsmi.information.bootstrap import block_labels, block_sums, bootstrap_error
from rsmi.information.bottleneck import Bottleneck, bottleneck
from rsmi.information.contrastive import (
    contrastive_bound,
    infonce,
    infonce_ceiling,
    interpolated_bound,
    leave_one_out,
    smile_value,
)
from rsmi.information.discrete import entropy, mutual_information, rule_information
from rsmi.information.estimators import (
    ESTIMATORS,
    EstimateLine,
    Estimates,
    Estimator,
    binned_information,
    counted_information,
    estimate,
    estimator,
    fixed_width_bins,
    gaussian_information,
    kernel_density_information,
    nearest_neighbour_information,
    range_bins,
    renyi_information,
)
from rsmi.information.fitting import CURVES, FEATURES, CurveFit, Feature, fit_curves, locate
from rsmi.information.frontier import Frontier, frontier
from rsmi.information.number import Estimate, Kind, format_with_error
from rsmi.information.optimum import best_rule
from rsmi.information.outcome import Listing, Outcome, Sheet, csv_text, quantity_sheet
from rsmi.information.partitions import Partition, best_partition
from rsmi.information.predictive import (
    predictive_bound,
    predictive_estimate,
    predictive_information,
    predictive_sums,
    rule_prediction,
    sampled_information,
)
from rsmi.information.quantity import Plain, Quantity

__all__ = [
    "CURVES",
    "ESTIMATORS",
    "FEATURES",
    "Bottleneck",
    "CurveFit",
    "Estimate",
    "EstimateLine",
    "Estimates",
    "Estimator",
    "Feature",
    "Frontier",
    "Kind",
    "Listing",
    "Outcome",
    "Partition",
    "Plain",
    "Quantity",
    "Sheet",
    "best_partition",
    "best_rule",
    "binned_information",
    "block_labels",
    "block_sums",
    "bootstrap_error",
    "bottleneck",
    "contrastive_bound",
    "counted_information",
    "csv_text",
    "entropy",
    "estimate",
    "estimator",
    "fit_curves",
    "fixed_width_bins",
    "format_with_error",
    "frontier",
    "gaussian_information",
    "infonce",
    "infonce_ceiling",
    "interpolated_bound",
    "kernel_density_information",
    "leave_one_out",
    "locate",
    "mutual_information",
    "nearest_neighbour_information",
    "predictive_bound",
    "predictive_estimate",
    "predictive_information",
    "predictive_sums",
    "quantity_sheet",
    "range_bins",
    "renyi_information",
    "rule_information",
    "rule_prediction",
    "sampled_information",
    "smile_value",
]
