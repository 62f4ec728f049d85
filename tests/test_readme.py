"""The README's example runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return str(code)


def test_example_is_short() -> None:
    assert len([line for line in example().splitlines() if line.strip()]) <= 20


def test_example_prints_the_learned_rule_beside_the_exact_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(example(), "README", "exec"), {})
    said = capsys.readouterr().out
    assert "0.4615663" in said
    learned = float(re.findall(r"learned rule +([\d.]+)", said)[0])
    assert learned == pytest.approx(0.4615, abs=0.02)
