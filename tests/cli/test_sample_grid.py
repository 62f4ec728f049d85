"""`rsmi sample GRID.yaml` as a user meets it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsmi.report import read_result
from rsmi.storage import SampleGrid, open_samples

Rsmi = Callable[..., Any]

GRID = """
chains: 4
records: 40
thin: 1
equilibration: 40
grid: {temperature: [2.0, critical], shape: [[4, 4], [6, 6]], seed: [1]}
"""
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("samples_*.yaml"))


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    return path


def test_a_grid_leaves_shards_a_collection_and_a_result(
    rsmi: Rsmi, grid: Path, tmp_path: Path
) -> None:
    said = rsmi("sample", grid, "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert "-1.56562 exactly" in said.out
    assert len(list((tmp_path / "out" / "shards").glob("*.h5"))) == 4
    with open_samples(tmp_path / "out" / "samples.h5", temperature=2.0, shape=[6, 6]) as samples:
        assert samples.n == 160
    result = read_result(tmp_path / "out" / "result.json")
    energies = [q for q in result.quantities() if q.name == "sampling.energy"]
    assert len(energies) == 4
    assert energies[0].context.items() >= {"temperature": "2.0", "shape": "[4, 4]"}.items()
    info = rsmi("info", tmp_path / "out" / "samples.h5")
    assert info.code == 0, info.err
    assert "all 4 shards are there" in info.out


def test_a_grid_is_resumed_with_other_workers(rsmi: Rsmi, grid: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert rsmi("sample", grid, "--out", out).code == 0
    before = (out / "samples.h5").read_bytes()
    refused = rsmi("sample", grid, "--out", out)
    assert refused.code == 2
    assert "add --resume" in refused.err
    (out / "samples.h5").unlink()
    next((out / "shards").iterdir()).unlink()
    assert rsmi("sample", grid, "--out", out, "--resume", "--workers", "2").code == 0
    assert (out / "samples.h5").read_bytes() == before


def test_keys_are_overridden(rsmi: Rsmi, grid: Path, tmp_path: Path) -> None:
    options = ["--records", "30", "--grid.seed", "[4,5]", "--out", tmp_path / "out"]
    said = rsmi("sample", "--config", grid, *options)
    assert said.code == 0, said.err
    with open_samples(tmp_path / "out" / "samples.h5", temperature=2.0, shape=[4, 4]) as samples:
        assert (samples.n, samples.chains) == (240, 8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--grid.seed", "[]"], "seed is []; expected a list with at least one value"),
        (["--grid.colour", "[1]"], "unknown key 'colour'"),
        (["--grid.temperature", "[2.0, -1]"], "the cell (temperature: -1, shape: [4, 4], seed: 1)"),
        (["--grid.seed", "[1, 1]"], "seed holds 1 twice"),
        (["--seed", "1"], "seed stands both outside and inside"),
        (["--chians", "1"], "the option '--chians' is not accepted; did you mean '--chains'?"),
        (["--cluster", "pbs"], "pbs"),
        (["--cluster", "slurm"], "no srun on this machine"),
        (["--cluster", "slurm", "--job.minutes", "-1"], "minutes is -1"),
        (["--processes", "0"], "processes is 0"),
    ],
)
def test_mistakes(
    rsmi: Rsmi, grid: Path, tmp_path: Path, monkeypatch: Any, options: list[str], words: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    said = rsmi("sample", grid, *options, "--out", tmp_path / "out")
    assert said.code == 2, said.err
    assert words in said.err
    assert not (tmp_path / "out" / "shards").exists()


def test_no_output_directory(rsmi: Rsmi, grid: Path) -> None:
    said = rsmi("sample", grid)
    assert said.code == 2
    assert "no output directory; give --out DIR" in said.err


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_grid_of_the_project_is_valid(path: Path) -> None:
    assert SampleGrid.from_yaml(path.read_text()).cells()


def test_there_are_grids() -> None:
    assert CONFIGS
