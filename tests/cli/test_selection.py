"""Commands on one data set of a collection, and what is said where none is meant."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.lattice import Window
from rsmi.learning.data import WindowData
from rsmi.storage import SampleGrid, Selection, open_samples, sample_grid

Rsmi = Callable[..., Any]

BASE = {"chains": 8, "records": 24, "thin": 2, "equilibration": 40}
SMALL = [
    "--learning.max_epochs",
    "1",
    "--learning.hidden",
    "[16]",
    "--learning.steps_per_epoch",
    "60",
]
CHOICE = ["--select.temperature", "2.269", "--select.shape", "[16,16]"]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two temperatures, two lattices, two seeds."""
    axes = {"temperature": [2.0, "critical"], "shape": [[12, 12], [16, 16]], "seed": [1, 2]}
    return sample_grid(SampleGrid(BASE, axes), tmp_path_factory.mktemp("scan"))


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blume-Capel at two crystal fields."""
    base = BASE | {"model": "blume_capel", "shape": [4, 4], "temperature": 0.7, "seed": 1}
    axes = {"parameters": [{"crystal_field": 1.9}, {"crystal_field": 1.95}]}
    return sample_grid(SampleGrid(base, axes), tmp_path_factory.mktemp("fields"))


def test_exponents_of_a_selection_are_those_of_its_shard(
    rsmi: Rsmi, collection: Path, tmp_path: Path
) -> None:
    shard = collection.parent / "shards" / "temperature=critical_shape=16x16_seed=2.h5"
    found = []
    for name, data in {
        "chosen": [collection, *CHOICE, "--select.seed", "2"],
        "shard": [shard],
    }.items():
        out = tmp_path / name
        options = ("--block", "[2,2]", "--blocks", "8", "--reach", "1.5", "--out", out)
        said = rsmi("exponents", "--data", *data, *options)
        assert said.code == 0, said.err
        found.append(json.loads((out / "result.json").read_text())["quantities"])
    assert found[0] == found[1]
    assert found[0][0]["reference"] == 1.0


def test_all_seeds_are_joined(rsmi: Rsmi, collection: Path) -> None:
    said = rsmi("exponents", "--data", collection, *CHOICE, "--block", "[2,2]", "--blocks", "16")
    assert said.code == 0, said.err
    assert "384 configurations in 16 blocks" in said.err


def test_information_and_fit_of_a_selection(rsmi: Rsmi, collection: Path, tmp_path: Path) -> None:
    said = rsmi("information", "--data", collection, *CHOICE, *SMALL, "--out", tmp_path / "i")
    assert said.code == 0, said.err
    assert "information.exact.majority" in said.out
    fit = rsmi(
        "fit", "--model", "PosteriorRSMI", "--model.hidden", "[16]", "--data.path", collection,
        "--data.select.temperature", "2.0", "--data.select.shape", "[12,12]",
        "--data.window.block", "[2,2]", "--data.window.buffer", "1", "--data.steps_per_epoch", "60",
        "--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false",
        "--out", tmp_path / "fit",
    )  # fmt: skip
    assert fit.code == 0, fit.err
    assert "information.learned" in fit.out


def test_layers_want_a_selection_too(rsmi: Rsmi, collection: Path) -> None:
    said = rsmi("layers", "--model", "torch.nn.Flatten", "--data", collection)
    assert said.code == 2
    assert "choose one with shape=, or --select.shape" in said.err
    said = rsmi("layers", "--model", "torch.nn.Flatten", "--data", collection, *CHOICE)
    assert said.code == 0, said.err


def test_away_from_the_critical_point_it_is_said(rsmi: Rsmi, collection: Path) -> None:
    said = rsmi(
        "exponents", "--data", collection, "--select.temperature", "2.0", "--select.shape",
        "[16,16]", "--block", "[2,2]", "--blocks", "8", "--reach", "1.5",
    )  # fmt: skip
    assert said.code == 1, said.err
    assert "the model ising at coupling 0.5, temperature 2.0 is not at a critical point" in said.err
    assert "the samples say K = J/T = 0.5, 13.5 % above the critical 0.440687" in said.err
    assert "y_h over the steps: 1.9" in said.err


def test_exponents_of_another_alphabet(rsmi: Rsmi, fields: Path, tmp_path: Path) -> None:
    said = rsmi(
        "exponents", "--data", fields, "--select.parameters.crystal_field", "1.9", "--block",
        "[2,2]", "--out", tmp_path / "out",
    )  # fmt: skip
    assert said.code == 2
    assert "the rule 'majority' is for two letters, the space has the letters -1, 0, +1" in said.err
    assert not (tmp_path / "out").exists()


def test_run_on_a_selection(rsmi: Rsmi, collection: Path, tmp_path: Path) -> None:
    said = rsmi(
        "run", "--data", collection, *CHOICE, *SMALL, "--learning.null", "false",
        "--exponents.blocks", "8", "--exponents.reach", "1.5", "--out", tmp_path / "run",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert (tmp_path / "run" / "report.html").exists()


def test_info_describes_a_selection(rsmi: Rsmi, collection: Path) -> None:
    said = rsmi("info", collection, *CHOICE)
    assert said.code == 0, said.err
    assert "384 in 16 chains" in said.out
    assert "2.269185314213022" in said.out


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ([], "holds 2 lattices ([12, 12], [16, 16]); choose one with shape=, or --select.shape"),
        (["--select.shape", "[8,8]"], "has no lattice [8, 8]; it holds [12, 12], [16, 16]"),
        (["--select.shape", "[16,16]"], "holds 2 temperatures (2, 2.26919); choose one with"),
        ([*CHOICE[2:], "--select.temperature", "2.27"], "no temperature 2.27; it holds 2, 2.26919"),
        ([*CHOICE, "--select.seed", "9"], "has no seed 9; it holds 1, 2"),
        (
            [*CHOICE, "--select.parameters.field", "1"],
            "has no field 1; its parameters are coupling, temperature",
        ),
    ],
)
@pytest.mark.parametrize("command", ["exponents", "information"])
def test_a_selection_that_is_not_there(
    command: str, choice: list[str], words: str, rsmi: Rsmi, collection: Path, tmp_path: Path
) -> None:
    block = ["--block" if command == "exponents" else "--window.block", "[2,2]"]
    said = rsmi(command, "--data", collection, *choice, *block, "--out", tmp_path / "out")
    assert said.code == 2
    assert words in said.err
    assert not (tmp_path / "out").exists()


def test_a_parameter_of_the_model_is_chosen(fields: Path) -> None:
    with pytest.raises(InputError, match=r"several models \(crystal_field 1.9, 1.95\)"):
        open_samples(fields)
    with pytest.raises(InputError, match=r"has no crystal_field 2; it holds 1.9, 1.95"):
        open_samples(fields, parameters={"crystal_field": 2.0})
    with open_samples(fields, parameters={"crystal_field": 1.95}) as samples:
        assert samples.model is not None
        assert samples.model["crystal_field"] == 1.95


def test_a_selection_is_a_source_of_windows(collection: Path) -> None:
    select = Selection(temperature=2.0, shape=(12, 12))
    data = WindowData(str(collection), Window((2, 2), 1), select=select)
    with open_samples(collection, temperature=2.0, shape=(12, 12)) as samples:
        assert samples.n == 384
    assert data.test_windows().v.shape[1] == 4


def test_nothing_is_selected_from_a_recipe(rsmi: Rsmi, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(
        "samples: {shape: [16, 16], temperature: 2.0, chains: 16, records: 64, seed: 1}\n"
        "select: {seed: 1}\n"
    )
    said = rsmi("run", config, "--out", tmp_path / "out")
    assert said.code == 2
    assert "`select` chooses among the samples of `data`" in said.err


def test_rounded_temperatures_that_are_not_unique(tmp_path: Path) -> None:
    base = BASE | {"shape": [4, 4], "seed": 1}
    path = sample_grid(SampleGrid(base, {"temperature": [2.2691, 2.2692]}), tmp_path / "near")
    with pytest.raises(
        InputError, match=r"several temperatures near 2.269; it holds 2.2691, 2.2692"
    ):
        open_samples(path, temperature=2.269)
    with open_samples(path, temperature=2.2692) as samples:
        assert samples.model is not None
        assert samples.model["temperature"] == 2.2692


def test_arrays_are_selected_and_declared_by_the_same_options(rsmi: Rsmi, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    spins = 2 * random.integers(0, 2, (6, 50, 8, 8), dtype=np.int8) - 1
    np.save(tmp_path / "a.npy", spins)
    said = rsmi("info", tmp_path / "a.npy")
    assert said.code == 0
    text = " ".join(said.out.split())
    assert "of shape (6, 50, 8, 8), whose axes must be declared" in text
    assert "NOT fit for averages" in text
    assert "looks like (chains, draws, L, L) or (temperatures, n, L, L)" in text
    assert "lattice" not in said.out.split("whose axes")[0]
    text = " ".join(rsmi("info", tmp_path / "a.npy", "--select.shape", "[8,8]").out.split())
    assert "300 in 6 chains" in text
    assert "300 rows of 6 chains are worth 300 independent ones" in text
    np.savez(tmp_path / "a.npz", spins=spins[0], temp=np.arange(50) % 2 + 2.25)
    said = rsmi("exponents", "--data", tmp_path / "a.npz", "--block", "[2,2]")
    assert said.code == 2
    assert "--select.temperature 2.25" in said.err
    for option in ("temperature", "parameters.temp"):
        said = rsmi("info", tmp_path / "a.npz", f"--select.{option}", "2.25")
        assert "(temp 2.25) configurations 25 in 1 chain " in " ".join(said.out.split())
