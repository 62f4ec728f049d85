"""A user's own network: imported by name, filled with weights, and its untrained control."""

import importlib
import io
import os
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from rsmi.errors import InputError
from rsmi.layers.changes import GaussianNoise, Quantise, seeded
from rsmi.layers.inputs import Inputs
from rsmi.layers.probe import Probe, device_of
from rsmi.layers.selection import Selector, copied

SAFETENSORS = ".safetensors"
WEIGHT_FILES = (SAFETENSORS, ".pt", ".pth", ".ckpt")
_AT_ONCE = 1024
_ZIP = b"PK\x03\x04"
_ARCHIVE = "every tensor is as it was written (CRC-32 of each member of the archive)"
_NO_CHECKSUM = (
    "no checksum: this format has none, so a flipped bit that leaves a finite number cannot be "
    "seen; torch.save of torch 1.6 or later writes one"
)


def build_network(
    path: str,
    init_args: Mapping[str, Any] | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
    prefix: str = "",
    dtype: Literal["float32", "float64"] | None = None,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> nn.Module:
    """Make a network that is named by a dotted path, and fill it with weights.

    Args:
        path: Of a class or function, such as `mynet.Net`; importable from here.
        init_args: Its arguments by name.
        weights: Checkpoint without code, see `load_weights`; fresh weights without.
        prefix: As in `load_weights`.
        dtype: What it computes in; without, what it was made in.
        device: Where it computes.
        seed: Of fresh weights.

    Raises:
        InputError: For a path that cannot be imported, arguments that do not fit, something
            that is no network, an unusable checkpoint, or a device that this machine has not.

    >>> build_network("torch.nn.Linear", {"in_features": 2, "out_features": 1}).weight.shape
    torch.Size([1, 2])
    """
    make, arguments = imported(path), dict(init_args or {})
    try:
        with seeded(seed):
            network = make(**arguments)
    except Exception as error:  # code of the user's, which may raise anything
        raise InputError(
            f"{path} cannot be made with the arguments {arguments}: {type(error).__name__}: "
            f"{error}; give them by name (init_args={{...}}, --init_args.NAME VALUE)"
        ) from None
    if not isinstance(network, nn.Module):
        raise InputError(
            f"{path} gives a {type(network).__name__}; expected a torch.nn.Module or a function "
            "that returns one"
        )
    if weights is not None:
        load_weights(network, weights, prefix)
    return network.to(device_of(device), None if dtype is None else getattr(torch, dtype))


def coded_network(
    inputs: int,
    units: Sequence[int],
    levels: int = 2,
    hidden: int = 32,
    noise: float | None = None,
) -> nn.Sequential:
    r"""Layers `T1`, `T2` ... of few levels, each behind a map that can be any function.

    .. math:: t_l = \mathrm{round}\big(\tanh(W_2 \tanh(W_1 t_{l-1} + b_1) + b_2)\big)

    All but the first axis and the last one of its inputs are kept, so that one map serves all
    blocks of a lattice.

    Args:
        inputs: Numbers that the first layer is given.
        units: Of each layer.
        levels: Values of a unit, from -1 to 1.
        hidden: Units between; 0 for one linear map, as in a Boltzmann machine.
        noise: In place of levels, the standard deviation of noise on each unit.

    Raises:
        InputError: For no layer, or a number below 1 (0 hidden units, 2 levels).

    >>> coded_network(12, [4, 1])(torch.ones(5, 9, 12)).shape
    torch.Size([5, 9, 1])
    """
    if not units or min(*units, inputs, levels - 1, hidden + 1) < 1:
        raise InputError(
            f"{inputs} inputs, units {list(units)}, {levels} levels and {hidden} hidden units; "
            "expected at least one input, one layer of a unit, 2 levels and 0 hidden units"
        )
    layers: dict[str, nn.Module] = {}
    for place, (before, after) in enumerate(zip([inputs, *units], units, strict=False), 1):
        layers[f"map{place}"] = (
            nn.Sequential(nn.Linear(before, hidden), nn.Tanh(), nn.Linear(hidden, after))
            if hidden
            else nn.Linear(before, after)
        )
        layers[f"tanh{place}"] = nn.Tanh()
        layers[f"T{place}"] = (
            Quantise(levels, -1.0, 1.0) if noise is None else GaussianNoise(noise, place)
        )
    return nn.Sequential(OrderedDict(layers))


def imported(path: str) -> Callable[..., Any]:
    """A class or function by its dotted path, importable from the current directory.

    Raises:
        InputError: Where there is none.
    """
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
        raise InputError(f"there is no {name} in {module}; check the path (--model)") from None
    except Exception as error:  # code of the user's, which may raise anything
        raise InputError(
            f"{module} cannot be imported from {os.getcwd()}: {type(error).__name__}: {error}"
        ) from None
    if not callable(found):
        raise InputError(f"{path} is a {type(found).__name__}; expected a class or a function")
    return found


def activation_ranges(
    network: nn.Module,
    inputs: Inputs,
    layers: Selector | Sequence[Selector] | None = None,
    device: torch.device | str | None = None,
) -> dict[str, tuple[float, float]]:
    """Lowest and highest activation of each layer, for `quantise`; a constant one is widened.

    Args:
        network: Any network.
        inputs: What is sent through it once.
        layers: As in `select_layers`.
        device: As in `Probe`.

    >>> from rsmi.layers.inputs import finite_inputs
    >>> activation_ranges(nn.ReLU(), finite_inputs(torch.tensor([[-1.0], [2.0]])))
    {'model': (0.0, 2.0)}
    """
    found: dict[str, tuple[float, float]] = {}
    with Probe(network, layers, device=device) as probe:
        for batch in inputs.stream(_AT_ONCE):
            for called, t in probe(batch.x, batch.layout).items():
                name = called.split(":")[0]
                low, high = found.get(name, (torch.inf, -torch.inf))
                found[name] = (min(low, float(t.min())), max(high, float(t.max())))
    return {
        name: (low, high) if low < high else (low - 0.5, low + 0.5)
        for name, (low, high) in found.items()
    }


def load_weights(model: nn.Module, path: str | os.PathLike[str], prefix: str = "") -> nn.Module:
    """Fill a network from a checkpoint: safetensors, a state dict, or a Lightning checkpoint.

    Args:
        model: Of the architecture that was trained; changed in place.
        path: The file.
        prefix: What stands before the names of its weights there, such as `net.` of the attribute
            of a LightningModule, or `module.` of DistributedDataParallel; what else the file
            holds is left.

    Returns:
        The same network.

    Raises:
        InputError: For a missing or damaged file, one that holds pickled code, weights that do
            not fit, or are not finite where fresh ones are.
    """
    state, _ = read_weights(path)
    own = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
    _check_values(model, own, path)
    try:
        model.load_state_dict(own)
    except RuntimeError as error:
        raise InputError(
            f"the weights in {path} do not fit this network: {error}; {_offer(model, state)}"
        ) from None
    return model


def _offer(model: nn.Module, state: dict[str, Tensor]) -> str:
    """The prefixes under which a file holds the weights of this network, or what else to do."""
    shapes = {name: t.shape for name, t in model.state_dict().items()}
    first = next(iter(shapes), "")
    prefixes = [name.removesuffix(first) for name in state if name.endswith(f".{first}")]
    fitting = [
        prefix
        for prefix in prefixes
        if all(f"{prefix}{n}" in state and state[f"{prefix}{n}"].shape == shapes[n] for n in shapes)
    ]
    if not fitting:
        return "build the architecture that was trained"
    return f"the file holds them under the prefix {' and '.join(map(repr, fitting))}: give prefix"


def read_weights(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], str]:
    """Tensors by name, and one sentence that says what is known of their being as written.

    Args:
        path: safetensors, a state dict, or a Lightning checkpoint.

    Raises:
        InputError: For a missing or damaged file, or one that holds pickled code or no weights.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}; give a file of weights")
    with path.open("rb") as file:
        archive = file.read(len(_ZIP)) == _ZIP  # all that torch looks at
    if archive:
        return _state(path, _verified(path)), _ARCHIVE
    return _state(path, path), _NO_CHECKSUM


def _verified(path: Path) -> io.BytesIO:
    """The archive once more, of members that have their CRC-32, which torch does not look at.

    Its own reader may find other bytes than Python's where the directory of the archive is damaged.
    """
    again = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(again, "w") as new:
            for member in old.infolist():
                if member.compress_type != zipfile.ZIP_STORED:
                    raise zipfile.BadZipFile(f"{member.filename} is compressed")
                new.writestr(member.filename, old.read(member))
    except Exception as error:  # a damaged archive makes zipfile raise nearly anything
        reason = f"{error}; or it was saved under set_crc32_options(False)"
        raise _damaged(path, reason if "CRC" in str(error) else error) from None
    again.seek(0)
    return again


def _damaged(path: Path, reason: object) -> InputError:
    return InputError(f"the checkpoint {path} is damaged ({reason}); save it again")


def _check_values(model: nn.Module, state: dict[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Refuse what only damage or a diverged training puts into weights.

    A mask of infinities is part of some networks: what the fresh one holds there is right.
    """
    own = {name: tensor for name, tensor in model.state_dict().items() if not is_lazy(tensor)}
    for name, tensor in state.items():
        fresh = own.get(name)
        if fresh is None or fresh.shape != tensor.shape:
            continue  # named by load_state_dict
        if fresh.is_floating_point() != tensor.is_floating_point():
            raise InputError(
                f"{path}: {name} holds {tensor.dtype}, the network has {fresh.dtype}; the file is "
                "damaged, or of another network; save it again"
            )
        if not (tensor.is_floating_point() or tensor.is_complex()):
            continue
        wrong = int((~tensor.isfinite() & fresh.isfinite().to(tensor.device)).sum())
        if wrong:
            raise InputError(
                f"{path}: {name} holds {wrong} values that are not finite; the training diverged, "
                "or the file is damaged; give weights of a finite loss, or save them again"
            )


def _state(path: Path, source: Path | io.BytesIO) -> dict[str, Tensor]:
    try:
        if path.suffix == SAFETENSORS:
            return load_file(path)
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path} holds pickled Python code (a whole module or custom objects; or damage made "
            "it look so), which could do anything when loaded, so it is refused; save "
            "model.state_dict() or safetensors"
        ) from None
    except Exception as error:  # a damaged pickle makes torch raise nearly anything
        raise _damaged(path, error) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{path} holds no weights by name; save model.state_dict()")
    return state


def untrained(model: nn.Module, seed: int = 0) -> nn.Module:
    """The same architecture with fresh weights.

    Args:
        model: Left as it is.
        seed: Of the new weights.

    Raises:
        InputError: For a module whose weights no `reset_parameters` makes anew.

    >>> net = untrained(nn.Linear(2, 2), seed=1)
    >>> torch.equal(untrained(net, seed=1).weight, net.weight)
    True
    >>> torch.equal(untrained(net, seed=2).weight, net.weight)
    False
    """
    fresh = copied(model)
    _forget(fresh)
    with seeded(seed):
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
