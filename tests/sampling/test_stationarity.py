"""Transition matrices by enumeration: they leave the Boltzmann law alone, and the code obeys them.

Both matrices are built from the probabilities that the production code uses; frequencies of one
production sweep are then compared with a row of the matrix.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.sampling import Ising, Metropolis, Sampler, SwendsenWang
from rsmi.sampling.metropolis import (
    PROPOSAL,
    checkerboard,
    flip_probabilities,
    neighbour_sum,
)
from rsmi.sampling.swendsen_wang import bond_probability

Matrix = NDArray[np.float64]
PValue = Callable[[Matrix, Matrix], float]
FALSE_ALARM = 1e-6
COUPLING = 0.37


def enumerate_states(model: Ising) -> tuple[torch.Tensor, Matrix]:
    sites = model.n_sites
    bits = (torch.arange(2**sites)[:, None] >> torch.arange(sites)) & 1
    states = (2 * bits - 1).to(torch.int8).reshape(-1, *model.shape)
    weight = np.exp(-model.coupling * model.energy(states).numpy().astype(float))
    return states, weight / weight.sum()


def metropolis_matrix(model: Ising) -> Matrix:
    """One sweep: product of the two sublattice updates, each a product over its sites."""
    states, _ = enumerate_states(model)
    dimension = len(model.shape)
    table = flip_probabilities(model.coupling, dimension).numpy()
    alignment = (states * neighbour_sum(states)).flatten(1).numpy().astype(int)
    flip = table[(alignment + 2 * dimension) // 2]
    parity = checkerboard(model.shape).flatten().numpy()
    spins = states.flatten(1).numpy()
    sweep = np.eye(len(states))
    for colour in (0, 1):
        step = np.ones((len(states), len(states)))
        for site in range(model.n_sites):
            changed = spins[:, None, site] != spins[None, :, site]
            chance = flip[:, None, site] if parity[site] == colour else 0.0
            step *= np.where(changed, chance, 1 - chance)
        sweep = sweep @ step
    return sweep


@lru_cache
def swendsen_wang_matrix(model: Ising, probability: float) -> Matrix:
    """One sweep: sum over all bond configurations, each compatible with 2**clusters states."""
    bonds = forward_bonds(model)
    states, _ = enumerate_states(model)
    spins = states.flatten(1).numpy()
    satisfied = sum((spins[:, a] == spins[:, b]).astype(int) for a, b in bonds)
    chosen = (np.arange(2 ** len(bonds))[:, None] >> np.arange(len(bonds))) & 1
    labels = cluster_labels(chosen, bonds, model.n_sites)
    code = labels @ model.n_sites ** np.arange(model.n_sites)
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    k = np.arange(len(bonds) + 1)
    cells = np.bincount(number * len(k) + chosen.sum(axis=1), minlength=len(first) * len(k))
    matrix = np.zeros((len(states), len(states)))
    for partition, count in zip(labels[first], cells.reshape(-1, len(k)), strict=True):
        compatible = (spins == spins[:, partition]).all(axis=1).nonzero()[0]
        empty = np.maximum(satisfied[compatible][:, None] - k, 0)
        weight = (count * probability**k * (1 - probability) ** empty).sum(axis=1)
        matrix[np.ix_(compatible, compatible)] += weight[:, None] / len(compatible)
    return matrix


def forward_bonds(model: Ising) -> list[tuple[int, int]]:
    sites = np.arange(model.n_sites).reshape(model.shape)
    pairs = [(sites.ravel(), np.roll(sites, -1, axis).ravel()) for axis in range(sites.ndim)]
    return [(int(a), int(b)) for first, second in pairs for a, b in zip(first, second, strict=True)]


def cluster_labels(chosen: NDArray[np.int64], bonds: list[tuple[int, int]], sites: int) -> Matrix:
    """Smallest site of the cluster of every site, for each bond configuration."""
    labels = np.tile(np.arange(sites), (len(chosen), 1))
    for _ in range(sites):
        for number, (a, b) in enumerate(bonds):
            lowest = np.minimum(labels[:, a], labels[:, b])
            on = chosen[:, number] == 1
            labels[on, a] = labels[on, b] = lowest[on]
    return labels


def one_step_p_value(sampler: Sampler, start: torch.Tensor, row: Matrix, p_value: PValue) -> float:
    state = start.expand(40000, *start.shape).contiguous()
    sampler.advance(state, first_sweep=17, sweeps=1)
    places = 2 ** torch.arange(start.numel())
    index = ((state.flatten(1) > 0) * places).sum(1)
    return p_value(np.bincount(index.numpy(), minlength=len(row)).astype(float), row)


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (8,)])
@pytest.mark.parametrize("coupling", [COUPLING, -COUPLING])
def test_metropolis_is_stationary(shape: tuple[int, ...], coupling: float) -> None:
    model = Ising(shape, coupling)
    matrix = metropolis_matrix(model)
    _, law = enumerate_states(model)
    assert np.abs(matrix.sum(axis=1) - 1).max() < 1e-12
    assert np.abs(law @ matrix - law).max() < 1e-12


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (7,)])
def test_swendsen_wang_satisfies_detailed_balance(shape: tuple[int, ...]) -> None:
    model = Ising(shape, COUPLING)
    matrix = swendsen_wang_matrix(model, bond_probability(COUPLING))
    _, law = enumerate_states(model)
    flow = law[:, None] * matrix
    assert np.abs(matrix.sum(axis=1) - 1).max() < 1e-12
    assert np.abs(law @ matrix - law).max() < 1e-12
    assert np.abs(flow - flow.T).max() < 1e-12


def test_wrong_bond_probability_is_not_stationary() -> None:
    model = Ising((3, 3), COUPLING)
    matrix = swendsen_wang_matrix(model, -math.expm1(-COUPLING))
    _, law = enumerate_states(model)
    assert np.abs(law @ matrix - law).max() > 1e-3


def test_metropolis_forgets_its_start_only_with_some_proposals_withheld(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reached_everything() -> bool:
        return bool((np.linalg.matrix_power(metropolis_matrix(model), 20) > 0).all())

    model = Ising((2, 2), COUPLING)
    assert PROPOSAL < 1
    assert reached_everything()
    monkeypatch.setattr("rsmi.sampling.metropolis.PROPOSAL", 1.0)
    assert not reached_everything()


STARTS = [0, 1, 0b1010, 0b110100]


@pytest.mark.parametrize("start", STARTS)
def test_metropolis_code_takes_the_steps_of_the_matrix(start: int, p_value: PValue) -> None:
    model = Ising((2, 4), COUPLING)
    states, _ = enumerate_states(model)
    row = metropolis_matrix(model)[start]
    assert one_step_p_value(Metropolis(model, 3), states[start], row, p_value) > FALSE_ALARM


@pytest.mark.parametrize("start", STARTS)
def test_swendsen_wang_code_takes_the_steps_of_the_matrix(start: int, p_value: PValue) -> None:
    model = Ising((3, 3), COUPLING)
    states, _ = enumerate_states(model)
    row = swendsen_wang_matrix(model, bond_probability(COUPLING))[start]
    assert one_step_p_value(SwendsenWang(model, 3), states[start], row, p_value) > FALSE_ALARM
    wrong = swendsen_wang_matrix(model, bond_probability(1.1 * COUPLING))[start]
    assert one_step_p_value(SwendsenWang(model, 3), states[start], wrong, p_value) < FALSE_ALARM
