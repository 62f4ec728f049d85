"""Exact information of any space by enumeration, against direct sums and transfer matrices."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import best_rule
from rsmi.lattice import Space, Window, place
from rsmi.lattice.alphabet import SPIN, clock
from rsmi.learning.classical import decimation_table, plurality_table
from rsmi.sampling.exact import WindowPosterior, enumerated_window, exact_window
from rsmi.sampling.families import families
from rsmi.sampling.quantum import TransverseIsingChain
from rsmi.sampling.quantum.diagonalise import hamiltonian

K_C = math.log(1 + math.sqrt(2)) / 2
SMALL: list[tuple[str, tuple[int, ...], Any, dict[str, Any], int]] = [
    ("ising", (3, 3), 2.0, {}, 512),
    ("ising_graph", (3, 3), 3.0, {"lattice": "triangular", "field": 0.2}, 512),
    ("ising_graph", (2, 2), 2.0, {"lattice": "kagome"}, 4096),
    ("ising_graph", (2, 3), 2.0, {"lattice": "honeycomb", "keep_sites": 0.8}, 2048),
    ("potts", (2, 3), 1.0, {"states": 3}, 729),
    ("blume_capel", (6,), 0.7, {"crystal_field": 1.5}, 729),
    ("dimers", (4, 4), 1.0, {}, 272),
    ("decorated_dimers", (2, 4), 1.0, {"pair_coupling": 0.4}, 36 * 256),
    ("mazes", (3, 3), None, {"probability": 0.7}, 256),
    ("tfim", (6,), None, {"field": 0.8}, 64),
    ("heisenberg", (6,), None, {}, 20),
]


def solved(
    name: str, shape: Any, temperature: Any, window: Window, **given: Any
) -> WindowPosterior:
    family = families[name]
    return family.solve(family.built(shape, temperature, given), shape, window)


def information(
    letters: np.ndarray, probabilities: np.ndarray, visible: list[int], environment: list[int]
) -> float:
    """I(V:E) by a sum over all pairs, from dictionaries."""
    joint: Counter[tuple[bytes, bytes]] = Counter()
    for row, p in zip(letters, probabilities, strict=True):
        joint[row[visible].tobytes(), row[environment].tobytes()] += p
    v, e = Counter[bytes](), Counter[bytes]()
    for (a, b), p in joint.items():
        v[a] += p
        e[b] += p
    return sum(p * math.log(p / v[a] / e[b]) for (a, b), p in joint.items() if p > 0)


@pytest.mark.parametrize(("name", "shape", "temperature", "given", "count"), SMALL)
def test_every_family_lists_its_configurations_with_their_probabilities(
    name: str, shape: tuple[int, ...], temperature: Any, given: dict[str, Any], count: int
) -> None:
    family = families[name]
    model = family.built(shape, temperature, given)
    letters, probabilities = family.enumerate(model)
    space = family.space(model)
    space.check(letters)
    assert len(letters) == len(probabilities) == count
    assert len(torch.unique(letters, dim=0)) == count
    assert float(probabilities.sum()) == pytest.approx(1, abs=1e-12)
    window = Window(sites=(0, 1), buffer=0, environment=None)
    placed = place(window, space)
    found = enumerated_window(letters, probabilities, placed).full().value
    direct = information(
        letters.flatten(1).numpy(),
        probabilities.numpy(),
        placed.visible.tolist(),
        placed.environment.tolist(),
    )
    assert found == pytest.approx(direct, abs=1e-10)


def test_probabilities_are_boltzmann_weights_and_squares_of_amplitudes() -> None:
    family = families["ising_graph"]
    model = family.built((3, 3), 3.0, {"lattice": "triangular", "field": 0.2})
    letters, probabilities = family.enumerate(model)
    s = 2.0 * letters.flatten(1) - 1
    bonds = family.space(model).bonds
    weights = ((s[:, bonds[:, 0]] * s[:, bonds[:, 1]]).sum(1) + 0.2 * s.sum(1)).div(3).exp()
    assert torch.allclose(probabilities, (weights / weights.sum()).double(), rtol=1e-5)
    family = families["tfim"]
    letters, probabilities = family.enumerate(family.built((6,), None, {"field": 0.8}))
    matrix = hamiltonian(TransverseIsingChain(6, 0.8)).toarray()
    ground = np.linalg.eigh(matrix)[1][:, 0]
    assert np.allclose(probabilities.numpy(), ground**2, atol=1e-12)
    mazes = families["mazes"]
    letters, probabilities = mazes.enumerate(mazes.built((3, 3), None, {"probability": 0.7}))
    assert float(probabilities @ (letters.flatten(1) > 0).sum(1).double()) == pytest.approx(6.6)


def test_dimers_of_the_six_by_six_torus() -> None:
    """All 90 176 coverings; the numbers are independent of this project."""
    window = solved("dimers", (6, 6), "inf", Window((2, 2), 1, None))
    assert window.full().value == pytest.approx(1.327309, abs=6e-7)
    for symbols, known in ((2, 0.272813), (4, 0.601573)):
        table, value = window.optimum(symbols, "allow")
        assert value.kind == "lower"
        assert value.value >= known - 6e-7
        assert window.rule(table).value == pytest.approx(value.value, abs=1e-12)
    narrower = solved("dimers", (6, 6), "inf", Window((2, 2), 0, None))
    assert narrower.full().value > window.full().value + 0.1


def test_dimers_of_the_four_by_four_torus_against_a_direct_sum() -> None:
    family = families["dimers"]
    for temperature in ("inf", 0.8):
        model = family.built((4, 4), temperature, {})
        letters, probabilities = family.enumerate(model)
        rows = [4 * x + y for x in range(4) for y in (0, 1)]
        others = [4 * x + y for x in range(4) for y in (2, 3)]
        direct = information(letters.flatten(1).numpy(), probabilities.numpy(), rows, others)
        window = Window(sites=tuple(rows), buffer=0, environment=None)
        assert solved("dimers", (4, 4), temperature, window).full().value == pytest.approx(direct)


@pytest.mark.parametrize(
    ("name", "shape", "temperature", "given"),
    [
        ("ising", (4, 4), 1 / K_C, {}),
        ("potts", (3, 3), 1.1, {"states": 3}),
        ("blume_capel", (3, 4), 0.7, {"crystal_field": 1.5}),
    ],
)
def test_listing_and_transfer_matrices_agree(
    name: str, shape: tuple[int, ...], temperature: float, given: dict[str, Any]
) -> None:
    family, window = families[name], Window((2, 1), 0, None)
    model = family.built(shape, temperature, given)
    pair = family.pair(model)
    assert pair is not None
    one = exact_window(shape, pair, (2, 1), 0)
    other = enumerated_window(*family.enumerate(model), place(window, family.space(model)))
    assert other.full().value == pytest.approx(one.full().value, abs=1e-10)
    q = family.space(model).alphabet.size
    for table in (plurality_table(q, 2), decimation_table(q, 2)):
        assert other.rule(table).value == pytest.approx(one.rule(table).value, abs=1e-10)


def test_a_shell_carries_what_all_beyond_knows() -> None:
    family = families["ising"]
    model = family.built((4, 5), 2.2, {})
    found = [
        family.solve(model, (4, 5), Window((2, 1), 0, width)).full().value for width in (1, None)
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-10)


@pytest.mark.parametrize(
    ("lattice", "cells", "window"),
    [
        ("triangular", (4, 4), Window((2, 2), 0, None)),
        ("triangular", (4, 4), Window(ball=1, buffer=0, environment=None)),
        ("honeycomb", (3, 3), Window((1, 1), 0, None)),
        ("honeycomb", (3, 3), Window(disk=0.6, buffer=0, environment=None)),
    ],
    ids=str,
)
def test_triangles_and_hexagons_against_direct_sums(
    lattice: str, cells: tuple[int, ...], window: Window
) -> None:
    family = families["ising_graph"]
    model = family.built(cells, 3.0, {"lattice": lattice})
    placed = place(window, family.space(model))
    letters, probabilities = family.enumerate(model)
    direct = information(
        letters.flatten(1).numpy(),
        probabilities.numpy(),
        placed.visible.tolist(),
        placed.environment.tolist(),
    )
    assert direct > 0.05
    found = enumerated_window(letters, probabilities, placed)
    assert found.full().value == pytest.approx(direct, abs=1e-10)


def test_the_critical_quantum_chain_against_its_density_matrix() -> None:
    """Two halves of a ring measured in the basis of the coupling."""
    family = families["tfim"]
    letters, p = family.enumerate(family.built((8,), None, {}))
    index = (letters[:, :, 0].long() * 2 ** torch.arange(8)).sum(1)
    joint = torch.zeros(256, dtype=torch.float64)
    joint[index] = p
    joint = joint.view(16, 16)
    marginals = joint.sum(1, keepdim=True) * joint.sum(0)
    direct = float((joint * (joint / marginals).log()).sum())
    window = Window((4,), 0, None)
    assert solved("tfim", (8,), None, window).full().value == pytest.approx(direct, abs=1e-10)
    weak = solved("tfim", (8,), None, window, field=3.0).full().value
    assert weak < direct / 2


def test_a_disordered_graph_has_another_information_at_each_site() -> None:
    given = {"lattice": "square", "disorder": "gaussian"}
    found = [solved("ising_graph", (3, 4), 1.0, Window(ball=0, at=at, buffer=0, environment=None),
                    **given).full().value for at in range(12)]  # fmt: skip
    assert len({round(value, 9) for value in found}) == 12


def test_states_that_never_occur_are_left_out_of_the_search() -> None:
    posterior = torch.tensor([[0.9, 0.1, 0, 0], [0.1, 0.9, 0, 0]], dtype=torch.float64)
    window = WindowPosterior(posterior, torch.tensor([0.5, 0.5], dtype=torch.float64))
    table, value = window.optimum(2, "allow")
    assert value.value == pytest.approx(best_rule(posterior[:, :2], None, 2, "allow")[1].value)
    assert table.shape == (4, 2)
    assert torch.equal(table.sum(1), torch.ones(4, dtype=torch.float64))
    assert window.rule(table).value == pytest.approx(value.value)


def test_problems_that_are_too_large_say_how_large() -> None:
    ring = Space.of("chain", (20,), clock(4))
    letters = torch.randint(0, 4, (4096, 20, 1), dtype=torch.int8)
    uniform = torch.full((4096,), 1 / 4096, dtype=torch.float64)
    with pytest.raises(InputError, match=r"GB; expected at most .* GB; take a smaller lattice"):
        enumerated_window(letters, uniform, place(Window((9,), 0, None), ring))
    with pytest.raises(InputError, match="has the letter 2"):
        enumerated_window(letters.clamp(max=2), uniform,
                          place(Window((9,), 0), Space.of("chain", (20,), SPIN)))  # fmt: skip
    for name, shape, temperature, given, message in (
        ("ising", (5, 5), 2.0, {}, "25 sites with 2 values"),
        ("dimers", (8, 8), "inf", {}, "at most 40 can be enumerated"),
        ("ising_graph", (5, 5), 2.0, {"lattice": "triangular"}, "the model has 25 spins"),
        ("tfim", (24,), None, {}, "supported up to 20"),
        ("decorated_dimers", (4, 4), "inf", {}, "16 sites with 2 values"),
        ("mazes", (5, 5), None, {}, "25 sites with 2 values"),
    ):
        with pytest.raises(InputError, match=message):
            families[name].enumerate(families[name].built(shape, temperature, given))
    with pytest.raises(InputError, match="takes finite extents"):
        solved("dimers", (4, math.inf), "inf", Window((2, 2), 1, None))
