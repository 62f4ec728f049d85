"""Spin pairs have their exact law and leave the dimers alone."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling.dimers import DecoratedDimers, DecoratedWorm, Dimers, Worm

DIMERS = Dimers((4, 6), 1.5)
CHAINS = 4000


def drawn(coupling: float, sweeps: int = 3) -> torch.Tensor:
    sampler = DecoratedWorm(DecoratedDimers(DIMERS, coupling), seed=8)
    state = sampler.initial(CHAINS)
    sampler.advance(state, 0, sweeps)
    return state


def test_dimers_are_those_of_the_plain_worm() -> None:
    plain = Worm(DIMERS, seed=8)
    state = plain.initial(CHAINS)
    plain.advance(state, 0, 3)
    assert torch.equal(drawn(2.0)[:, :2], state)


@pytest.mark.parametrize("coupling", [2.0, -0.5, 0.0])
def test_pairs_have_their_exact_energy(coupling: float) -> None:
    model = DecoratedDimers(DIMERS, coupling)
    pairs = 12 * CHAINS
    mean = float(model.pair_energy(drawn(coupling)).sum()) / pairs
    error = math.sqrt((1 - math.tanh(coupling) ** 2) / pairs)
    assert abs(mean + math.tanh(coupling)) < 4.9 * error
    assert abs(mean + math.tanh(coupling + 0.1)) > 4.9 * error


def test_pairs_are_independent_of_each_other_and_of_the_dimers() -> None:
    state = drawn(2.0).double()
    first = state[:, -1, :, ::2].flatten(1)
    limit = 4.9 / math.sqrt(CHAINS)
    assert first.mean(0).abs().max() < limit
    products = [(first[:, a] * first[:, b]).mean() for a, b in combinations(range(12), 2)]
    assert np.abs(products).max() < limit
    bonds = state[:, :2].flatten(1)
    assert (first.T @ (bonds - bonds.mean(0)) / CHAINS).abs().max() < limit


def test_consecutive_sweeps_draw_new_spins() -> None:
    early, late = drawn(2.0, 3)[:, -1].double(), drawn(2.0, 4)[:, -1].double()
    assert (early * late).mean(0).abs().max() < 4.9 / math.sqrt(CHAINS)


def test_observables() -> None:
    model = DecoratedDimers(DIMERS, 2.0)
    state = DecoratedWorm(model, 1).initial(3)
    found = model.observables(state)
    assert found["pair_energy"].tolist() == [-12] * 3
    assert torch.equal(found["energy"], DIMERS.energy(state[:, :2]))
    assert torch.equal(model.energy(state), found["energy"])
    assert torch.equal(model.magnetisation(state), found["magnetisation"])
    bonds, spins = model.split(state)
    assert bonds.shape == (3, 2, 4, 6)
    assert spins.shape == (3, 4, 6)


def test_bad_models() -> None:
    with pytest.raises(InputError, match="pairs of spins need an even last side and all sites"):
        DecoratedDimers(Dimers((4, 5), boundary="open"), 2.0)
    with pytest.raises(InputError, match="pairs of spins need an even last side and all sites"):
        DecoratedDimers(Dimers((4, 8), lattice="honeycomb", boundary="open"), 2.0)
    with pytest.raises(InputError, match="coupling is inf; expected a finite number K"):
        DecoratedDimers(DIMERS, math.inf)
    with pytest.raises(InputError, match=r"expected torch.int8 of shape \(n, 3, 4, 6\), bonds"):
        DecoratedDimers(DIMERS, 2.0).energy(torch.ones(1, 2, 4, 6, dtype=torch.int8))
