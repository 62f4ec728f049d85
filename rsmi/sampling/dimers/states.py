"""The chains of a run as one tensor: equal starts, and the flat form that kernels change."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.dimers.model import Dimers
from rsmi.sampling.start import check_advance


def flat_bonds(model: Dimers, state: Tensor, first_sweep: int, sweeps: int) -> NDArray[np.int8]:
    """The state as int8 (chains, axes, sites), sharing its memory.

    Raises:
        InputError: the state does not fit the model, is not on the CPU, or not contiguous.
    """
    check_advance(model, state, first_sweep, sweeps)
    if state.device.type != "cpu":
        raise InputError(
            f"the state is on {state.device}; the dimer updates run on the CPU; move it there"
        )
    return state.numpy().reshape(len(state), len(model.shape), -1)


def copies(start: Tensor, chains: int) -> Tensor:
    """The same configuration for every chain, int8 (chains, axes, *shape).

    Raises:
        InputError: fewer than one chain.

    >>> import torch
    >>> copies(torch.ones(1, 2, 2, 2), 3).shape
    torch.Size([3, 2, 2, 2])
    """
    if chains < 1:
        raise InputError(f"chains is {chains}; expected at least 1; give a positive number")
    return start.repeat(chains, *[1] * (start.ndim - 1))
