"""The Wolff update against its transition matrix, built by enumeration of all bonds."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling import Ising, Wolff
from rsmi.sampling.swendsen_wang import bond_probability

Matrix = NDArray[np.float64]
PValue = Callable[[Matrix, Matrix], float]
FALSE_ALARM = 1e-6
COUPLING = 0.37


def states(sites: int) -> NDArray[np.int64]:
    """Every configuration as bits, bit i is site i."""
    return np.arange(2**sites)[:, None] >> np.arange(sites) & 1


def cluster_masks(model: Ising) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All sets of bonds (sets, bonds) and the cluster of each site as a bit mask (sets, sites)."""
    bonds = Hypercubic(model.shape).bonds()
    chosen = states(len(bonds))
    masks = np.tile(2 ** np.arange(model.n_sites), (len(chosen), 1))
    for _ in range(model.n_sites):
        for number, (a, b) in enumerate(bonds):
            joined = masks[:, a] | masks[:, b]
            on = chosen[:, number] == 1
            masks[on, a] = masks[on, b] = joined[on]
    return chosen, masks


def transition_matrix(model: Ising, probability: float) -> Matrix:
    """Choose the bonds between parallel spins, then a site, and flip the cluster of the site."""
    chosen, masks = cluster_masks(model)
    bonds, sites = Hypercubic(model.shape).bonds(), model.n_sites
    matrix = np.zeros((2**sites, 2**sites))
    for start, spins in enumerate(states(sites)):
        satisfied = (spins[bonds[:, 0]] == spins[bonds[:, 1]]).astype(int)
        possible = (chosen <= satisfied).all(axis=1)
        count = chosen[possible].sum(axis=1)
        weight = probability**count * (1 - probability) ** (satisfied.sum() - count)
        ends = start ^ masks[possible]
        np.add.at(matrix[start], ends, np.repeat(weight[:, None] / sites, sites, axis=1))
    return matrix


def boltzmann(model: Ising) -> Matrix:
    spins = torch.from_numpy(2 * states(model.n_sites) - 1).to(torch.int8)
    energy = model.energy(spins.reshape(-1, *model.shape)).numpy()
    weight = np.exp(-model.coupling * energy.astype(float))
    return weight / weight.sum()


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (7,)])
def test_detailed_balance(shape: tuple[int, ...]) -> None:
    model = Ising(shape, COUPLING)
    flow = boltzmann(model)[:, None] * transition_matrix(model, bond_probability(COUPLING))
    assert flow.sum() == pytest.approx(1)
    assert np.abs(flow - flow.T).max() < 1e-12
    wrong = boltzmann(model)[:, None] * transition_matrix(model, bond_probability(COUPLING / 2))
    assert np.abs(wrong - wrong.T).max() > 1e-3


@pytest.mark.parametrize("start", [0, 1, 0b1010, 0b110100])
def test_the_code_takes_the_steps_of_the_matrix(start: int, p_value: PValue) -> None:
    model = Ising((2, 3), COUPLING)
    spins = torch.from_numpy(2 * states(6)[start] - 1).to(torch.int8).reshape(2, 3)
    state = spins.expand(40000, 2, 3).contiguous()
    Wolff(model, 3).advance(state, first_sweep=17, sweeps=1)
    index = ((state.flatten(1) > 0) * 2 ** torch.arange(6)).sum(1)
    counts = np.bincount(index.numpy(), minlength=64).astype(float)
    right = transition_matrix(model, bond_probability(COUPLING))[start]
    wrong = transition_matrix(model, bond_probability(1.1 * COUPLING))[start]
    assert p_value(counts, right) > FALSE_ALARM
    assert p_value(counts, wrong) < FALSE_ALARM


def test_without_coupling_and_with_much_of_it() -> None:
    lonely = Ising((40,), 0.0)
    state = torch.ones(100, 40, dtype=torch.int8)
    Wolff(lonely, 1).advance(state, 0, 1)
    assert (lonely.magnetisation(state) == 38).all()
    frozen = Ising((8, 200), 40.0)
    state = torch.ones(2, 8, 200, dtype=torch.int8)
    Wolff(frozen, 1).advance(state, 0, 1)
    assert (state == -1).all()


def test_state_on_another_device() -> None:
    sampler = Wolff(Ising((4, 4), 0.4), 1)
    with pytest.raises(InputError, match="state is on meta; Wolff runs on the CPU"):
        sampler.advance(sampler.initial(2).to("meta"), 0, 1)
