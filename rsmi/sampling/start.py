"""Hot and cold starts of Ising spins, and the checks of a chain state."""

import math

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.interface import Checking
from rsmi.sampling.random import Stream, fill_uint64

_TOP_BIT = np.uint64(63)


def hot_and_cold(shape: tuple[int, ...], chains: int, seed: int) -> Tensor:
    """Hot (independent random spins) and cold (all up) starts in turn, even chains hot.

    Chains that agree although they started at opposite ends have forgotten their start.

    Args:
        shape: of the lattice.
        chains: number of chains, at least 1.
        seed: seed of the run.

    Returns:
        int8 (chains, *shape).

    Raises:
        InputError: fewer than one chain.

    >>> hot_and_cold((2, 2), 2, seed=1)[1].tolist()
    [[1, 1], [1, 1]]
    """
    if chains < 1:
        raise InputError(f"chains is {chains}; expected at least 1; give a positive number")
    sites = math.prod(shape)
    state = np.ones((chains, sites), dtype=np.int8)
    words = np.empty(sites + sites % 2, dtype=np.uint64)
    for chain in range(0, chains, 2):
        fill_uint64(words, 0, chain, 0, int(Stream.INITIAL), np.uint64(seed))
        state[chain] -= 2 * (words[:sites] >> _TOP_BIT).astype(np.int8)
    return torch.from_numpy(state.reshape(chains, *shape))


def check_advance(model: Checking, state: Tensor, first_sweep: int, sweeps: int) -> None:
    """Raise InputError unless the state fits the model and the sweeps can be addressed."""
    model.check(state)
    check_sweeps(state, first_sweep, sweeps)


def check_sweeps(state: Tensor, first_sweep: int, sweeps: int) -> None:
    """Raise InputError unless the state can be changed in place and the sweeps be addressed."""
    if not state.is_contiguous():
        raise InputError(
            "the state is not contiguous; it is changed in memory order; use .contiguous()"
        )
    if first_sweep < 0 or sweeps < 0 or first_sweep + sweeps > 2**56:
        raise InputError(
            f"sweeps {first_sweep} to {first_sweep + sweeps} were asked for; "
            "expected numbers from 0 to 2**56; count sweeps from the start of the run"
        )
