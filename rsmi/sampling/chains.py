"""From a starting state to blocks of nearly independent configurations."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.interface import Measuring, Model, Sampler

Observables = dict[str, Tensor]


def observables(model: Model, configurations: Tensor) -> Observables:
    """Energy, magnetisation, and what else the model measures, of each configuration.

    Args:
        model: the model; its own `observables(configurations)` is used where it has one.
        configurations: int8 (n, *shape).

    Returns:
        "energy" (total, in units of J), "magnetisation" (total) and others by name, (n,) each.
    """
    if isinstance(model, Measuring):
        return model.observables(configurations)
    return {
        "energy": model.energy(configurations),
        "magnetisation": model.magnetisation(configurations),
    }


def sample_blocks(
    sampler: Sampler, state: Tensor, first_sweep: int, thin: int, records_per_block: int
) -> Iterator[tuple[Tensor, Observables]]:
    """Blocks of recorded configurations without end; take as many as are needed.

    Record r (from 0) is the state after sweep number first_sweep + (r + 1) thin. The last
    record of a block is the state from which the next block, or a resumed run, goes on.

    Args:
        sampler: the update.
        state: int8 (chains, *shape), equilibrated; changed in place.
        first_sweep: number of sweeps done so far.
        thin: sweeps from one record to the next, at least 1.
        records_per_block: records of every chain in a block, at least 1.

    Yields:
        Configurations int8 (records * chains, *shape), index record * chains + chain, and
        their observables.

    Raises:
        InputError: thin or records_per_block below 1.
    """
    if thin < 1 or records_per_block < 1:
        raise InputError(
            f"thin is {thin} and records_per_block is {records_per_block}; "
            "expected at least 1 each; give positive numbers"
        )
    return _blocks(sampler, state, first_sweep, thin, records_per_block)


def _blocks(
    sampler: Sampler, state: Tensor, sweep: int, thin: int, records: int
) -> Iterator[tuple[Tensor, Observables]]:
    """Endless generator behind `sample_blocks`."""
    while True:
        block = torch.empty((records, *state.shape), dtype=torch.int8)
        for record in range(records):
            sampler.advance(state, sweep, thin)
            sweep += thin
            block[record] = state
        configurations = block.flatten(0, 1)
        yield configurations, observables(sampler.model, configurations)


def measure_sweeps(
    sampler: Sampler, state: Tensor, first_sweep: int, sweeps: int
) -> NDArray[np.float64]:
    """Energy and absolute magnetisation of every chain after each of some sweeps.

    Args:
        sampler: the update.
        state: int8 (chains, *shape), changed in place.
        first_sweep: number of sweeps done so far.
        sweeps: how many to do.

    Returns:
        float64 (2, chains, sweeps): total energy, then total |M|.
    """
    series = np.empty((2, len(state), sweeps))
    for k in range(sweeps):
        sampler.advance(state, first_sweep + k, 1)
        series[0, :, k] = sampler.model.energy(state).cpu().numpy()
        series[1, :, k] = sampler.model.magnetisation(state).abs().cpu().numpy()
    return series
