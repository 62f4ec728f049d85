"""Conditional entropies layer by layer of any torch network."""

import importlib
from typing import TYPE_CHECKING, Any

from rsmi.layers.analyse import Options, analyse_layers
from rsmi.layers.audit import Ceiling
from rsmi.layers.bounds import conditional_bound, conditional_entropy_bounds, entropy_bound
from rsmi.layers.building import (
    activation_ranges,
    build_network,
    coded_network,
    load_weights,
    untrained,
)
from rsmi.layers.changes import GaussianNoise, Quantise, quantise, with_noise
from rsmi.layers.codes import Codes
from rsmi.layers.collecting import collect
from rsmi.layers.comparing import SeedAverage, over_seeds, scale_sweep, scale_verdict
from rsmi.layers.depth import (
    Sawtooth,
    SawtoothResult,
    TrainedTeeth,
    count_pieces,
    least_distance,
    mean_distance,
    most_pieces,
    sawtooth,
    shallow_sawtooth,
    study_sawtooth,
    train_teeth,
)
from rsmi.layers.estimators import Estimators
from rsmi.layers.folding import Abs, folding_entropy, folding_entropy_1d, mean_log_jacobian
from rsmi.layers.inputs import (
    Batch,
    Inputs,
    finite_inputs,
    independent_labels,
    loader_inputs,
    shuffled_labels,
)
from rsmi.layers.interval import Interval, Value
from rsmi.layers.models import Autoregressive, Training
from rsmi.layers.noisy import linear_gaussian_information, noisy_information
from rsmi.layers.physics import (
    drawn_inputs,
    enumerated_inputs,
    integrated_entropy,
    phase_blocks,
    window_inputs,
)
from rsmi.layers.plane import InformationPlane, PlanePoint, information_plane, joint_of
from rsmi.layers.probe import Probe
from rsmi.layers.reading import inputs_of, sampled_inputs
from rsmi.layers.report import Finding, LayerReport, LayerRow, value_text
from rsmi.layers.rg import RGLayer, rg_network, without_ties
from rsmi.layers.selection import select_layers
from rsmi.layers.setting import Setting
from rsmi.layers.shift import SetErrors, Underspecification, underspecification
from rsmi.layers.trained import TrainedLayers, TrainingComparison

if TYPE_CHECKING:
    from rsmi.layers.callback import LayerCallback
    from rsmi.layers.training import (
        TRAININGS,
        Fit,
        Goal,
        LayerwiseEntropy,
        Way,
        compare_trainings,
        train_layers,
    )

_NEED_LIGHTNING = {
    "LayerCallback": "rsmi.layers.callback",
    **dict.fromkeys(
        (
            "TRAININGS",
            "Fit",
            "Goal",
            "LayerwiseEntropy",
            "Way",
            "compare_trainings",
            "train_layers",
        ),
        "rsmi.layers.training",
    ),
}

__all__ = [
    "TRAININGS",
    "Abs",
    "Autoregressive",
    "Batch",
    "Ceiling",
    "Codes",
    "Estimators",
    "Finding",
    "Fit",
    "GaussianNoise",
    "Goal",
    "InformationPlane",
    "Inputs",
    "Interval",
    "LayerCallback",
    "LayerReport",
    "LayerRow",
    "LayerwiseEntropy",
    "Options",
    "PlanePoint",
    "Probe",
    "Quantise",
    "RGLayer",
    "Sawtooth",
    "SawtoothResult",
    "SeedAverage",
    "SetErrors",
    "Setting",
    "TrainedLayers",
    "TrainedTeeth",
    "Training",
    "TrainingComparison",
    "Underspecification",
    "Value",
    "Way",
    "activation_ranges",
    "analyse_layers",
    "build_network",
    "coded_network",
    "collect",
    "compare_trainings",
    "conditional_bound",
    "conditional_entropy_bounds",
    "count_pieces",
    "drawn_inputs",
    "entropy_bound",
    "enumerated_inputs",
    "finite_inputs",
    "folding_entropy",
    "folding_entropy_1d",
    "independent_labels",
    "information_plane",
    "inputs_of",
    "integrated_entropy",
    "joint_of",
    "least_distance",
    "linear_gaussian_information",
    "load_weights",
    "loader_inputs",
    "mean_distance",
    "mean_log_jacobian",
    "most_pieces",
    "noisy_information",
    "over_seeds",
    "phase_blocks",
    "quantise",
    "rg_network",
    "sampled_inputs",
    "sawtooth",
    "scale_sweep",
    "scale_verdict",
    "select_layers",
    "shallow_sawtooth",
    "shuffled_labels",
    "study_sawtooth",
    "train_layers",
    "train_teeth",
    "underspecification",
    "untrained",
    "value_text",
    "window_inputs",
    "with_noise",
    "without_ties",
]


def __getattr__(name: str) -> Any:
    """What needs Lightning, which nobody else here does, is imported when asked for."""
    if name not in _NEED_LIGHTNING:
        raise AttributeError(f"module 'rsmi.layers' has no attribute {name!r}")
    return getattr(importlib.import_module(_NEED_LIGHTNING[name]), name)
