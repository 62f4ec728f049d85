"""`method` and `device` of `rsmi sample`: recorded, or refused with what there is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rsmi.storage import SampleRecipe, generate, open_samples
from rsmi.storage.hdf5 import Hdf5Samples

Rsmi = Callable[..., Any]

ARGUMENTS = (
    "--shape", "[8,8]", "--temperature", "2.5", "--chains", "4", "--records", "16", "--seed", "1",
    "--thin", "1", "--equilibration", "20",
)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "method"),
    [
        (["--update", "metropolis", "--method", "multispin"], "multispin"),
        (["--update", "metropolis", "--method", "reference"], "reference"),
        (["--update", "metropolis"], "multispin"),
        (["--method", "numba"], "numba"),
    ],
)
def test_the_file_records_what_was_used(
    options: list[str], method: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    said = rsmi("sample", *ARGUMENTS, *options, "--device", "cpu", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert f"method {method} on cpu" in said.err
    with Hdf5Samples(tmp_path / "out" / "samples.h5") as samples:
        assert (samples.attributes["method"], samples.attributes["device"]) == (method, "cpu")
        assert ("method:" in samples.attributes["recipe"]) == ("--method" in options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "fast"], "method is 'fast'; expected one of auto, numba, triton"),
        (
            ["--update", "metropolis", "--method", "numba"],
            "expected one of auto, multispin, reference, triton",
        ),
        (["--method", "triton", "--device", "cpu"], "does not run on device 'cpu'; expected one"),
        (["--device", "tpu"], "device is 'tpu'; expected 'cpu', 'cuda' or 'cuda:1'"),
        (["--device", "cuda:99"], "CUDA devices that torch can use; use 'cpu'"),
    ],
)
def test_methods_and_devices_that_are_not_there(
    options: list[str], words: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    said = rsmi("sample", *ARGUMENTS, *options, "--out", tmp_path / "out")
    assert said.code == 2, said.err
    assert words in said.err
    assert not (tmp_path / "out").exists()


def test_a_grid_over_methods_takes_a_device(rsmi: Rsmi, tmp_path: Path) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(
        "{shape: [8, 8], temperature: 2.5, chains: 2, records: 4, seed: 1, thin: 1, "
        "equilibration: 5, update: metropolis, grid: {method: [multispin, reference]}}"
    )
    said = rsmi("sample", grid, "--device", "cpu", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    used = []
    for path in sorted((tmp_path / "out" / "shards").glob("*.h5")):
        with Hdf5Samples(path) as samples:
            used.append(samples.attributes["method"])
    assert used == ["multispin", "reference"]


def test_where_the_gpu_refuses_auto_takes_the_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    recipe = SampleRecipe(
        shape=(4, 4), temperature=2.5, chains=2, records=2, seed=1, thin=1, equilibration=2,
        update="wolff",
    )  # fmt: skip
    generate(recipe, tmp_path / "s.h5")
    with Hdf5Samples(tmp_path / "s.h5") as samples:
        assert samples.attributes["device"] == "cpu"
    with open_samples(tmp_path / "s.h5") as found:
        assert found.n == 4
