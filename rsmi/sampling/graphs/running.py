"""What models without a torus of Ising spins share: checks of configurations, starting values."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.random import fill_uint64

_HALF = np.uint64(32)


def check_configurations(
    configurations: Tensor, shape: tuple[int, ...], lowest: int, highest: int
) -> NDArray[np.int8]:
    """Configurations as an array (n, n_sites), once shape, type and values are as expected.

    Raises:
        InputError: not int8 of shape (n, *shape) on the CPU, or values out of range.
    """
    if configurations.dtype != torch.int8 or configurations.shape[1:] != shape:
        raise InputError(
            f"configurations are {configurations.dtype} of shape {tuple(configurations.shape)}; "
            f"expected torch.int8 of shape (n, {', '.join(map(str, shape))}); convert or reshape "
            "them"
        )
    if configurations.device.type != "cpu":
        raise InputError(
            f"configurations are on {configurations.device}; this model works on the CPU; "
            "move them there with .cpu()"
        )
    values = configurations.flatten(1).numpy()
    if values.size and (values.min() < lowest or values.max() > highest):
        raise InputError(
            f"configurations hold values from {values.min()} to {values.max()}; expected "
            f"{lowest} to {highest}; they belong to another model"
        )
    return values


def starting_values(n_sites: int, chains: int, values: int, cold: int, seed: int) -> Tensor:
    """Even chains independent and uniform in 0 .. values - 1, odd chains constant.

    Args:
        n_sites: sites of a chain.
        chains: number of chains, at least 1.
        values: how many values a site takes.
        cold: value of the constant starts.
        seed: seed of the run.

    Returns:
        int8 (chains, n_sites).

    Raises:
        InputError: fewer than one chain.

    >>> starting_values(4, 2, 3, 0, seed=1)[1].tolist()
    [0, 0, 0, 0]
    """
    if chains < 1:
        raise InputError(f"chains is {chains}; expected at least 1; give a positive number")
    state = np.full((chains, n_sites), cold, dtype=np.int8)
    words = np.empty(n_sites + n_sites % 2, dtype=np.uint64)
    for chain in range(0, chains, 2):
        fill_uint64(words, 0, chain, 0, int(GraphStream.INITIAL), np.uint64(seed))
        state[chain] = ((words[:n_sites] >> _HALF) * np.uint64(values)) >> _HALF
    return torch.from_numpy(state)
