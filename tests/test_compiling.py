"""Compiled kernels and their cache: damage, no room, no folder, and changes elsewhere."""

import errno
import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rsmi import compiling

ROOT = Path(__file__).parent.parent

_CONSTANTS = """
FACTOR = {factor}
"""
_HELPER = """
from rsmi.compiling import njit

@njit(cache=True, forceinline=True)
def shifted(x):
    return x + {shift}
"""
_KERNEL = """
from rsmi.compiling import njit
from kernel_constants import FACTOR
from kernel_helper import shifted

@njit(cache=True)
def kernel(x):
    return FACTOR * shifted(x)
"""

Load = Callable[..., Any]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """The kernel of three files, imported as a new process would."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names = ("kernel_constants", "kernel_helper", "kernel_module")

    def fresh(factor: int = 2, shift: int = 1) -> Any:
        (tmp_path / "kernel_constants.py").write_text(_CONSTANTS.format(factor=factor))
        (tmp_path / "kernel_helper.py").write_text(_HELPER.format(shift=shift))
        (tmp_path / "kernel_module.py").write_text(_KERNEL)
        _forget(names)
        module: ModuleType = importlib.import_module("kernel_module")
        return module.kernel

    yield fresh
    _forget(names)


def _forget(names: tuple[str, ...]) -> None:
    for name in names:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    compiling._source.cache_clear()


def _hits(kernel: Any) -> int:
    return sum(kernel.stats.cache_hits.values())


def test_a_kernel_is_compiled_once(load: Load) -> None:
    assert load()(10) == 22
    again = load()
    assert again(10) == 22
    assert _hits(again) == 1


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "emptied", "nonsense", "zeroed"])
def test_a_damaged_cache_is_compiled_again(
    suffix: str, damage: str, load: Load, tmp_path: Path
) -> None:
    load()(10)
    (path,) = tmp_path.glob(f"__pycache__/kernel_module*.{suffix}")
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "flipped": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
            "cut": whole[:middle],
            "emptied": b"",
            "nonsense": b"no pickle at all",
            "zeroed": whole[:middle] + bytes(len(whole) - middle),
        }[damage]
    )
    repaired = load()
    assert repaired(10) == 22
    assert _hits(repaired) == 0
    again = load()
    assert again(10) == 22
    assert _hits(again) == 1


def test_a_full_disk_stops_no_kernel(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._open_for_write", full)
    assert load()(10) == 22


@pytest.mark.parametrize(("change", "value"), [({"factor": 3}, 33), ({"shift": 5}, 30)])
def test_a_change_in_another_file_is_noticed(
    change: dict[str, int], value: int, load: Load
) -> None:
    assert load()(10) == 22
    assert load(**change)(10) == value
    assert load()(10) == 22


def test_without_a_folder_for_the_cache_everything_runs() -> None:
    code = (
        "from numba.core.caching import CacheImpl; CacheImpl._locator_classes = []; "
        "import warnings; warnings.simplefilter('ignore', RuntimeWarning); "
        "from rsmi.storage.packing import pack; import numpy as np; "
        "print(pack(np.ones((1, 8), np.int8)).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[[255]]", done.stderr


def test_without_a_folder_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    compiling._say_that_nothing_is_kept.cache_clear()
    with pytest.warns(RuntimeWarning, match="set NUMBA_CACHE_DIR") as said:
        assert [compiling.njit(cache=True)(lambda x: x + 1)(i) for i in (1, 2)] == [2, 3]
    assert len(said) == 1


def test_every_kernel_is_compiled_here() -> None:
    for path in ROOT.glob("rsmi/**/*.py"):
        if path.name != "compiling.py":
            assert "from numba import njit" not in path.read_text(), path
