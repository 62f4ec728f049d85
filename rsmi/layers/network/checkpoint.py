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


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> nn.Module:
    """Fill a network from a checkpoint: safetensors, a state dict, or a Lightning checkpoint.

    Args:
        model: Of the architecture that was trained; changed in place.
        path: The file.

    Returns:
        The same network.

    Raises:
        InputError: For a missing or damaged file, one that holds pickled code, or weights that
            do not fit.
    """
    state = _state(Path(path))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(
            f"the weights in {path} do not fit this network: {error}; build the architecture "
            "that was trained"
        ) from None
    return model


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
