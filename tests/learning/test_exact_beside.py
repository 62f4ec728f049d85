"""Exact values beside what is learned from samples, wherever the space is small enough."""

from pathlib import Path
from typing import Any

import pytest
import torch

from rsmi.information.assignments import Action
from rsmi.lattice import Window, place, word_index, words
from rsmi.learning import learn_rule, value_rules
from rsmi.learning.equivariance import make_images
from rsmi.sampling import System
from rsmi.sampling.exact import enumerated_window
from rsmi.storage import SampleRecipe, generate

QUICK: dict[str, Any] = {
    "max_epochs": 1, "steps_per_epoch": 10, "hidden": (16,), "null": False,
    "windows_per_configuration": 4,
}  # fmt: skip
SIGMAS = 5.0
SPACES = {
    "dimers": (System((4, 4), "dimers", 2.0), Window((1, 2), 1, None), 2, "allow"),
    "Blume-Capel": (
        System((3, 3), "blume_capel", 0.8, {"crystal_field": 1.9}), Window((2, 1), 0, None), 3,
        "impose",
    ),
    "Potts": (System((3, 4), "potts", None, {"states": 3}), Window((1, 2), 0), 3, "impose"),
    "triangular": (
        System((3, 4), "ising_graph", 3.6, {"lattice": "triangular"}), Window((2, 2), 0, None), 2,
        "allow",
    ),
    "honeycomb": (
        System((3, 3), "ising_graph", 1.5, {"lattice": "honeycomb"}), Window(ball=1, buffer=0), 2,
        "impose",
    ),
    "random bonds": (
        System((3, 4), "ising_graph", 1.0, {"lattice": "square", "disorder": "gaussian"}),
        Window(sites=(5, 6), buffer=0), 2, "allow",
    ),
    "ground state": (System((8,), "tfim"), Window((2,), 1), 2, "allow"),
}  # fmt: skip


def drawn(system: System, path: Path) -> Path:
    recipe = SampleRecipe(
        model=system.model, shape=tuple(map(int, system.extents)), seed=3, chains=128, records=16,
        temperature=system.temperature, parameters=dict(system.parameters), thin=4,
        equilibration=60,
    )  # fmt: skip
    generate(recipe, path)
    return path


@pytest.mark.parametrize("name", SPACES)
def test_small_spaces_are_solved_beside_their_samples(name: str, tmp_path: Path) -> None:
    system, window, symbols, use = SPACES[name]
    path = drawn(system, tmp_path / "s.h5")
    found = learn_rule(
        path, window, symbols=symbols, symmetry=use, beside=["decimation"], seed=1, **QUICK
    )
    values = {q.name.removeprefix("information.exact."): q for q in found.quantities()}
    placed = place(window, system.space)
    solved = enumerated_window(*system.family.enumerate(system.built), placed)
    best = "optimum" if use == "impose" else "optimum_any"
    assert {"full", "learned", "decimation", best} <= set(values)
    assert not found.notes
    learned = solved.rule(found.rule.table()).value
    assert values["full"].value == pytest.approx(solved.full().value, abs=1e-9)
    assert values["learned"].value == pytest.approx(learned, abs=1e-9)
    assert {values[n].kind for n in ("full", "learned", "decimation")} == {"exact"}
    assert all(values[n].error == 0 for n in ("full", "learned", "decimation", best))
    images = make_images(placed, symbols, use)
    moved = images(words(system.space.alphabet.size, placed.n_visible))
    action = Action(word_index(moved, system.space.alphabet.size), images.symbols)
    assert values[best].value == pytest.approx(solved.optimum(symbols, action)[1].value, abs=1e-9)
    assert learned <= values[best].value + 1e-9
    bound = values["information.learned"]
    assert bound.reference == values[best].value
    assert bound.value < learned + SIGMAS * bound.error
    share = values["information.learned.fraction"]
    assert share.value == pytest.approx(bound.value / learned, rel=1e-6)


def test_transfer_matrices_serve_shells_of_environment(tmp_path: Path) -> None:
    """The best of all rules on the 6 x 6 torus breaks the flip; the value knows of no samples."""
    path = drawn(System((6, 6)), tmp_path / "s.h5")
    found = value_rules(path, Window((2, 2), 1), ["majority"], symmetry="allow", **QUICK)
    values = {q.name: q for q in found.quantities()}
    assert values["information.exact.full"].value == pytest.approx(0.549401, abs=5e-7)
    assert values["information.exact.majority"].value == pytest.approx(0.461045, abs=5e-7)
    assert values["information.exact.optimum_any"].value == pytest.approx(0.467434, abs=5e-7)
    assert values["information.exact.optimum_any"].kind == "exact"


def test_larger_spaces_say_why_there_are_no_exact_values(samples: Path, tmp_path: Path) -> None:
    potts = drawn(System((12, 12), "potts", None, {"states": 3}), tmp_path / "s.h5")
    found = value_rules(potts, Window((2, 2), 1), ["plurality"], **QUICK)
    assert not found.exact
    assert "no exact values beside these samples: an exact table over" in found.notes[0]
    dimers = drawn(System((8, 8), "dimers", "inf"), tmp_path / "d.h5")
    notes = value_rules(dimers, Window((2, 2), 1), [], **QUICK).notes
    assert "at most 40 can be enumerated" in notes[0]
    ring = value_rules(samples, Window((2, 2), 1), ["majority"], **QUICK)
    assert {q.kind for q in ring.exact} == {"estimate"}


def test_states_that_never_occur_are_left_out_of_a_symmetric_search() -> None:
    """Two neighbouring sites of a dimer covering: letters that would leave a half dimer."""
    system = System((4, 4), "dimers", "inf")
    placed = place(Window((1, 2), 1, None), system.space)
    solved = enumerated_window(*system.family.enumerate(system.built), placed)
    turn = torch.arange(16).view(4, 4)[[1, 0, 3, 2]][:, [1, 0, 3, 2]].flatten()
    action = Action(torch.stack([torch.arange(16), turn]), torch.tensor([[0, 1], [1, 0]]))
    occurs = solved.posterior.sum(0) > 0
    assert not bool(occurs.all())
    table, value = solved.optimum(2, action)
    assert solved.rule(table).value == pytest.approx(value.value, abs=1e-12)
    kept = bool(occurs[turn[occurs]].all())
    assert (action.among(occurs) is not None) == kept
    assert torch.allclose(table[turn], table.flip(1))
