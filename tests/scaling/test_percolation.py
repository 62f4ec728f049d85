"""The percolation transition from small lattices, over seeds, and the command."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from rsmi.cli.main import main
from rsmi.errors import InputError
from rsmi.scaling import PercolationResult, percolation

SIZES, RUNS = (6, 8, 12, 16), 980


@pytest.fixture(scope="module")
def found() -> list[PercolationResult]:
    return [percolation("square", SIZES, "bond", RUNS, seed) for seed in range(6)]


def _far(found: list[PercolationResult], shift: float = 0.0) -> float:
    """How often normal deviations exceed two errors so many times or more."""
    final = [q for result in found for q in result.quantities() if q.reference is not None]
    assert len(final) == 3 * len(found)
    far = [abs(q.value - (1 + shift) * float(q.reference)) > 2 * q.error for q in final]  # type: ignore[arg-type]
    return float(binom.sf(sum(far) - 1, len(far), 0.0455))


def test_threshold_and_exponents_hold_over_seeds(found: list[PercolationResult]) -> None:
    assert _far(found) > 1e-6
    p_c = [result.quantities()[0] for result in found]
    assert np.mean([q.error for q in p_c]) < 0.01


def test_wrong_numbers_would_be_noticed(found: list[PercolationResult]) -> None:
    assert _far(found, shift=0.5) < 1e-6


def test_it_is_drawn(found: list[PercolationResult]) -> None:
    assert len(found[0].plot().axes) == 3
    assert "percolation.p_c" in found[0].table()


def test_command_and_function_agree(
    found: list[PercolationResult], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["--kind", "bond", "--sizes", str(list(SIZES)), "--runs", str(RUNS), "--seed", "0"]
    assert main(["percolation", *asked, "--out", str(out)]) == 0
    assert "percolation.nu" in capsys.readouterr().out
    written = json.loads((out / "result.json").read_text())["quantities"]
    assert [q["value"] for q in written] == [q.value for q in found[0].quantities()]
    assert (out / "percolation.png").is_file()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"lattice": "chain"}, "percolates at p = 1 alone"),
        ({"sizes": (8, 8, 12)}, "expected at least 3 different ones"),
        ({"runs": 100}, "100 runs of each size, shared by 7 occupations; expected at least 980"),
    ],
)
def test_bad_input_is_explained(asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        percolation(**asked)  # type: ignore[arg-type]
