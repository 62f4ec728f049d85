"""Conditional entropies layer by layer of any torch network.

`LayerCallback` needs Lightning and is imported by name: `rsmi.layers.callback`.
"""

from rsmi.layers.analyse import analyse_layers
from rsmi.layers.audit.ceilings import Ceiling
from rsmi.layers.audit.seeds import SeedAverage, over_seeds
from rsmi.layers.audit.sweeps import scale_sweep, scale_verdict
from rsmi.layers.estimators import Estimators
from rsmi.layers.folding.entropy import folding_entropy, folding_entropy_1d, mean_log_jacobian
from rsmi.layers.folding.preimages import Abs
from rsmi.layers.inputs.batches import Batch, Inputs
from rsmi.layers.inputs.controls import independent_labels, shuffled_labels
from rsmi.layers.inputs.finite import finite_inputs
from rsmi.layers.inputs.samples import file_inputs, loader_inputs, sampled_inputs
from rsmi.layers.interval import Interval
from rsmi.layers.network.checkpoint import load_weights
from rsmi.layers.network.noise import GaussianNoise, with_noise
from rsmi.layers.network.quantised import Quantise, quantise
from rsmi.layers.network.selection import select_layers
from rsmi.layers.network.untrained import untrained
from rsmi.layers.noisy.gaussian import linear_gaussian_information
from rsmi.layers.noisy.information import noisy_information
from rsmi.layers.options import Options
from rsmi.layers.physics.entropies import dimer_entropy, integrated_entropy, ising_entropy
from rsmi.layers.physics.enumerated import enumerated_dimers, enumerated_ising, far_block_labels
from rsmi.layers.physics.rg import RGLayer, rg_network, without_ties
from rsmi.layers.physics.row_transfer import coarse_distribution
from rsmi.layers.physics.sampled import sampled_dimers, sampled_ising
from rsmi.layers.probe.collecting import collect
from rsmi.layers.probe.hooks import Probe
from rsmi.layers.report import Finding, LayerReport, LayerRow
from rsmi.layers.sandwich.autoregressive import Autoregressive
from rsmi.layers.sandwich.bounds import conditional_bound, conditional_entropy_bounds, entropy_bound
from rsmi.layers.sandwich.codes import Codes
from rsmi.layers.sandwich.training import Training
from rsmi.layers.setting import Setting

__all__ = [
    "Abs",
    "Autoregressive",
    "Batch",
    "Ceiling",
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
    "dimer_entropy",
    "entropy_bound",
    "enumerated_dimers",
    "enumerated_ising",
    "far_block_labels",
    "file_inputs",
    "finite_inputs",
    "folding_entropy",
    "folding_entropy_1d",
    "independent_labels",
    "integrated_entropy",
    "ising_entropy",
    "linear_gaussian_information",
    "load_weights",
    "loader_inputs",
    "mean_log_jacobian",
    "noisy_information",
    "over_seeds",
    "quantise",
    "rg_network",
    "sampled_dimers",
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
