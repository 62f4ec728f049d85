"""Layers of a network trained one by one, toward an entropy or otherwise, and then measured."""

from rsmi.layers.training.comparing import (
    Way,
    check_seeds,
    compare_trainings,
)
from rsmi.layers.training.data import Fit, Parts, Rows, read_parts
from rsmi.layers.training.fit import (
    TRAININGS,
    Training,
    check_training,
    train_layers,
)
from rsmi.layers.training.layerwise import LayerwiseEntropy, check_layers, layer_codes
from rsmi.layers.training.objectives import Goal, pairwise_information, soft_codes

__all__ = [
    "TRAININGS",
    "Fit",
    "Goal",
    "LayerwiseEntropy",
    "Parts",
    "Rows",
    "Training",
    "Way",
    "check_layers",
    "check_seeds",
    "check_training",
    "compare_trainings",
    "layer_codes",
    "pairwise_information",
    "read_parts",
    "soft_codes",
    "train_layers",
]
