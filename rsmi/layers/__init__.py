"""Conditional entropies layer by layer of any torch network.

`LayerCallback` needs Lightning and is imported by name: `rsmi.layers.callback`.
"""

from rsmi.layers.accumulate import collect
from rsmi.layers.analyse import Options, analyse_layers
from rsmi.layers.audit import Ceiling, SeedAverage, over_seeds, scale_sweep, scale_verdict
from rsmi.layers.autoregressive import Autoregressive, Training
from rsmi.layers.block_layers import RGLayer, rg_network, without_ties
from rsmi.layers.checkpoint import load_weights
from rsmi.layers.controls import independent_labels, shuffled_labels, untrained
from rsmi.layers.estimators import Estimators
from rsmi.layers.folding import folding_entropy, folding_entropy_1d, mean_log_jacobian
from rsmi.layers.inputs import (
    Batch,
    Inputs,
    file_inputs,
    finite_inputs,
    loader_inputs,
    sampled_inputs,
)
from rsmi.layers.interval import Interval
from rsmi.layers.known import Check, known_answers
from rsmi.layers.noisy import GaussianNoise, linear_gaussian_information, with_noise
from rsmi.layers.noisy_information import noisy_information
from rsmi.layers.physical import (
    enumerated_ising,
    far_block_labels,
    ising_entropy,
    sampled_ising,
)
from rsmi.layers.preimages import Abs
from rsmi.layers.probe import Probe
from rsmi.layers.quantised import Quantise, quantise
from rsmi.layers.report import Finding, LayerReport, LayerRow
from rsmi.layers.row_transfer import coarse_distribution
from rsmi.layers.sandwich import (
    Codes,
    conditional_bound,
    conditional_entropy_bounds,
    entropy_bound,
)
from rsmi.layers.selection import select_layers
from rsmi.layers.setting import Setting

__all__ = [
    "Abs",
    "Autoregressive",
    "Batch",
    "Ceiling",
    "Check",
    "Codes",
    "Estimators",
    "Finding",
    "GaussianNoise",
    "Inputs",
    "Interval",
    "LayerReport",
    "LayerRow",
    "Options",
    "Probe",
    "Quantise",
    "RGLayer",
    "SeedAverage",
    "Setting",
    "Training",
    "analyse_layers",
    "coarse_distribution",
    "collect",
    "conditional_bound",
    "conditional_entropy_bounds",
    "entropy_bound",
    "enumerated_ising",
    "far_block_labels",
    "file_inputs",
    "finite_inputs",
    "folding_entropy",
    "folding_entropy_1d",
    "independent_labels",
    "ising_entropy",
    "known_answers",
    "linear_gaussian_information",
    "load_weights",
    "loader_inputs",
    "mean_log_jacobian",
    "noisy_information",
    "over_seeds",
    "quantise",
    "rg_network",
    "sampled_inputs",
    "sampled_ising",
    "scale_sweep",
    "scale_verdict",
    "select_layers",
    "shuffled_labels",
    "untrained",
    "with_noise",
    "without_ties",
]
