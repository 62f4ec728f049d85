"""A user's own network: imported by name, built, and filled with weights."""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.layers import Inputs, Probe, load_weights, quantise

_DTYPES = {"float32": torch.float32, "float64": torch.float64, "int64": torch.int64}
Layers = Sequence[str] | None


def build(
    path: str, arguments: Mapping[str, Any], weights: str | None, prefix: str, seed: int
) -> nn.Module:
    """Make a network and fill it with weights.

    Args:
        path: Dotted path of a class or function, importable from the current directory.
        arguments: Passed by name.
        weights: Checkpoint without code, see `rsmi.layers.load_weights`; fresh weights without.
        prefix: As in `load_weights`.
        seed: Of fresh weights.

    Raises:
        InputError: For a path that cannot be imported, arguments that do not fit, something
            that is no network, or an unusable checkpoint.
    """
    make = _imported(path)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = make(**arguments)
    except Exception as error:  # code of the user's, which may raise anything
        raise InputError(
            f"{path} cannot be made with the arguments {dict(arguments)}: "
            f"{type(error).__name__}: {error}; give them with --init_args.NAME VALUE"
        ) from None
    if not isinstance(network, nn.Module):
        raise InputError(
            f"{path} gives a {type(network).__name__}; expected a torch.nn.Module or a function "
            "that returns one"
        )
    return network if weights is None else load_weights(network, weights, prefix)


def dtype_of(network: nn.Module, name: str | None) -> torch.dtype:
    """What the inputs are converted to: as named, or like the first real parameter."""
    if name is not None:
        return _DTYPES[name]
    real = (p.dtype for p in network.parameters() if p.is_floating_point())
    return next(real, torch.float32)


def quantised(
    network: nn.Module,
    layers: Layers,
    levels: int,
    ends: tuple[float, float] | None,
    inputs: Inputs,
    device: str,
) -> nn.Module:
    """A copy with quantised activations, over the range given or the one they take."""
    if ends is not None:
        return quantise(network, layers, levels, ends)
    found = ranges(network, layers, inputs, device)
    return quantise(network, list(found), levels, found)


def ranges(
    network: nn.Module, layers: Layers, inputs: Inputs, device: str = "cpu"
) -> dict[str, tuple[float, float]]:
    """Lowest and highest activation of each layer on the data; a constant one is widened."""
    found: dict[str, tuple[float, float]] = {}
    with Probe(network, layers, device=device) as probe:
        for batch in inputs.stream(1024):
            for called, t in probe(batch.x, batch.layout).items():
                name = called.split(":")[0]
                low, high = found.get(name, (torch.inf, -torch.inf))
                found[name] = (min(low, float(t.min())), max(high, float(t.max())))
    return {
        name: (low, high) if low < high else (low - 0.5, low + 0.5)
        for name, (low, high) in found.items()
    }


def _imported(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    if not module:
        raise InputError(
            f"model is {path!r}; expected a dotted path such as mynet.Net, importable from here"
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name)
    except AttributeError:
        raise InputError(f"there is no {name} in {module}; check --model") from None
    except Exception as error:  # code of the user's, which may raise anything
        raise InputError(
            f"{module} cannot be imported from {os.getcwd()}: {type(error).__name__}: {error}"
        ) from None
    if not callable(found):
        raise InputError(f"{path} is a {type(found).__name__}; expected a class or a function")
    return found
