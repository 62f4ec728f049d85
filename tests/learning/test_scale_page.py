"""The examples of docs/sampling-at-scale.md run as they stand."""

import re
from pathlib import Path

import pytest

from rsmi.storage import SampleGrid, verify

PAGE = (Path(__file__).parents[2] / "docs" / "sampling-at-scale.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_python_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in blocks("python"):
        exec(code, names)
    said = capsys.readouterr().out
    assert "400 8" in said
    assert "lower bound" in said
    assert verify(tmp_path / "runs" / "coins.h5").n == 400
    assert verify(tmp_path / "runs" / "small_scan" / "samples.h5").n == 800


def test_the_grid_is_valid() -> None:
    (text,) = blocks("yaml")
    assert len(SampleGrid.from_yaml(text).cells()) == 18
