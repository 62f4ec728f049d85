"""Weights before training that keep the size of the signal from layer to layer."""

from typing import Literal

from torch import nn


def keep_variance(network: nn.Sequential, unit: Literal["linear", "relu"]) -> nn.Sequential:
    """Draw normal weights and put biases to zero, in place.

    The variance is 1/fan-in for units that are linear at 0, such as tanh, and 2/fan-in for ReLU
    (He et al. 2015, arXiv:1502.01852). With torch's default, 1/(3 fan-in), the signal shrinks
    with every layer, and an untrained network looks forgetful to whoever reads it with a finite
    resolution.

    Args:
        network: Fresh.
        unit: What its units are like.

    Returns:
        The network.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity=unit)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
