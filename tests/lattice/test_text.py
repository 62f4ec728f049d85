"""Every space can be said, and what is said gives it back."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import yaml

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import (
    SPIN,
    Alphabet,
    clock,
    directions,
    occupations,
    spins,
    vacant_spins,
)
from rsmi.lattice.graphs import BUILT_IN, UnitCell, from_edges, unit_cell
from rsmi.lattice.space import graph_space
from rsmi.sampling.families import Setup, families
from rsmi.sampling.select import AUTO

ALPHABETS = {
    "spins": spins(),
    "spins(field)": spins(flip=False),
    "vacant_spins": vacant_spins(),
    "vacant_spins(field)": vacant_spins(flip=False),
    "occupations": occupations(),
    "clock(2)": clock(2),
    "clock(3)": clock(3),
    "clock(7)": clock(7),
    "clock(127)": clock(127),
    "directions(1)": directions(1),
    "directions(3)": directions(3),
    "directions(2) * spins": directions(2) * spins(),
    "clock(3) * occupations": clock(3) * occupations(),
    "spins(field) * vacant_spins * clock(2)": spins(flip=False) * vacant_spins() * clock(2),
}

MODELS: list[tuple[str, tuple[int, ...], dict[str, Any], str]] = [
    ("ising", (8, 8), {}, "spins on square [8, 8]"),
    ("ising", (2, 3, 4, 5), {}, "spins on hypercubic [2, 3, 4, 5]"),
    ("ising_graph", (3, 4), {"lattice": "kagome"}, "spins on kagome [3, 4]"),
    ("ising_graph", (4, 4), {"lattice": "square", "field": 0.5}, "spins(field) on square [4, 4]"),
    (
        "ising_graph",
        (4, 4),
        {"lattice": "square", "keep_sites": 0.5},
        '{"alphabet": "vacant_spins", "lattice": "square", "cells": [4, 4], "homogeneous": false}',
    ),
    ("potts", (4, 4), {"states": 5}, "clock(5) on square [4, 4]"),
    ("blume_capel", (6,), {"crystal_field": 1.0}, "vacant_spins on chain [6]"),
    ("dimers", (4, 4), {}, "directions(2) on square [4, 4]"),
    ("dimers", (2, 4, 4), {"lattice": "cubic"}, "directions(3) on cubic [2, 4, 4]"),
    ("dimers", (4, 4), {"lattice": "honeycomb"}, '{"alphabet": "directions(2)", "lattice": {"na'),
    ("decorated_dimers", (4, 4), {}, '{"alphabet": "directions(2) * spins", "lattice": {"name"'),
    ("mazes", (5, 5), {}, "occupations on square [5, 5]"),
    ("tfim", (8,), {}, "spins on chain [8]"),
    ("tfim", (8,), {"basis": "x"}, "spins(field) on chain [8]"),
    ("heisenberg", (8,), {}, "spins on chain [8]"),
]


def _same(found: Space, space: Space) -> bool:
    return (found.cells, found.alphabet, found.cell, found.homogeneous) == (
        space.cells,
        space.alphabet,
        space.cell,
        space.homogeneous,
    )


@pytest.mark.parametrize("words", ALPHABETS)
def test_every_alphabet_is_said_in_words(words: str) -> None:
    space = Space.hypercubic((4, 4), ALPHABETS[words])
    assert space.to_text() == f"{words} on square [4, 4]"
    assert _same(Space.from_text(space.to_text()), space)


def _lattices() -> Iterator[UnitCell]:
    yield from (unit_cell(name) for name in sorted(BUILT_IN))
    yield UnitCell.hypercubic(4)
    yield UnitCell("mine", ((1.0, 0.1), (1e-9, 2 / 3)), ((0.0, 0.0), (1 / 3, 0.5)), ())
    yield UnitCell("square", ((1.0,),), ((0.0,),), ((0, 0, (1,)), (0, 0, (2,))), (0, 1))


@pytest.mark.parametrize("cell", list(_lattices()), ids=lambda cell: cell.name)
@pytest.mark.parametrize("homogeneous", [True, False])
def test_every_lattice_comes_back(cell: UnitCell, homogeneous: bool) -> None:
    cells = (3, 4, 5, 6)[: len(cell.vectors)]
    space = Space(cells, directions(2) * SPIN, cell, homogeneous)
    assert _same(Space.from_text(space.to_text()), space)
    assert _same(Space.from_text(yaml.safe_load(space.to_text())), space)  # JSON is YAML


@pytest.mark.parametrize("edges", [[], [(0, 1)], [(0, 1), (1, 2), (2, 0), (0, 1)]])
def test_graphs_are_their_edges(edges: list[tuple[int, int]]) -> None:
    space = graph_space(from_edges(edges, 3, "2001-12-14"), clock(3))
    assert '"sites": 3' in space.to_text()
    assert _same(Space.from_text(space.to_text()), space)
    facts = {"alphabet": "clock(3)", "edges": edges, "sites": 3, "name": "2001-12-14"}
    assert _same(Space.from_text(facts), space)


def test_a_large_graph_is_read_in_one_go() -> None:
    edges = np.random.default_rng(0).integers(0, 4000, (20_000, 2))
    edges = edges[edges[:, 0] != edges[:, 1]]
    space = graph_space(from_edges(edges, 4000), SPIN)
    assert _same(Space.from_text(space.to_text()), space)


def test_an_alphabet_of_ones_own() -> None:
    swap = ((0, 1, 2), (1, 0, 2))
    mine = Alphabet(("left", "right", "none"), ((-1.0,), (1.0,), (0.0,)), swap)
    space = Space.of("chain", (5,), mine)
    assert _same(Space.from_text(space.to_text()), space)
    assert space.to_text().startswith('{"alphabet": {"names": ["left", "right", "none"]')
    other = Alphabet(("-1", "+1"), ((0.0,), (1.0,)))  # the names of spins, other features
    assert "features" in Space.of("chain", (5,), other).to_text()


@pytest.mark.parametrize(("name", "shape", "given", "text"), MODELS)
def test_the_space_of_every_model(
    name: str, shape: tuple[int, ...], given: dict[str, Any], text: str
) -> None:
    family = families[name]
    chosen = {key: known.default for key, known in family.parameters.items()} | given
    temperature = "inf" if family.has_temperature else None
    model = family.model(Setup(shape, temperature, chosen, family.updates[0], 1, AUTO))
    space = family.space(model)
    assert space.to_text().startswith(text)
    assert _same(Space.from_text(space.to_text()), space)


def test_what_a_user_may_write() -> None:
    expected = Space.of("triangular", (8, 8), clock(3))
    for text in (
        "clock(3) on triangular [8, 8]",
        " potts(3)   on triangular [8,8] ",
        "{lattice: triangular, cells: [8, 8], alphabet: clock(3)}",
        "alphabet: clock(3)\nlattice: triangular\ncells: [8, 8]\n",
        "clock(3) on triangular [8 8]",
    ):
        assert _same(Space.from_text(text), expected)
    assert Space.from_text("spins on hypercubic [4, 4]").cell.name == "square"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the space is ''; expected 'ALPHABET on LATTICE"),
        ("spins", "the space is 'spins'; expected 'ALPHABET on LATTICE"),
        ("spins on [8]", "expected 'ALPHABET on LATTICE"),
        ("spins on sqare [8, 8]", "lattice is 'sqare'; did you mean 'square'"),
        ("spins on square [8]", "the lattice square has 2 axes, cells are"),
        ("spins on square []", "the lattice square has 2 axes, cells are"),
        ("spins on hypercubic []", "lattice is 'hypercubic'; did you mean 'cubic'"),
        ("spinz on square [8, 8]", "alphabet is 'spinz'; did you mean 'spins'"),
        ("clock on square [8, 8]", "alphabet is 'clock'; did you mean 'clock'. expected spins"),
        ("clock(x) on square [8, 8]", "the alphabet is 'clock"),
        ("clock(1) on square [8, 8]", "an alphabet has 1 letters"),
        ("clock(999) on square [8, 8]", "an alphabet has 999 letters"),
        ("spins(flip) on square [8, 8]", "the alphabet is 'spins"),
        ("directions(1) * directions(1) on chain [8]", "both letters of a pair point"),
        ("{alphabet: spins", "the space is '{alphabet: spins'; expected"),
        ("[1, 2]", "the space is '.1, 2.'; expected"),
        (
            "{alphabet: spins, latice: square, cells: [8, 8]}",
            "key 'latice'; did you mean 'lattice'",
        ),
        ("{alphabet: spins, lattice: square}", "the space lacks cells"),
        ("{alphabet: spins, edges: 0-1}", "the space lacks sites"),
        (
            "{alphabet: spins, lattice: square, cells: 8}",
            "cells of the space are 8; expected whole",
        ),
        ("{alphabet: spins, lattice: square, cells: [8, 8.0]}", "cells of the space are"),
        ("{alphabet: spins, lattice: square, cells: [8, 8], homogeneous: 1}", "expected true or f"),
        ("{alphabet: spins, lattice: {name: a}, cells: [8]}", "the lattice is {'name': 'a'}; exp"),
        ("{alphabet: {names: [a, b]}, lattice: chain, cells: [8]}", "a mapping with names and fea"),
        ("{alphabet: {names: 3, features: 3}, lattice: chain, cells: [8]}", "names as a list"),
        ("{alphabet: spins, edges: 0-1-2, sites: 3}", "edges of the space are '0-1-2'; expected"),
        ("{alphabet: spins, edges: 0-3, sites: 3}", "edges between sites 0 and 3"),
        ("{alphabet: spins, edges: 7, sites: 3}", "edges of the space are 7; expected"),
        ("{alphabet: spins, edges: 0-1, sites: x}", "sites of the space are"),
    ],
)
def test_texts_that_describe_no_space(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Space.from_text(text)
