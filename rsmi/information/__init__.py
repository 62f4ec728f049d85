"""Entropies and mutual information of tensors, each with its error and kind."""

from rsmi.information.bootstrap import block_labels, block_sums, bootstrap_error
from rsmi.information.bottleneck import Bottleneck, bottleneck
from rsmi.information.contrastive import infonce, infonce_ceiling, leave_one_out
from rsmi.information.discrete import entropy, mutual_information, rule_information
from rsmi.information.estimators.density import (
    binned_information,
    fixed_width_bins,
    kernel_density_information,
    nearest_neighbour_information,
    range_bins,
    renyi_information,
)
from rsmi.information.number import Estimate, Kind, format_with_error
from rsmi.information.optimum import best_rule
from rsmi.information.outcome import Outcome, Sheet, quantity_sheet
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
    "Bottleneck",
    "Estimate",
    "Kind",
    "Outcome",
    "Plain",
    "Quantity",
    "Sheet",
    "best_rule",
    "binned_information",
    "block_labels",
    "block_sums",
    "bootstrap_error",
    "bottleneck",
    "entropy",
    "fixed_width_bins",
    "format_with_error",
    "infonce",
    "infonce_ceiling",
    "kernel_density_information",
    "leave_one_out",
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
]
