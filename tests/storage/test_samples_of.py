"""One door for whatever a user has; what an array does not tell is asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import SPIN, clock, directions, occupations, spins, vacant_spins
from rsmi.lattice.graphs import from_edges
from rsmi.lattice.space import graph_space
from rsmi.storage import (
    SampleRecipe,
    Samples,
    Selection,
    check_source,
    generate,
    open_samples,
    samples_of,
    split,
    verify,
    write_samples,
)

Letters = NDArray[np.int8]

SPACES: dict[str, Space] = {
    "square": Space.hypercubic((4, 6), SPIN),
    "field": Space.hypercubic((8,), spins(flip=False)),
    "occupations": Space.hypercubic((4, 4), occupations()),
    "honeycomb": Space.of("honeycomb", (3, 4), SPIN),
    "potts": Space.of("square", (5, 4), clock(3)),
    "many": Space.of("triangular", (4, 4), clock(127)),
    "kagome": Space.of("kagome", (3, 3), clock(4)),
    "vacant": Space.hypercubic((2, 3, 4), vacant_spins()),
    "dimers": Space.hypercubic((4, 4), directions(2)),
    "pairs": Space.of("square", (4, 4), directions(2) * SPIN),
    "graph": graph_space(from_edges([(0, 1), (1, 2), (2, 3), (3, 0)], 5), clock(3)),
}
DTYPES = [np.int8, np.int16, np.uint16, np.int64, np.float16, np.float32, ">f8", "<i4"]


def random_letters(space: Space, n: int = 30, seed: int = 0) -> Letters:
    """Letters (n, *space.shape), every letter among them."""
    q = space.alphabet.size
    letters = np.random.default_rng(seed).integers(0, q, (n, *space.shape), dtype=np.int8)
    letters.reshape(-1)[:q] = np.arange(q)
    return letters


def same(samples: Samples, letters: Letters) -> bool:
    """Whether samples give these letters, all at once, in part, and through their planes."""
    n = len(letters)
    assert (samples.n, samples.space is not None) == (n, True)
    assert samples.letters(0, n).dtype == torch.int8
    kept = samples.read(0, n)
    assert kept.unique().tolist() in ([-1, 1], [-1], [1])
    assert tuple(kept.shape) == (n, *samples.shape)
    assert torch.equal(samples.take(np.arange(n)), kept)
    return (
        np.array_equal(samples.letters(0, n), letters)
        and np.array_equal(samples.letters(7, 11), letters[7:11])
        and torch.equal(samples.read(7, 11), kept[7:11])
    )


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_letters_of_every_space_and_type(name: str, dtype: Any) -> None:
    space = SPACES[name]
    letters = random_letters(space)
    with samples_of(letters.astype(dtype), space=space) as samples:
        assert same(samples, letters)
        assert samples.space is space
    squeezed = letters[..., 0] if space.sites == 1 else letters
    assert same(samples_of(squeezed.astype(dtype), space=space.to_text()), letters)
    assert same(samples_of(letters.reshape(30, -1).astype(dtype), space=space), letters)


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64]
)
def test_torch_arrays(dtype: torch.dtype) -> None:
    space = SPACES["square"]
    letters = random_letters(space)
    tensor = torch.from_numpy(letters[..., 0]).to(dtype)
    assert same(samples_of(tensor, space=space), letters)
    if dtype.is_floating_point:
        assert same(samples_of(2 * tensor.requires_grad_() - 1), letters)


@pytest.mark.parametrize("low", [0, -1])
def test_two_values_of_a_torus_need_no_word(low: int) -> None:
    letters = random_letters(SPACES["square"])[..., 0]
    for dtype in (np.int8, np.int64, np.float32, np.float64, *([bool] if low == 0 else [])):
        samples = samples_of(np.where(letters > 0, 1, low).astype(dtype))
        assert same(samples, letters[..., None])
        assert samples.space is not None
        assert samples.space.to_text() == "spins on square [4, 6]"


def test_letters_by_the_numbers_they_are_named_by() -> None:
    space = SPACES["vacant"]
    letters = random_letters(space)
    assert same(samples_of(letters - 1, space=space), letters)
    assert same(samples_of((letters[..., 0] - 1).astype(np.float32), space=space), letters)
    two = random_letters(SPACES["occupations"])
    assert same(samples_of(2 * two - 1, space=SPACES["occupations"]), two)
    message = r"holds the values 0, 1, which may be the letters 0 to 2 or what these stand for, -1,"
    with pytest.raises(InputError, match=message):
        samples_of(np.minimum(letters, 1), space=space)
    assert same(samples_of(np.minimum(letters, 1) - 1, space=space), np.minimum(letters, 1))
    assert same(samples_of(np.minimum(letters, 1) + 1, space=space), np.minimum(letters, 1) + 1)


def test_chains_come_first_and_are_read_side_by_side() -> None:
    letters = random_letters(SPACES["potts"], 24)
    chains = letters.reshape(6, 4, 5, 4, 1).swapaxes(0, 1)  # (4 chains, 6 draws, 5, 4)
    for array in (chains, chains[..., 0], chains.reshape(4, 6, 20)):
        samples = samples_of(array, space=SPACES["potts"])
        assert samples.chains == 4
        assert same(samples, letters)
    spins_of = random_letters(SPACES["square"], 24)[..., 0]
    samples = samples_of(spins_of.reshape(6, 4, 4, 6).swapaxes(0, 1), chains=4)
    assert (samples.chains, samples.n, samples.shape) == (4, 24, (4, 6))
    assert np.array_equal(samples.letters(0, 24)[..., 0], spins_of)
    alone = samples_of(letters, space=SPACES["potts"], chains=24)
    assert (alone.chains, alone.n) == (24, 24)
    assert same(alone, letters)


def test_an_order_of_chains_that_is_not_told_is_asked_for() -> None:
    letters = random_letters(SPACES["square"], 24)[..., 0]
    message = (
        r"does not count 4 chains; expected \(chains, draws, \*lattice\): "
        r"array.reshape\(4, -1, 4, 6\) where one chain follows another, "
        r"array.reshape\(-1, 4, 4, 6\).swapaxes\(0, 1\) where they take turns"
    )
    for said in ({}, {"shape": (4, 6)}, {"space": "spins on square [4, 6]"}):
        with pytest.raises(InputError, match=message):
            samples_of(letters, chains=4, **said)
    with pytest.raises(InputError, match="chains is 0; expected a whole number"):
        samples_of(letters, chains=0)
    with pytest.raises(InputError, match="does not count 5 chains"):
        samples_of(letters.reshape(4, 6, 4, 6), chains=5, shape=(4, 6))


THREE = np.array([-1, 0, 1], dtype=np.int8)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.resize(THREE, (5, 4, 4)),
            r"-1, 0, 1; expected spins of \+1/-1 or 0/1, not both, or vacancies; say which with "
            r"space=, or --space: 'vacant_spins on square \[4, 4\]' where vacancies come and go, "
            r"'{alphabet: vacant_spins, lattice: square, cells: \[4, 4\], homogeneous: false}' wh",
        ),
        (
            np.resize(THREE, (1, 6)) * np.array([[1], [-1], [1]]),
            "its 0 stand at the same sites in every configuration",
        ),
        (
            np.resize(np.arange(3), (5, 4, 4)),
            r"values 0, 1, 2; expected spins .* declared; say which with space=, or --space: "
            r"'clock\(3\) on square \[4, 4\]' where all are alike \(Potts\), or another alphabet",
        ),
        (
            np.resize(np.arange(4.0), (5, 4, 4, 4)),
            r"'clock\(4\) on cubic \[4, 4, 4\]' .*, 'directions\(2\) on cubic \[4, 4, 4\]' where",
        ),
        (
            np.resize([1, 2, 3], (5, 8)),
            r"number them from 0, subtract 1, and say .*'clock\(3\) on c",
        ),
        (
            np.resize([0.5, 1], (5, 8)),
            r"0.5, 1, in configuration 0 at \[0\]; expected spins",
        ),
        (np.resize(np.arange(3), (6, 20, 8, 8)), r"'clock\(3\) on square \[8, 8\]' where all"),
        (np.resize([-1, 2], (5, 8)), "holds the values -1, 2; expected spins"),
        (
            np.resize([0, 300], (5, 8)),
            r"0, 300, in configuration 0 at \[1\]; expected spins",
        ),
        (
            np.resize([1, 255], (5, 8)).astype(np.uint8),
            r"holds the values 1, 255, in configuration 0 at \[1\]; expected spins",
        ),
        (np.full((5, 8), np.nan), "holds 40 NaN"),
        (np.full((5, 8), np.inf), "holds the values inf"),
        (np.ones((5, 8), dtype=complex), "holds values of type complex128"),
        (np.ones(5), r"has shape \(5,\)"),
        (np.ones((5, 0)), "it is empty"),
        (
            np.resize([-1, 1], (50, 12, 12, 2)),
            r"axis 3 has 2 sites.*--select.shape \[12, 12, 2\] for",
        ),
        (np.resize([-1, 1], (50, 12, 12, 2)), r"--space 'spins on honeycomb \[12, 12\]' for sites"),
        (np.resize([-1, 1], (50, 12, 12, 3)), r"--space 'spins on kagome \[12, 12\]' for sites"),
        ([[1, -1]], "the samples are a list; expected a path, a numpy or torch array"),
    ],
)
def test_what_an_array_does_not_tell_is_asked_for(array: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        samples_of(array)


@pytest.mark.parametrize("value", [-1, 3, 7, 0.5, 300])
def test_the_first_letter_outside_the_alphabet_is_named(value: float) -> None:
    letters = random_letters(SPACES["potts"]).astype(np.float64)
    letters[17, 2, 3] = value
    whole = float(value).is_integer() and abs(value) < 100
    place = r"\[2, 3\]" if whole else r"\[2, 3, 0\]"
    said = rf"has the value {value} at {place}; expected 0 to 2, which stand for 0, 1, 2"
    message = f"configuration 17 {said}" if whole else rf"in configuration 17 at {place}; expected"
    with pytest.raises(InputError, match=message):
        samples_of(letters, space=SPACES["potts"])
    if whole:
        turned = letters.reshape(10, 3, 5, 4, 1).swapaxes(0, 1)
        with pytest.raises(InputError, match=message):
            samples_of(turned, space=SPACES["potts"])


def test_a_space_that_does_not_fit_the_array() -> None:
    letters = random_letters(SPACES["potts"])
    with pytest.raises(InputError, match=r"which holds no lattices of shape \[4, 5\]; expected"):
        samples_of(letters, space="clock(3) on square [4, 5]")
    with pytest.raises(InputError, match=r"shape \[5, 4\] and a space were given; expected one"):
        samples_of(letters, space="clock(3) on square [5, 4]", shape=(5, 4))
    with pytest.raises(InputError, match=r"the space is 'clock.3.'; expected 'ALPHABET on LATTICE"):
        samples_of(letters, space="clock(3)")
    with pytest.raises(InputError, match="was opened with temperature=2, which chooses among"):
        samples_of(letters, space="clock(3) on square [5, 4]", temperature=2)


def test_occupations_or_spins_are_asked_for_where_it_matters() -> None:
    letters = random_letters(SPACES["occupations"])[..., 0]
    assert samples_of(2 * letters - 1).iteration == ""
    assert "'occupations on square [4, 4]'" in samples_of(letters).iteration
    assert samples_of(letters, space="spins on square [4, 4]").iteration == ""
    disorder = {"alphabet": "spins", "lattice": "square", "cells": [4, 4], "homogeneous": False}
    assert "quenched disorder" in samples_of(letters, space=disorder).iteration


def test_open_samples_and_files_say_their_space(tmp_path: Path) -> None:
    recipe = SampleRecipe(
        model="potts", parameters={"states": 3}, shape=(8, 8), temperature=1.0, chains=4,
        records=5, seed=1, thin=1, equilibration=0,
    )  # fmt: skip
    generate(recipe, tmp_path / "s.h5")
    with samples_of(tmp_path / "s.h5") as samples:
        assert samples_of(samples) is samples
        assert samples.space is samples.space
        for part in split(samples, (0.5, 0.5)):
            assert part.space is samples.space
        for said in ({"space": "spins on square [8, 8]"}, {"chains": 2}):
            with pytest.raises(InputError, match=r"it tells this itself: leave it out"):
                samples_of(samples, **said)
            with pytest.raises(InputError, match=r"it tells this itself: leave it out"):
                samples_of(tmp_path / "s.h5", **said)
        with pytest.raises(InputError, match="samples that are open was opened with seed=3"):
            samples_of(samples, seed=3)


def test_files_are_arrays(tmp_path: Path) -> None:
    letters = random_letters(SPACES["kagome"])
    text = SPACES["kagome"].to_text()
    np.save(tmp_path / "a.npy", letters)
    np.savez(tmp_path / "a.npz", spins=letters, T=np.repeat([1.0, 2.0], 15))
    with samples_of(tmp_path / "a.npy", space=text) as samples:
        assert same(samples, letters)
        check_source(samples)
    chosen = Selection(space=text, temperature=2.0)
    with chosen.open(tmp_path / "a.npz") as samples:
        assert same(samples, letters[15:])
    assert verify(tmp_path / "a.npy", Selection(space=text)).checks == (
        "every value is a letter of the space",
    )
    with pytest.raises(InputError, match=r"say which with space=, or --space"):
        open_samples(tmp_path / "a.npy")


class Named:
    """What of an xarray.DataArray is used."""

    def __init__(self, values: NDArray[Any], dims: tuple[str, ...]) -> None:
        self.values, self.dims = values, dims

    def transpose(self, *names: Any) -> "Named":
        first = [name for name in names if name is not ...]
        order = first + [name for name in self.dims if name not in first]
        return Named(self.values.transpose([self.dims.index(n) for n in order]), tuple(order))


def _data_arrays() -> list[Any]:
    try:
        from xarray import DataArray
    except ImportError:
        return [Named]
    return [Named, DataArray]


@pytest.mark.parametrize("kind", _data_arrays())
def test_named_dimensions(kind: Any) -> None:
    letters = random_letters(SPACES["square"], 24)[..., 0]
    chains = letters.reshape(6, 4, 4, 6)  # draw, chain, x, y
    samples = samples_of(kind(chains.transpose(2, 1, 0, 3), dims=("x", "chain", "draw", "y")))
    assert samples.chains == 4
    assert same(samples, letters[..., None])
    alone = samples_of(kind(letters.transpose(1, 2, 0), dims=("x", "y", "sample")))
    assert (alone.chains, same(alone, letters[..., None])) == (1, True)
    with pytest.raises(InputError, match="dimensions of the array are t, x, y; expected one"):
        samples_of(kind(letters, dims=("t", "x", "y")))
    with pytest.raises(InputError, match="chains is 3, but dimension 'chain' counts 4"):
        samples_of(kind(chains, dims=("draw", "chain", "x", "y")), chains=3)


class Repeating:
    """A generator that gives the rows of an array in blocks."""

    def __init__(self, rows: NDArray[Any], chains: int) -> None:
        self.shape, self.chains = rows.shape[1:], chains
        self._blocks = iter(np.split(rows, 3))

    def next_block(self) -> NDArray[Any]:
        return next(self._blocks)


@pytest.mark.parametrize("name", SPACES)
def test_letters_of_a_generator_come_back_from_its_file(name: str, tmp_path: Path) -> None:
    space, path = SPACES[name], tmp_path / "s.h5"
    letters = random_letters(space)
    rows = letters[..., 0] if space.sites == 1 else letters
    rows = rows if space.alphabet.size > 2 else 2 * rows - 1
    write_samples(Repeating(rows, 5), path, 6, space=space)
    verify(path)
    with samples_of(path) as samples:
        assert samples.space is not None
        assert (samples.space.to_text(), samples.chains) == (space.to_text(), 5)
        assert same(samples, letters)
    rows = rows.astype(np.float64)
    rows[11].reshape(-1)[2] = space.alphabet.size
    (tmp_path / "s.h5").unlink()
    with pytest.raises(InputError, match=r"holds the values|configuration 1 has the letter"):
        write_samples(Repeating(rows, 5), path, 6, space=space)
    rows[11].reshape(-1)[2] = 0.5
    with pytest.raises(InputError, match=r"holds the values|no letters"):
        write_samples(Repeating(rows, 5), tmp_path / "t.h5", 6, space=space)


def test_a_generator_of_another_space_is_refused(tmp_path: Path) -> None:
    rows = random_letters(SPACES["potts"])[..., 0]
    with pytest.raises(InputError, match=r"makes configurations of shape \[5, 4\], the space has"):
        write_samples(Repeating(rows, 5), tmp_path / "a.h5", 6, space="clock(3) on square [4, 5]")
    with pytest.raises(InputError, match="model is 'ising', whose space is known"):
        write_samples(
            Repeating(2 * (rows > 0) - 1, 5), tmp_path / "a.h5", 6, model="ising",
            space="spins on square [5, 4]",
        )  # fmt: skip


def test_rows_of_letters_are_judged_by_their_order() -> None:
    rng = np.random.default_rng(0)
    letters = rng.integers(0, 3, (600, 6, 6), dtype=np.int8)
    space = "clock(3) on square [6, 6]"
    assert "600 independent" in str(check_source(samples_of(letters, space=space)))
    drifting = np.where(rng.random((600, 6, 6)) < np.linspace(0, 1, 600)[:, None, None], 0, letters)
    with pytest.raises(InputError, match="drifts along the rows"):
        check_source(samples_of(drifting, space=space))
    renamed = samples_of((drifting + 1) % 3, space=space)
    with pytest.raises(InputError, match="drifts along the rows"):
        check_source(renamed)
