import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsmi.errors import AnalysisError, InputError
from rsmi.report import Quantity, Result, read_result, result_has_digest

KEYS = {"schema", "command", "config", "seed", "versions", "device", "timings", "quantities"}
QUANTITY_KEYS = {"name", "value", "error", "kind", "unit", "reference", "context"}


def test_file_holds_exactly_the_contract(result: Result, tmp_path: Path) -> None:
    path = result.write(tmp_path / "new" / "folder")
    content = json.loads(path.read_text())
    assert path.name == "result.json"
    assert set(content) == KEYS | {"sha256"}
    assert content["schema"] == "rsmi.result/1"
    assert all(set(entry) == QUANTITY_KEYS for entry in content["quantities"])
    assert set(content["versions"]) == {"python", "rsmi", "torch", "numpy", "numba", "h5py"}
    assert os.listdir(path.parent) == ["result.json"]


def test_reading_gives_back_what_was_written(result: Result, tmp_path: Path) -> None:
    path = result.write(tmp_path)
    assert read_result(path) == result
    assert read_result(tmp_path) == result


def test_a_changed_number_is_refused_and_an_old_file_is_known(
    result: Result, tmp_path: Path
) -> None:
    path = result.write(tmp_path)
    assert result_has_digest(path)
    text = path.read_text()
    path.write_text(json.dumps(json.loads(text)))  # other blanks, same content
    assert read_result(path) == result
    path.write_text(text.replace("0.9987", "0.9897"))
    with pytest.raises(InputError, match="its content is not what its sha256 says"):
        read_result(path)
    _spoil(path, lambda c: c.update(sha256=None))
    with pytest.raises(InputError, match="its content is not what its sha256 says"):
        read_result(path)
    _spoil(path, lambda c: c.pop("sha256"))
    assert not result_has_digest(path)


def test_infinite_setting_is_written_as_text(tmp_path: Path) -> None:
    result = Result("rsmi exact", {"shape": [math.inf]}, None, "cpu", {}, [])
    assert read_result(result.write(tmp_path)).config == {"shape": ["inf"]}


def test_crash_before_the_move_leaves_the_old_file(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = result.write(tmp_path)
    before = path.read_bytes()

    def crash(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    newer = Result("rsmi run other.yaml", {}, 8, "cpu", {}, [])
    with pytest.raises(KeyboardInterrupt):
        newer.write(tmp_path)
    assert path.read_bytes() == before
    monkeypatch.undo()
    newer.write(tmp_path)
    assert read_result(path) == newer
    assert os.listdir(tmp_path) == ["result.json"]


@pytest.mark.parametrize("seconds", [math.nan, -1.0])
def test_broken_timing_is_named(seconds: float) -> None:
    with pytest.raises(AnalysisError, match="timing of 'learn' is"):
        Result("rsmi run", {}, 1, "cpu", {"learn": seconds}, [])


def test_find_wants_exactly_one(result: Result) -> None:
    assert result.find("exponents.y_t").value == 0.9987
    with pytest.raises(InputError, match=r"0 quantities are named 'exponents\.z'"):
        result.find("exponents.z")
    result.quantities().append(Quantity("exponents.y_t", 1.1, 0.1, "estimate", "1"))
    with pytest.raises(InputError, match=r"2 quantities are named 'exponents\.y_t'"):
        result.find("exponents.y_t")


def _spoil(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


SPOILED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "foreign schema": (lambda c: c.update(schema="other/2"), "its schema is 'other/2'"),
    "missing key": (lambda c: c.pop("seed"), "the result holds command, config"),
    "extra key": (lambda c: c.update(more=1), "the result holds command"),
    "wrong type": (lambda c: c.update(seed=True), "'seed' of the result is True"),
    "timing as text": (lambda c: c["timings"].update(learn="1 s"), "'learn' of timings is '1 s'"),
    "nan": (lambda c: c["quantities"][0].update(value=math.nan), "it holds NaN"),
    "text value": (lambda c: c["quantities"][0].update(value="1"), "'value' of quantity 0 is '1'"),
    "huge value": (lambda c: c["quantities"][0].update(value=10**400), "too large"),
    "kind": (lambda c: c["quantities"][1].update(kind="guess"), "kind is 'guess'"),
    "quantity key": (lambda c: c["quantities"][1].pop("unit"), "quantity 1 holds context"),
    "quantity type": (lambda c: c["quantities"].append(3), "quantity 10 holds int"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_spoiled_file_is_refused_with_its_reason(case: str, result: Result, tmp_path: Path) -> None:
    change, reason = SPOILED[case]
    path = result.write(tmp_path)
    _spoil(path, change)
    with pytest.raises(InputError, match=f"cannot be used: .*{reason}") as caught:
        read_result(path)
    assert "expected a file of schema rsmi.result/1" in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b"\x89HDF\r\n", b"[" * 100_000, b'"text"']
)
def test_foreign_bytes_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be used"):
        read_result(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"result.json cannot be used: .*No such file"):
        read_result(tmp_path)
