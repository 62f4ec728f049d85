"""Shards seen as one file: what is chosen, what is refused, what is checked."""

import os
import random
import shutil
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.storage import SampleGrid, SampleRecipe, generate, open_samples, sample_grid, verify
from rsmi.storage.collection import merge
from rsmi.storage.selection import Joined

BASE = {"records": 20, "thin": 1, "equilibration": 20, "chains": 3}
GRID = SampleGrid(
    BASE, {"temperature": [2.0, "critical"], "shape": [[8, 8], [6, 9]], "seed": [1, 2]}
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return sample_grid(GRID, tmp_path_factory.mktemp("collection"))


@pytest.fixture
def copied(drawn, tmp_path):
    """The same in another place, where it may be spoiled."""
    shutil.copytree(drawn.parent, tmp_path / "copy")
    return tmp_path / "copy" / drawn.name


def shard(path, temperature, shape, seed):
    size = "x".join(map(str, shape))
    return path.parent / "shards" / f"temperature={temperature}_shape={size}_seed={seed}.h5"


def test_one_shard_is_chosen(drawn):
    with (
        open_samples(drawn, temperature=2.0, shape=[6, 9], seed=2) as chosen,
        open_samples(shard(drawn, 2.0, [6, 9], 2)) as alone,
    ):
        assert torch.equal(chosen.read(0, 60), alone.read(0, 60))
        assert chosen.model == alone.model
        assert chosen.chains == 3


def test_seeds_are_joined_as_independent_chains(drawn):
    parts = [open_samples(shard(drawn, "critical", [8, 8], seed)) for seed in (1, 2)]
    with open_samples(drawn, temperature=2.26918531, shape=(8, 8)) as joined:
        assert (joined.n, joined.chains, joined.shape) == (120, 6, (8, 8))
        spins, energy = joined.read(0, 120), joined.observable("energy")
        assert torch.equal(joined.read(7, 33), spins[7:33])
        assert torch.equal(joined.take([119, 3, 40]), spins[[119, 3, 40]])
        assert torch.equal(joined.letters(7, 33)[..., 0], (spins[7:33] > 0).to(torch.int8))
        assert joined.space.shape == (8, 8, 1)
        assert (joined.iteration, joined.critical.holds(CRITICAL_COUPLING)) == ("", True)
        assert "2 seeds" in joined.source
    for i, part in enumerate(parts):
        rows = np.arange(120).reshape(20, 2, 3)[:, i].ravel()
        assert torch.equal(spins[rows], part.read(0, 60))
        assert np.array_equal(energy[rows], part.observable("energy"))
        part.close()


def test_what_needs_no_choice_needs_none(tmp_path):
    grid = SampleGrid(BASE | {"shape": [4, 4], "temperature": 2.5}, {"seed": [3, 4]})
    with open_samples(sample_grid(grid, tmp_path)) as samples:
        assert samples.chains == 6


CHOICES = [
    ({}, r"holds 2 lattices \(\[6, 9\], \[8, 8\]\); choose one with shape="),
    ({"shape": [9, 9]}, r"has no lattice \[9, 9\]; it holds \[6, 9\], \[8, 8\]"),
    ({"shape": [8, 8]}, r"holds 2 temperatures \(2, 2.26919\); choose one with temperature="),
    ({"shape": [8, 8], "temperature": 3.0}, "has no temperature 3; it holds 2, 2.26919"),
    ({"shape": [8, 8], "temperature": 2.0, "seed": 5}, "has no seed 5; it holds 1, 2"),
]


@pytest.mark.parametrize(("choice", "message"), CHOICES)
def test_a_choice_that_is_not_there_or_not_unique(drawn, choice, message):
    with pytest.raises(InputError, match=message):
        open_samples(drawn, **choice)


def test_shards_with_the_same_seed_are_not_joined(tmp_path):
    base = BASE | {"shape": [4, 4], "temperature": 2.5, "seed": 1}
    path = sample_grid(SampleGrid(base, {"update": ["swendsen_wang", "wolff"]}), tmp_path)
    with pytest.raises(InputError, match=r"same temperature, lattice and seed; .* open one of"):
        open_samples(path)


def test_seeds_of_different_lengths_are_not_joined(tmp_path):
    base = BASE | {"shape": [4, 4], "temperature": 2.5}
    del base["records"]
    grid = SampleGrid(base, {"records": [10, 20], "seed": [1, 2]})
    path = sample_grid(grid, tmp_path)
    with pytest.raises(InputError, match="same temperature, lattice and seed"):
        open_samples(path)
    with pytest.raises(InputError, match="same temperature, lattice and seed"):
        open_samples(path, seed=1)


def test_sources_of_different_lengths_are_not_joined():
    parts = [SimpleNamespace(n=6, chains=3), SimpleNamespace(n=9, chains=3)]
    with pytest.raises(InputError, match=r"the seeds have \[2, 3\] records of each chain"):
        Joined("x.h5", parts)


def test_a_plain_file_has_nothing_to_choose(sample_file):
    with pytest.raises(InputError, match=r"opened with shape=\[8, 8\], which chooses among"):
        open_samples(sample_file, shape=[8, 8])


def test_other_programs_see_all_shards(drawn, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # the paths are relative to the file, not to the reader
    with h5py.File(drawn) as file:
        group = file["8x8"]
        assert group["spins"].is_virtual
        columns = {name: column[:] for name, column in group["columns"].items()}
        assert sorted(columns) == ["coupling", "seed", "shard", "temperature"]
        paths = file["shards/path"][:]
        assert not any(path.startswith(b"/") for path in paths)
        assert group["observables/energy"].attrs["unit"] == b"J"
        for i in np.unique(columns["shard"]):
            rows = columns["shard"] == i
            with h5py.File(drawn.parent / paths[i].decode()) as one:
                assert np.array_equal(group["spins"][rows], one["spins"][:])
                energies = group["observables/energy"][rows]
                assert np.array_equal(energies, one["observables/energy"][:])
                assert set(columns["seed"][rows]) == {one.attrs["seed"]}
                assert set(columns["coupling"][rows]) == {one.attrs["model.coupling"]}


def test_a_whole_collection_is_verified(drawn):
    report = verify(drawn)
    assert (report.n, report.chains, report.shape) == (480, 24, ())
    assert "all 8 shards are there, whole, and hold what was merged" in report.checks
    assert SampleGrid.from_yaml(report.attributes["recipe"]) == GRID


def test_a_moved_collection_is_still_whole(copied):
    verify(copied)


def test_every_flipped_bit_is_seen(copied):
    content = copied.read_bytes()
    generator = random.Random(5)
    for position in generator.sample(range(len(content)), 50):
        damaged = bytearray(content)
        damaged[position] ^= 1 << generator.randrange(8)
        copied.write_bytes(damaged)
        with pytest.raises(InputError, match=str(copied)):
            verify(copied)


def test_a_cut_is_seen_when_it_is_opened(copied):
    content = copied.read_bytes()
    for length in random.Random(6).sample(range(len(content)), 10):
        copied.write_bytes(content[:length])
        with pytest.raises(InputError, match=str(copied)):
            open_samples(copied, temperature=2.0, shape=[8, 8])


def test_a_missing_shard_is_named(copied):
    shard(copied, 2.0, [8, 8], 1).unlink()
    with pytest.raises(InputError, match=r"the shard .*seed=1\.h5 is missing; .* copy both"):
        open_samples(copied, temperature=2.0, shape=[8, 8])
    with pytest.raises(InputError, match="is missing"):
        verify(copied)
    open_samples(copied, temperature=2.0, shape=[8, 8], seed=2).close()


def test_another_shard_in_its_place_is_seen(copied):
    shutil.copy(shard(copied, 2.0, [8, 8], 2), shard(copied, 2.0, [8, 8], 1))
    with pytest.raises(InputError, match="holds other content than when it was merged"):
        open_samples(copied, temperature=2.0, shape=[8, 8])


def test_a_damaged_shard_is_seen_by_verify(copied):
    path = shard(copied, 2.0, [6, 9], 2)
    with h5py.File(path) as file:
        offset = file["observables/energy"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset + 11] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"seed=2\.h5 does not have the bytes"):
        verify(copied)
    with pytest.raises(AnalysisError, match=r"seal is broken; .* delete it and draw"):
        sample_grid(GRID, copied.parent, resume=True)


def test_a_newer_schema_is_named(copied):
    with h5py.File(copied, "r+") as file:
        file.attrs["schema"] = np.bytes_(b"rsmi.collection/2")
    with pytest.raises(InputError, match=r"has schema 'rsmi.collection/2'; .* upgrade rsmi"):
        open_samples(copied)


def test_merging_refuses_what_does_not_belong(copied):
    paths = [copied.parent / "shards" / f"{cell.name}.h5" for cell in GRID.cells()]
    generate(SampleRecipe(shape=(4, 4), temperature=2.0, seed=1, **BASE), copied.parent / "x.h5")
    with pytest.raises(InputError, match=r"x\.h5 was drawn by another recipe"):
        merge(GRID, [*paths[:-1], copied.parent / "x.h5"], copied)
    with pytest.raises(InputError, match=r"the shard .*nothing\.h5 is missing"):
        merge(GRID, [*paths[:-1], copied.parent / "nothing.h5"], copied)


def test_a_disk_that_refuses_leaves_the_old_collection(copied, monkeypatch):
    before = copied.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(AnalysisError, match=r"No space left on device; make room, .*--resume"):
        sample_grid(GRID, copied.parent, resume=True)
    assert copied.read_bytes() == before
    assert not list(copied.parent.glob("*.part"))
