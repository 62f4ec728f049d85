"""The sample file says its space, and what it says must be that of its model."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import clock
from rsmi.lattice.graphs import from_edges
from rsmi.lattice.space import graph_space
from rsmi.sampling.families import families
from rsmi.storage import SampleRecipe, generate, open_samples, verify, write_samples
from rsmi.storage.recorded import recorded

RECIPES: dict[str, dict[str, Any]] = {
    "ising": {"shape": (4, 4)},
    "ising_graph": {"shape": (3, 3), "parameters": {"lattice": "kagome", "field": 0.5}},
    "potts": {"shape": (4, 4), "parameters": {"states": 3}},
    "blume_capel": {"shape": (4, 4), "parameters": {"crystal_field": 1.0}},
    "dimers": {"shape": (4, 4)},
    "decorated_dimers": {"shape": (4, 4)},
    "mazes": {"shape": (5, 5), "temperature": None},
    "tfim": {"shape": (6,), "temperature": None},
    "heisenberg": {"shape": (6,), "temperature": None},
}
OLD = Path(__file__).parent / "data" / "0.1.0"


def drawn(path: Path, model: str, **changes: Any) -> Path:
    facts = {"temperature": 2.0, "chains": 2, "records": 3, "seed": 1, "thin": 1}
    facts |= {"equilibration": 0} | RECIPES[model] | changes
    generate(SampleRecipe(model=model, **facts), path)
    return path


def told(path: Path) -> str | None:
    with h5py.File(path) as file:
        return file.attrs["space"].decode() if "space" in file.attrs else None


def test_every_family_is_here() -> None:
    assert set(RECIPES) == set(families)


@pytest.mark.parametrize("model", RECIPES)
def test_the_file_says_the_space_of_its_model(model: str, tmp_path: Path) -> None:
    path = drawn(tmp_path / "s.h5", model)
    with open_samples(path) as samples:
        known = recorded(samples.header)  # type: ignore[attr-defined]
        assert known is not None
        assert samples.space is not None
        assert told(path) == known.space.to_text() == samples.space.to_text()
        letters = samples.letters(0, 6)
        samples.space.check(letters)
        assert torch.equal(letters, known.letters(samples.read(0, 6)))
        assert samples.space is samples.space  # built once
    verify(path)


@pytest.mark.parametrize("name", sorted(path.name for path in OLD.glob("*.h5")))
def test_files_without_it_mean_the_same(name: str, tmp_path: Path) -> None:
    assert told(OLD / name) is None
    with open_samples(OLD / name) as samples:
        assert samples.space is not None
        letters = samples.letters(0, samples.n)
        samples.space.check(letters)
        recipe = SampleRecipe.from_yaml(samples.header.recipe)  # type: ignore[attr-defined]
        assert recipe.family.space(recipe.family.model(recipe.setup)).shape == samples.space.shape


def changed(path: Path, text: str) -> Path:
    with h5py.File(path, "r+") as file:
        file.attrs["space"] = np.bytes_(text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "clock(3) on square [4, 4]",
        "occupations on square [4, 4]",
        "spins on square [4, 5]",
        "spins on triangular [4, 4]",
        "spins on square",
        "{",
    ],
)
def test_a_text_against_the_model_is_damage(text: str, tmp_path: Path) -> None:
    path = changed(drawn(tmp_path / "s.h5", "ising"), text)
    with open_samples(path) as samples:
        for ask in (lambda: samples.space, lambda: samples.letters(0, 1), lambda: samples.critical):
            with pytest.raises(InputError, match=r"says that its space is .* the file is damaged"):
                ask()


def test_other_words_for_the_same_space_are_none(tmp_path: Path) -> None:
    path = drawn(tmp_path / "s.h5", "ising")
    text = Space.from_text("spins on square [4, 4]").to_text()
    for other in ("spins on hypercubic [4, 4]", "{alphabet: spins, lattice: square, cells: [4,4]}"):
        with open_samples(changed(path, other)) as samples:
            assert samples.space is not None
            assert samples.space.to_text() == text


COPIES = {"lattice": "square", "ladder": [3.0]}


@pytest.mark.parametrize(
    ("model", "changes", "reason"),
    [
        ("dimers", {"parameters": {"boundary": "open"}}, "boundary 'open'"),
        (
            "ising_graph",
            {"parameters": COPIES, "update": "parallel_tempering"},
            "copies at several temperatures, so its configurations have no one distribution",
        ),
    ],
)
def test_what_has_no_space_has_no_text_and_no_letters(
    model: str, changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = drawn(tmp_path / "s.h5", model, **changes)
    assert told(path) is None
    verify(path)
    with open_samples(path) as samples:
        for ask in (lambda: samples.space, lambda: samples.letters(0, 1)):
            with pytest.raises(InputError, match=reason):
                ask()


class _Rows:
    chains = 2

    def __init__(self, rows: np.ndarray[Any, Any]) -> None:
        self.shape, self._rows = rows.shape[1:], rows

    def next_block(self) -> Any:
        return self._rows


def test_a_large_graph_fits_an_attribute(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 5000, (20_000, 2))
    space = graph_space(from_edges(edges[edges[:, 0] != edges[:, 1]], 5000), clock(3))
    assert len(space.to_text()) > 1 << 16
    letters = rng.integers(0, 3, (4, 1, 5000), dtype=np.int8)
    write_samples(_Rows(letters), tmp_path / "s.h5", 2, space=space)
    verify(tmp_path / "s.h5")
    with open_samples(tmp_path / "s.h5") as samples:
        assert samples.space is not None
        assert torch.equal(samples.space.bonds, space.bonds)
        assert np.array_equal(samples.letters(0, 4), letters)


def test_a_space_of_another_shape_is_refused(tmp_path: Path) -> None:
    letters = np.zeros((4, 4, 4), dtype=np.int8)
    write_samples(_Rows(letters), tmp_path / "s.h5", 2, space="clock(3) on square [4, 4]")
    with (
        open_samples(changed(tmp_path / "s.h5", "clock(3) on square [4, 5]")) as samples,
        pytest.raises(InputError, match=r"kept in the shape \[2, 4, 5\], but they have"),
    ):
        _ = samples.space


def test_a_model_of_another_version_has_no_letters(tmp_path: Path) -> None:
    path = drawn(tmp_path / "s.h5", "potts")
    with h5py.File(path, "r+") as file:
        file.attrs["model"] = np.bytes_(b"later")
        del file.attrs["space"]
    with open_samples(path) as samples:
        assert samples.space is None
        assert "does not know the model" in samples.iteration
        with pytest.raises(InputError, match=r"does not know the model.* upgrade rsmi"):
            samples.letters(0, 1)
