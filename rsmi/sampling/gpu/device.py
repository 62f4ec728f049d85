"""Whether Triton is there, and whether a state lies where its kernels can reach it."""

from importlib.util import find_spec

import torch
from torch import Tensor

from rsmi.errors import InputError


def require_triton() -> None:
    """Raise InputError unless Triton can be imported."""
    if find_spec("triton") is None:
        raise InputError(
            "method is 'triton', but Triton is not installed; install it with "
            "'pip install triton' or use device 'cpu'"
        )


def check_reachable(state: Tensor) -> None:
    """Raise InputError unless the state is on a CUDA device, or Triton interprets its kernels."""
    from triton import knobs

    if state.device.type != "cuda" and not knobs.runtime.interpret:
        raise InputError(
            f"the state is on {state.device}; the method 'triton' runs on CUDA devices; move the "
            "state there or use device 'cpu'"
        )


def current(tensor: Tensor) -> torch.cuda.device:
    """Context in which kernels are launched on the device of the tensor; none for the CPU."""
    return torch.cuda.device_of(tensor)
