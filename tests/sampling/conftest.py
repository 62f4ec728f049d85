"""Exact distributions by enumeration."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.sampling import Ising

Distribution = tuple[torch.Tensor, NDArray[np.float64]]


def all_states(shape: tuple[int, ...]) -> torch.Tensor:
    """Every configuration, int8 (2**n, *shape); bit i of the index is site i."""
    sites = int(np.prod(shape))
    bits = (torch.arange(2**sites)[:, None] >> torch.arange(sites)) & 1
    return (2 * bits - 1).to(torch.int8).reshape(-1, *shape)


def boltzmann(model: Ising) -> Distribution:
    """Every configuration and its probability."""
    states = all_states(model.shape)
    weight = np.exp(-model.coupling * model.energy(states).numpy().astype(float))
    return states, weight / weight.sum()


def class_probabilities(model: Ising) -> dict[tuple[int, int], float]:
    """Exact probability of each pair (E, |M|)."""
    states, probability = boltzmann(model)
    table: dict[tuple[int, int], float] = {}
    for key, p in zip(classes(model, states), probability, strict=True):
        table[key] = table.get(key, 0.0) + p
    return table


def classes(model: Ising, configurations: torch.Tensor) -> list[tuple[int, int]]:
    energy = model.energy(configurations).tolist()
    magnetisation = model.magnetisation(configurations).abs().tolist()
    return list(zip(energy, magnetisation, strict=True))


@pytest.fixture
def class_p_value(
    p_value: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
) -> Callable[[Ising, torch.Tensor], float]:
    """p-value of independent configurations under the exact law of (E, |M|)."""

    def test(model: Ising, configurations: torch.Tensor) -> float:
        exact = class_probabilities(model)
        number = {key: index for index, key in enumerate(exact)}
        seen = [number[key] for key in classes(model, configurations)]
        counts = np.bincount(seen, minlength=len(exact)).astype(float)
        return p_value(counts, np.array(list(exact.values())))

    return test
