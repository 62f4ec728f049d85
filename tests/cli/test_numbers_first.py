"""`rsmi run` writes numbers before it draws, whatever the lattice, and whatever goes wrong then."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsmi.report import figures, read_result

Rsmi = Callable[..., Any]

FAST = ["--learning.max_epochs", 1, "--learning.steps_per_epoch", 5, "--learning.null", "false",
        "--learning.windows_per_configuration", 8, "--learning.hidden", "[16]"]  # fmt: skip


def _drawn(shape: str, temperature: float, block: str) -> list[Any]:
    return [
        "--samples.shape", shape, "--samples.temperature", temperature, "--samples.chains", 8,
        "--samples.records", 64, "--samples.seed", 1, "--samples.thin", 8,
        "--samples.equilibration", 64, "--window.block", block, "--exponents.blocks", 8,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "temperature", "block"), [("[32]", 1.0, "[2]"), ("[8,8,8]", 4.5, "[2,2,2]")]
)
def test_chains_and_cubes_are_drawn(
    shape: str, temperature: float, block: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    said = rsmi(
        "run", *_drawn(shape, temperature, block), *FAST, "--exponents.rules", "[]",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "could not be drawn" not in said.err
    names = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert names == {"levels.png", "rule.png", "information.png", "training.png"}
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_figure_that_fails_is_left_out_and_loses_no_number(
    rsmi: Rsmi, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        assert (tmp_path / "out" / "result.json").is_file()
        raise ValueError("no such colour")

    monkeypatch.setattr(figures, "levels", fail)
    said = rsmi(
        "run", "--data", samples, *FAST, "--exponents.rules", "[]", "--out", tmp_path / "out"
    )
    assert said.code == 0, said.err
    words = " ".join(said.err.split())
    assert "the figure of the levels could not be drawn (no such colour); no number" in words
    page = (tmp_path / "out" / "report.html").read_text()
    assert "A configuration and its coarse-grained levels" not in page
    assert "The learned rule for blocks of 2 x 2" in page
    assert read_result(tmp_path / "out" / "result.json").find("information.learned").error > 0


def test_exponents_that_fail_lose_no_number(rsmi: Rsmi, tmp_path: Path) -> None:
    said = rsmi(
        "run", *_drawn("[8,8]", 2.0, "[2,2]"), *FAST, "--exponents.rules", "[majority]",
        "--exponents.levels", 7, "--out", tmp_path / "out",
    )  # fmt: skip
    assert said.code == 2
    assert "can be tiled with blocks of [2, 2]" in " ".join(said.err.split())
    assert read_result(tmp_path / "out" / "result.json").find("information.learned").error > 0


def test_a_rule_may_have_a_blank_and_a_dot_in_its_name(
    rsmi: Rsmi, samples: Path, tmp_path: Path
) -> None:
    first = rsmi(
        "run", "--data", samples, *FAST, "--exponents.rules", "[]", "--out", tmp_path / "first"
    )
    assert first.code == 0, first.err
    rule = tmp_path / "my rules" / "block of 2.5"
    rule.parent.mkdir()
    (tmp_path / "first" / "rule").rename(rule)
    said = rsmi(
        "run", "--data", samples, *FAST, "--exponents.rules", f'["{rule}"]', "--exponents.blocks",
        16, "--out", tmp_path / "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    result = read_result(tmp_path / "out" / "result.json")
    assert result.find("exponents.y_t").context["rule"] == "block_of_2_5"
    assert (tmp_path / "out" / "figures" / "exponents_block_of_2_5.png").is_file()
