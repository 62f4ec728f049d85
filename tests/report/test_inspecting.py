"""What a path holds, in a call as by the command."""

from pathlib import Path
from typing import Any

import pytest

from rsmi.errors import InputError
from rsmi.report import Result
from rsmi.report.inspecting import inspect_path


def test_a_call_gives_what_the_command_prints(samples: Path, rsmi: Any) -> None:
    found = inspect_path(samples)
    said = rsmi("info", samples)
    assert said.code == 0
    assert said.out.strip() == found.table().strip()
    assert "1024 in 16 chains" in found.table()
    assert "1024 in 16 chains" in found._repr_html_()


def test_numbers_of_a_result_are_those_of_the_inspection(result: Result, tmp_path: Path) -> None:
    result.write(tmp_path)
    found = inspect_path(tmp_path)
    assert found.quantities() == result.quantities()
    assert "as it was written (SHA-256)" in str(found)
    assert len(found.sheets()) == 2
    assert found.plot().axes


def test_long_facts_fold_and_keep_their_lines(samples: Path) -> None:
    lines = inspect_path(samples).table(70).splitlines()
    facts = [line for line in lines if not line.startswith("  ")]
    assert max(map(len, facts[1:])) <= 70
    assert any(line.split()[-3:] == ["shape:", "[16,", "16]"] for line in lines)


def test_what_is_nothing_of_ours_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"without result\.json, config\.yaml"):
        inspect_path(tmp_path)
