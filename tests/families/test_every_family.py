"""What holds for every update of every registered model."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling.families import families
from rsmi.storage import SampleRecipe, generate, generation, verify
from rsmi.storage.generation import Drawing
from rsmi.storage.hdf5 import Hdf5Samples
from rsmi.storage.recorded import recorded
from rsmi.storage.verification import _compare


class Stop(Exception):
    pass


def stop_after(blocks: int) -> generation.Progress:
    calls = iter(range(blocks))

    def progress(done: int, total: int) -> None:
        if next(calls, None) is None:
            raise Stop

    return progress


def test_files_are_whole_and_equal_for_workers_and_interruptions(
    recipe: SampleRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(recipe, tmp_path / "one.h5", workers=1)
    monkeypatch.setattr(generation, "_BLOCK_SPIN_UPDATES", 1)
    path = tmp_path / "two.h5"
    for blocks in (0, 5):
        with pytest.raises(Stop):
            generate(recipe, path, resume=True, progress=stop_after(blocks))
    generate(recipe, path, workers=2, resume=True)
    assert path.read_bytes() == (tmp_path / "one.h5").read_bytes()
    said = " ".join(verify(path).checks)
    assert "magnetisations agree with the spins" in said
    with h5py.File(path) as file:
        for name, value in file.attrs.items():
            if name.startswith("model."):
                assert value.dtype == np.float64, name
        assert file.attrs["encoding"].decode() == recipe.family.encoding


def test_states_survive_the_file(recipe: SampleRecipe, tmp_path: Path) -> None:
    generate(recipe, tmp_path / "s.h5")
    drawing = Drawing.of(recipe)
    with Hdf5Samples(tmp_path / "s.h5") as samples:
        stored = samples.read(0, samples.n)
        states = samples.decode(stored)
        assert set(stored.unique().tolist()) <= {-1, 1}
        assert states.dtype == torch.int8
        assert torch.equal(drawing.stored(states), stored)
        found = recipe.family.observables(drawing.model, states)
        assert set(found) | set(recipe.family.unchecked) == set(samples.header.observables)
        for name, values in found.items():
            assert np.allclose(samples.observable(name), values.numpy(), rtol=1e-12), name


def test_recipes_survive_their_text(recipe: SampleRecipe) -> None:
    assert SampleRecipe.from_yaml(recipe.to_yaml()) == recipe


def test_a_wrong_observable_is_found(recipe: SampleRecipe, tmp_path: Path) -> None:
    """Every observable that the states tell is computed again by `verify`."""
    path = tmp_path / "s.h5"
    generate(recipe, path)
    with Hdf5Samples(path) as samples:
        names = set(samples.header.observables) - set(recipe.family.unchecked)
        model = recorded(samples.header)
        assert model is not None
        for name in names:
            wrong = samples.observable(name) + np.eye(samples.n)[7]
            found = model.observables(samples.read(0, samples.n))[name]
            with pytest.raises(InputError, match=f"{name} of configuration 7 is stored as"):
                _compare(samples, name, wrong, found, 0)


@pytest.mark.parametrize("name", families)
def test_the_default_update_is_the_first(name: str) -> None:
    assert families[name].updates
    assert families[name].__doc__
