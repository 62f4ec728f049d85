"""Memory and disk: told before the work begins, and refused where they are too small."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.storage import SampleGrid, SampleRecipe, generate, open_samples, room
from rsmi.storage.generation import Drawing
from rsmi.storage.shards import sample_grid

SMALL: dict[str, Any] = {
    "shape": (8, 8), "temperature": 2.0, "chains": 4, "records": 8, "seed": 1, "thin": 1,
    "equilibration": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chains": 10**9}, "needs about 768 GB of memory, and .* are free; lower chains"),
        ({"records": 10**12}, "needs 160 TB of disk, and .* are free at"),
        ({"shape": (10**9, 10**9)}, "EB of memory"),
    ],
)
def test_what_cannot_fit_is_refused_before_anything_is_written(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        generate(SampleRecipe(**SMALL | changes), tmp_path / "out" / "samples.h5")
    assert not list(tmp_path.iterdir())


def test_the_disk_that_is_told_is_the_disk_that_is_taken(tmp_path: Path) -> None:
    recipe = SampleRecipe(**SMALL | {"shape": (64, 64), "chains": 16, "records": 256})
    generate(recipe, tmp_path / "samples.h5")
    taken = (tmp_path / "samples.h5").stat().st_size
    assert 0.9 < Drawing.of(recipe).disk / taken < 1.1


def test_what_an_interrupted_run_left_is_part_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = Drawing.of(SampleRecipe(**SMALL | {"records": 10**6}))
    path = tmp_path / "samples.h5"
    free = room.shutil.disk_usage(tmp_path)._replace(free=drawing.disk - 2**20)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: free)
    with pytest.raises(InputError, match="of disk"):
        drawing.check_room(path)
    (tmp_path / "samples.h5.part").write_bytes(bytes(2**21))
    drawing.check_room(path)


def test_a_grid_is_counted_and_weighed(tmp_path: Path) -> None:
    base = {**SMALL, "shape": [8, 8]}
    del base["seed"], base["records"]
    with pytest.raises(InputError, match=r"1000000 combinations, .* at most 100000"):
        SampleGrid(base, {"seed": list(range(1000)), "records": list(range(1, 1001))})
    grid = SampleGrid(base, {"seed": [1, 2, 3], "records": [10**12]})
    with pytest.raises(InputError, match="a grid of 3 cells needs 480 TB of disk"):
        sample_grid(grid, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_that_unpacks_to_more_than_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, spins=np.ones((1000, 64, 64), np.int8))
    assert path.stat().st_size < 10_000
    assert open_samples(path).n == 1000
    monkeypatch.setattr(room, "free_memory", lambda: 10**6)
    with pytest.raises(InputError, match=r"needs about 4.1 MB of memory.*numpy.save"):
        open_samples(path)
    assert zipfile.is_zipfile(path)


def test_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most, used = tmp_path / "most", tmp_path / "used"
    most.write_text("3000000\n")
    used.write_text("1000000\n")
    monkeypatch.setattr(room, "_CGROUPS", ((str(most), str(used)),))
    assert room.free_memory() == 2_000_000
    most.write_text("max\n")
    assert room.free_memory() > 2_000_000
