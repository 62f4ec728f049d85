"""`rsmi fit` on several devices: the same numbers as on one, written once, or a refusal."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rsmi.lattice import Window
from rsmi.learning.data import WindowData
from rsmi.report import read_result

Rsmi = Callable[..., Any]


def _options(samples: Path, out: Path, model: str, devices: int) -> list[str]:
    """20 steps on the CPU; in float64, since Adam makes steps of the rounding errors of float32."""
    return list(
        map(
            str,
            ["fit", "--model", model, "--data.path", samples, "--data.window.block", "[2,2]",
             "--data.window.buffer", 1, "--data.batch_size", 512, "--data.steps_per_epoch", 10,
             "--data.windows_per_configuration", 8, "--trainer.max_epochs", 2,
             "--trainer.accelerator", "cpu", "--trainer.precision", "64-true",
             "--trainer.devices", devices, "--out", out],
        )
    )  # fmt: skip


def test_two_processes_learn_what_one_learns(rsmi: Rsmi, samples: Path, tmp_path: Path) -> None:
    """The joint module: its entropy of a mean is not the mean of the devices' entropies."""
    script = tmp_path / "rsmi"
    script.write_text("from rsmi.cli.main import main\nraise SystemExit(main())\n")
    assert rsmi(*_options(samples, tmp_path / "1", "JointRSMI", 1)).code == 0
    command = [sys.executable, str(script), *_options(samples, tmp_path / "2", "JointRSMI", 2)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("information.learned ") == 1
    found = []
    for out in (tmp_path / "1", tmp_path / "2"):
        state = torch.load(out / "training" / "best.ckpt", weights_only=False)
        assert state["global_step"] == 20
        found.append((state["state_dict"], read_result(out / "result.json")))
    (one, result), (two, other) = found
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6
    value, again = (r.find("information.learned").value for r in (result, other))
    assert again == pytest.approx(value, abs=1e-6)


def test_each_process_takes_its_own_part_of_a_batch(samples: Path) -> None:
    data = WindowData(str(samples), Window((2, 2), 1), batch_size=6)
    batch = torch.arange(24).view(6, 4), torch.arange(12).view(6, 2)
    parts = []
    for rank in range(3):
        data.trainer = SimpleNamespace(world_size=3, global_rank=rank)  # type: ignore[assignment]
        parts.append(data._share(batch))
    assert [len(v) for v, _ in parts] == [2, 2, 2]
    for whole, pieces in zip(batch, zip(*parts, strict=True), strict=True):
        assert torch.equal(torch.stack(pieces, 1).flatten(0, 1), whole)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["--trainer.strategy", "ddp_spawn"], "trainer.strategy is 'ddp_spawn'; a rule is learned"),
        (["--trainer.strategy", "ddp_fork"], "trainer.strategy is 'ddp_fork'; a rule is learned"),
        (["--data.batch_size", "511"], "511, which the 4 networks of a predictor on 2 devices"),
        (["--trainer.devices", "0"], "not a valid input using cpu accelerator"),
        (["--data.batch_size", "1000000000"], "of memory, and"),
    ],
)
def test_what_would_lose_or_change_numbers_is_refused(
    changes: list[str], words: str, rsmi: Rsmi, samples: Path, tmp_path: Path
) -> None:
    said = rsmi(*_options(samples, tmp_path / "out", "PosteriorRSMI", 2), *changes)
    assert said.code == 2
    assert words in said.err
    assert not (tmp_path / "out").exists()


def test_an_interrupted_fit_is_begun_again(rsmi: Rsmi, samples: Path, tmp_path: Path) -> None:
    options = _options(samples, tmp_path / "out", "PosteriorRSMI", 1)
    assert rsmi(*options).code == 0
    value = read_result(tmp_path / "out" / "result.json").find("information.learned").value
    (tmp_path / "out" / "result.json").unlink()
    refused = rsmi(*options)
    assert refused.code == 2
    assert "add --resume" in refused.err
    assert rsmi(*options, "--resume").code == 0
    again = read_result(tmp_path / "out" / "result.json").find("information.learned").value
    assert again == value
