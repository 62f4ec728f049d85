"""Samples against complete lists of coverings; worms reach all of them at the right rates."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from rsmi.sampling import mean_estimate
from rsmi.sampling.dimers import Dimers, Wilson, Worm, winding
from rsmi.sampling.dimers.pictures import write_bonds
from rsmi.sampling.dimers.trees.spanning import spanning_tree
from rsmi.sampling.dimers.trees.temperley import tree_dimers

PValue = Callable[[Dimers, torch.Tensor], float]
FALSE_ALARM = 1e-6
CHAINS = 10_000

MODELS = [
    Dimers((4, 4)),
    Dimers((4, 4), 2.0),
    Dimers((4, 4), 1.0),
    Dimers((2, 4), 1.5),
    Dimers((4, 5), boundary="open"),
    Dimers((4, 5), 1.5, boundary="open"),
    Dimers((5, 5), boundary="corner"),
    Dimers((5, 5), 2.0, boundary="corner"),
    Dimers((4, 6), lattice="honeycomb"),
    Dimers((4, 8), lattice="honeycomb", boundary="open"),
    Dimers((2, 2, 2), lattice="cubic"),
    Dimers((2, 2, 2), 1.7, lattice="cubic"),
    Dimers((2, 2, 4), 2.0, lattice="cubic", boundary="open"),
]


def independent(model: Dimers, seed: int = 5) -> torch.Tensor:
    """One configuration of each of many chains, long after their start."""
    sampler = Worm(model, seed, workers=2, worms=8)
    state = sampler.initial(CHAINS)
    sampler.advance(state, 0, 15)
    return state


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_worms_draw_every_covering(model: Dimers, covering_p_value: PValue) -> None:
    assert covering_p_value(model, independent(model)) > FALSE_ALARM


def test_all_272_coverings_in_all_sectors() -> None:
    model = MODELS[0]
    drawn = independent(model)
    assert len({bytes(state.numpy()) for state in drawn}) == 272
    sectors = {tuple(w) for w in winding(model.geometry, drawn).tolist()}
    assert len(sectors) == 13


def test_worms_of_another_temperature_are_told_apart(covering_p_value: PValue) -> None:
    assert covering_p_value(Dimers((4, 4), 2.5), independent(Dimers((4, 4), 2.0))) < FALSE_ALARM


def test_worms_that_keep_the_winding_are_told_apart(covering_p_value: PValue) -> None:
    model = MODELS[0]
    sampler = Worm(model, seed=5, worms=1)
    state = sampler.initial(4000)
    for sweep in range(30):
        tried = state.clone()
        sampler.advance(tried, sweep, 1)
        kept = (winding(model.geometry, tried) == winding(model.geometry, state)).all(1)
        state[kept] = tried[kept]
    assert covering_p_value(model, state) < FALSE_ALARM


@pytest.mark.parametrize(("temperature", "energy"), [(2.0, -0.309815660), (1.0, -0.385824214)])
def test_interacting_energies(temperature: float, energy: float) -> None:
    model = Dimers((4, 4), temperature)
    sampler = Worm(model, seed=9)
    state = sampler.initial(50)
    sampler.advance(state, 0, 20)
    series = np.empty((50, 400))
    for record in range(400):
        sampler.advance(state, 20 + record, 1)
        series[:, record] = model.energy(state).numpy() / 16
    found = mean_estimate(series)
    assert found.error < 0.002
    assert abs(found.deviation(energy)) < 4.9


@pytest.mark.parametrize("shape", [(3, 3), (3, 7), (5, 5)])
def test_trees_draw_every_covering_alike(shape: tuple[int, int], covering_p_value: PValue) -> None:
    model = Dimers(shape, boundary="corner")
    sampler = Wilson(model, seed=4)
    state = sampler.initial(CHAINS)
    assert covering_p_value(model, state) > FALSE_ALARM
    sampler.advance(state, 0, 3)
    assert covering_p_value(model, state) > FALSE_ALARM


def test_trees_that_are_not_uniform_are_told_apart(covering_p_value: PValue) -> None:
    """Random depth-first trees instead of Wilson's."""
    model = Dimers((5, 5), boundary="corner")
    generator = np.random.default_rng(1)
    bonds = np.empty((4000, 2, 25), dtype=np.int8)
    directions = np.empty((5, 5), dtype=np.int8)
    for sample in bonds:
        tree_dimers(_depth_first(3, generator), directions)
        write_bonds(directions.ravel(), sample)
    state = torch.from_numpy(bonds.reshape(-1, 2, 5, 5))
    assert covering_p_value(model, state) < FALSE_ALARM


def _depth_first(side: int, generator: np.random.Generator) -> np.ndarray:
    width = side + 2
    steps = (width, -width, 1, -1)
    exits = np.full(width**2, -1, dtype=np.int8)
    inside = np.zeros((width, width), dtype=bool)
    inside[1:-1, 1:-1] = True
    free = inside.ravel().copy()
    stack = [width + 1]
    free[width + 1] = False
    while stack:
        x = stack[-1]
        ways = [q for q in range(4) if free[x + steps[q]]]
        if not ways:
            stack.pop()
            continue
        q = generator.choice(ways)
        y = x + steps[q]
        exits[y], free[y] = q ^ 1, False
        stack.append(y)
    return exits


@pytest.mark.parametrize("grid", [(2, 2), (3, 5), (20, 31)])
def test_trees_span_and_lead_to_the_corner(grid: tuple[int, int]) -> None:
    rows, columns = grid
    exits, steps = spanning_tree(rows, columns, (0, 1, 2, np.uint64(3)))
    corner = columns + 3
    inside = np.zeros((rows + 2, columns + 2), dtype=bool)
    inside[1:-1, 1:-1] = True
    for start in np.flatnonzero(inside):
        x, length = start, 0
        while x != corner:
            x += steps[exits[x]]
            length += 1
            assert inside.ravel()[x]
            assert length < rows * columns


def test_bulk_of_a_large_board() -> None:
    # In the bulk of free dimers a plaquette has two parallel dimers with probability 1/4.
    model = Dimers((129, 129), boundary="corner")
    drawn = Wilson(model, seed=6).initial(20)[:, :, 24:104, 24:104] == 1
    pairs = (drawn[:, 0] & drawn[:, 0].roll(-1, 2)) | (drawn[:, 1] & drawn[:, 1].roll(-1, 1))
    per_board = pairs[:, :-1, :-1].double().mean((1, 2))
    error = per_board.std() / math.sqrt(len(per_board))
    assert abs(per_board.mean() - 0.25) < 4.9 * error + 1e-4
