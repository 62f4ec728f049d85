"""Sharing the chains of a state among threads, and the checks before it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.dimers.model import Dimers
from rsmi.sampling.random import check_seed
from rsmi.sampling.start import check_advance
from rsmi.sampling.swendsen_wang import chain_groups

Result = TypeVar("Result")


def share_chains(chains: int, workers: int, work: Callable[[slice], Result]) -> list[Result]:
    """Results of the work on each group of chains, in order, on several threads.

    >>> share_chains(3, 1, lambda group: group.stop)
    [1, 2, 3]
    """
    groups = chain_groups(chains, workers)
    if workers == 1:
        return [work(group) for group in groups]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, groups))


def flat_bonds(model: Dimers, state: Tensor, first_sweep: int, sweeps: int) -> NDArray[np.int8]:
    """The state as int8 (chains, axes, sites), sharing its memory.

    Raises:
        InputError: the state does not fit the model, is not on the CPU, or not contiguous.
    """
    check_advance(model, state, first_sweep, sweeps)  # type: ignore[arg-type]
    if state.device.type != "cpu":
        raise InputError(
            f"the state is on {state.device}; the dimer updates run on the CPU; move it there"
        )
    return state.numpy().reshape(len(state), len(model.shape), -1)


def check_sampler(seed: int, **counts: int | None) -> None:
    """Raise InputError for a bad seed, or for counts that are given but below 1."""
    check_seed(seed)
    for name, value in counts.items():
        if value is not None and value < 1:
            raise InputError(f"{name} is {value}; expected at least 1; give 1 or more")


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
