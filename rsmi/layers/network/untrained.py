"""The control of training: the same architecture before any."""

import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.layers.network.wrapping import copied


def untrained(model: nn.Module, seed: int = 0) -> nn.Module:
    """The same architecture with fresh weights.

    Args:
        model: Left as it is.
        seed: Of the new weights.

    Raises:
        InputError: For a module whose weights no `reset_parameters` makes anew.

    >>> net = nn.Linear(2, 2)
    >>> torch.equal(untrained(net).weight, net.weight)
    False
    """
    fresh = copied(model)
    _forget(fresh)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in fresh.modules():
            # Attention has the same under a private name.
            private = getattr(module, "_reset_parameters", None)
            reset = getattr(module, "reset_parameters", private)
            if callable(reset):
                reset()
    _check_fresh(fresh)
    return fresh


@torch.no_grad()
def _forget(model: nn.Module) -> None:
    """NaN in every weight, so that one which nobody makes anew is seen."""
    for weight in model.parameters():
        if weight.is_floating_point():
            weight.fill_(torch.nan)


def _check_fresh(model: nn.Module) -> None:
    for name, module in model.named_modules():
        for own, weight in module.named_parameters(recurse=False):
            if bool(weight.isnan().any()):
                raise InputError(
                    f"module '{name or type(module).__name__}' has weights ({own}) that no "
                    "reset_parameters() makes anew; build the untrained network yourself"
                )
