"""The space of every model: letters, bonds and symmetries, against all its configurations."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Space, Symmetry, words
from rsmi.lattice.alphabet import SPIN, Alphabet, clock, directions
from rsmi.sampling.dimers import DimerLattice
from rsmi.sampling.dimers.exact.enumeration import coverings
from rsmi.sampling.families import Family, Setup, families
from rsmi.sampling.quantum import ExactWave

CASES: list[tuple[str, tuple[int, ...], Any, dict[str, Any], int]] = [
    ("ising", (3, 3), 2.0, {}, 8),
    ("ising", (2, 4), 2.0, {}, 4),
    ("ising", (7,), 2.0, {}, 2),
    ("ising", (2, 2, 3), 2.0, {}, 16),
    ("ising_graph", (3, 3), 2.0, {"lattice": "triangular"}, 12),
    ("ising_graph", (3, 3), 2.0, {"lattice": "triangular", "field": 0.3}, 12),
    ("ising_graph", (2, 3), 2.0, {"lattice": "honeycomb"}, 2),
    ("ising_graph", (2, 2), 2.0, {"lattice": "honeycomb"}, 12),
    ("ising_graph", (2, 2), 2.0, {"lattice": "kagome", "bonds": -1.0}, 12),
    ("ising_graph", (3, 3), 2.0, {"lattice": "square", "disorder": "bimodal"}, 1),
    ("potts", (2, 3), 1.0, {"states": 3}, 4),
    ("potts", (4,), 1.0, {"states": 7}, 2),
    ("blume_capel", (3, 3), 0.7, {"crystal_field": 1.5}, 8),
    ("dimers", (4, 4), 1.0, {}, 8),
    ("dimers", (2, 4), 1.0, {}, 4),
    ("dimers", (4, 4), "inf", {"lattice": "honeycomb"}, 8),
    ("dimers", (2, 2, 4), 1.0, {"lattice": "cubic"}, 16),
    ("decorated_dimers", (2, 4), 1.0, {"pair_coupling": 0.4}, 4),
    ("mazes", (3, 3), None, {}, 8),
    ("tfim", (6,), None, {}, 2),
    ("tfim", (6,), None, {"basis": "x"}, 2),
    ("heisenberg", (6,), None, {}, 2),
]


def _complete(family: Family, given: dict[str, Any]) -> dict[str, Any]:
    return {name: known.default for name, known in family.parameters.items()} | given


def _every(words_of: list[int], shape: tuple[int, ...]) -> Tensor:
    letters = torch.tensor(words_of)[words(len(words_of), math.prod(shape))]
    return letters.to(torch.int8).reshape(-1, *shape)


def _states(family: Family, model: Any, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Every configuration, and a number on which its weight alone depends."""
    if family.name in ("tfim", "heisenberg"):
        wave = ExactWave.ground_state(model.chain)
        return torch.from_numpy(wave.configurations), torch.from_numpy(wave.amplitudes)
    if family.name == "dimers":
        states = coverings(model.geometry)
        return states, model.energy(states).double()
    if family.name == "decorated_dimers":
        bonds, spins = coverings(model.dimers.geometry), _every([-1, 1], shape)
        pairs = [bonds.repeat_interleave(len(spins), 0), spins.repeat(len(bonds), 1, 1)[:, None]]
        states = torch.cat(pairs, 1)
        return states, model.energy(states) + math.pi * model.pair_energy(states)
    if family.name == "mazes":
        states = _every([-1, 1], shape)
        return states, model.magnetisation(states).double()
    values = {"potts": list(range(getattr(model, "states", 0))), "blume_capel": [-1, 0, 1]}
    states = _every(values.get(family.name, [-1, 1]), tuple(model.shape))
    return states, model.energy(states).double()


def _law(letters: Tensor, weights: Tensor) -> dict[bytes, float]:
    rows = letters.flatten(1).numpy().astype(np.int8)
    return {row.tobytes(): weight for row, weight in zip(rows, weights.tolist(), strict=True)}


def _keeps(law: dict[bytes, float], image: Tensor, weights: Tensor) -> bool:
    rows = image.flatten(1).numpy().astype(np.int8)
    pairs = zip(rows, weights.tolist(), strict=True)
    return all(abs(law.get(row.tobytes(), math.inf) - weight) < 1e-9 for row, weight in pairs)


@pytest.mark.parametrize(("name", "shape", "temperature", "given", "order"), CASES)
def test_every_symmetry_of_every_space_keeps_every_weight(
    name: str, shape: tuple[int, ...], temperature: Any, given: dict[str, Any], order: int
) -> None:
    family = families[name]
    setup = Setup(shape, temperature, _complete(family, given), family.updates[0], seed=0)
    model = family.model(setup)
    space, (states, weights) = family.space(model), _states(family, model, shape)
    letters = family.letters(model, states)
    space.check(letters)
    law = _law(letters, weights)
    assert len(law) == len(states)  # no two configurations share their letters
    flat = letters.flatten(1)
    assert len(space.point_group) == order
    assert torch.equal(space.symmetries[0](flat), flat)
    assert all(_keeps(law, symmetry(flat), weights) for symmetry in space.symmetries)
    moves = space.translated(range(space.n_sites))
    assert len(moves) == (space.n_cells if space.homogeneous else 1)
    assert all(_keeps(law, flat[:, move], weights) for move in moves)
    noticed = [i for i in range(1, 4) if not _is_symmetric(space, law, flat, weights, i)]
    assert noticed  # a wrong permutation of sites is noticed


def _is_symmetric(
    space: Space, law: dict[bytes, float], flat: Tensor, weights: Tensor, seed: int
) -> bool:
    """Whether a random permutation of the sites happens to keep all weights."""
    source = torch.randperm(space.n_sites, generator=torch.Generator().manual_seed(seed))
    wrong = Symmetry(source, torch.arange(space.alphabet.size).roll(seed), "wrong")
    return _keeps(law, wrong(flat), weights)


def test_turning_sites_without_turning_dimers_is_noticed() -> None:
    family, lattice = families["dimers"], DimerLattice((4, 4))
    setup = Setup((4, 4), "inf", _complete(family, {}), "worm", seed=0)
    model = family.model(setup)
    space, states = family.space(model), coverings(lattice)
    flat, weights = family.letters(model, states).flatten(1), torch.zeros(len(states))
    law = _law(flat, weights)
    still = [Symmetry(g.source, torch.arange(4), g.name) for g in space.point_group[1:]]
    assert not any(_keeps(law, symmetry(flat), weights) for symmetry in still)


def test_bonds_and_distances_are_those_of_the_lattice() -> None:
    square = Space.hypercubic((5, 5), SPIN)
    assert square.bonds.shape == (50, 2)
    distances = square.distances([0], 4).reshape(5, 5)
    assert distances.tolist()[0] == [0, 1, 2, 2, 1]
    assert int(distances.max()) == 4
    assert square.distances([0], 1).unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("lattice", "cells", "order"),
    [("triangular", (6, 6), 12), ("kagome", (4, 4), 12), ("pyrochlore", (2, 2, 2), 48),
     ("cubic", (3, 3, 3), 48), ("triangular", (4, 6), 2)],
)  # fmt: skip
def test_point_groups_are_groups_of_the_known_order(
    lattice: str, cells: tuple[int, ...], order: int
) -> None:
    space = Space.of(lattice, cells, SPIN)
    sources = {tuple(g.source.tolist()) for g in space.point_group}
    assert len(sources) == order
    some = list(itertools.islice(space.point_group, 6))
    shifts = {tuple(move.tolist()) for move in space.translated(range(space.n_sites))}
    for g, h in itertools.product(some, some):
        product = g.source[h.source]
        moved = {tuple(product[torch.tensor(shift)].tolist()) for shift in shifts}
        assert moved & sources  # a product is an element up to a translation


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="has 2 axes, cells are \\[4\\]"):
        Space.of("square", (4,), SPIN)
    with pytest.raises(InputError, match="expected one of chain, cubic"):
        Space.of("square lattice", (4, 4), SPIN)
    letters = torch.zeros(3, 2, 2, 1, dtype=torch.int8)
    letters[1, 0, 1, 0] = 2
    with pytest.raises(InputError, match=r"configuration 1 has the letter 2 at \[0, 1, 0\]"):
        Space.hypercubic((2, 2), SPIN).check(letters)
    with pytest.raises(InputError, match=r"shape \[3, 2, 2, 1\]; expected \(n, \*\(4, 4, 1\)\)"):
        Space.hypercubic((4, 4), SPIN).check(letters)
    with pytest.raises(InputError, match="no group of permutations"):
        Alphabet(("a", "b", "c"), ((0.0,),) * 3, ((0, 1, 2), (1, 2, 0)))
    with pytest.raises(InputError, match="1 letters and features of 1"):
        clock(1)
    with pytest.raises(InputError, match="where no letter points"):
        Alphabet(("east", "north"), ((0.0,),) * 2, directions=((1, 0), (0, 1))).turned(
            -np.eye(2, dtype=np.int64)
        )
    with pytest.raises(InputError, match="at most one that does"):
        directions(1) * directions(1)
    family = families["dimers"]
    model = family.model(Setup((4, 4), "inf", _complete(family, {"boundary": "open"}), "worm", 0))
    with pytest.raises(InputError, match="take boundary 'torus'"):
        family.space(model)
