"""Weights of a user's network, read without running any code that a file may hold."""

import os
import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from rsmi.errors import InputError


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
        InputError: For a missing or damaged file, one that holds pickled code, or weights that
            do not fit.
    """
    state = _state(Path(path))
    own = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
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


def _state(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}; give a file of weights")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path} holds pickled Python code (a whole module or custom objects), which could "
            "do anything when loaded, so it is refused; save model.state_dict() or safetensors"
        ) from None
    except (OSError, EOFError, RuntimeError, SafetensorError, zipfile.BadZipFile) as error:
        raise InputError(f"the checkpoint {path} is damaged ({error}); save it again") from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{path} holds no weights by name; save model.state_dict()")
    return state
