"""The control of training: the same architecture before any."""

import copy

import torch
from torch import nn

from rsmi.errors import InputError


def untrained(model: nn.Module, seed: int = 0) -> nn.Module:
    """The same architecture with fresh weights.

    Args:
        model: Left as it is.
        seed: Of the new weights.

    Raises:
        InputError: For a module that has weights and no `reset_parameters`.

    >>> net = nn.Linear(2, 2)
    >>> torch.equal(untrained(net).weight, net.weight)
    False
    """
    fresh = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in fresh.named_modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
            elif next(module.parameters(recurse=False), None) is not None:
                raise InputError(
                    f"module '{name or type(module).__name__}' has weights and no "
                    "reset_parameters(); build the untrained network yourself"
                )
    return fresh
