"""Configurations brought as NumPy arrays, `.npy` or `.npz`."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.storage.base import BaseSamples
from rsmi.storage.room import check_memory, in_bytes
from rsmi.storage.two_valued import as_spins, check_array, lower_value, pieces

_NAMES = ("spins", "configurations")
_BROKEN = (ValueError, OSError, EOFError, KeyError, OverflowError, zipfile.BadZipFile)


class ArraySamples(BaseSamples):
    """An array of shape (n, *lattice shape) with +1/-1 or 0/1; the Hamiltonian is unknown.

    Args:
        path: The file it comes from, named in messages.
        array: The values; a memory map stays on disk.

    Raises:
        InputError: Where the array cannot be configurations of two-valued spins.
    """

    def __init__(self, path: Path, array: NDArray[Any]) -> None:
        check_array(array, str(path))
        self._array = array
        self._lower = lower_value(pieces(array), str(path))
        super().__init__(str(path), array.shape[1:], len(array))

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        return as_spins(self._array[start:stop], self._lower)


def open_npy(path: Path) -> ArraySamples:
    """Open a `.npy` file, memory-mapped."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _BROKEN as error:
        raise _unreadable(path, error) from None
    return ArraySamples(path, array)


def open_npz(path: Path) -> ArraySamples:
    """Open a `.npz` file with one array, or one called `spins` or `configurations`."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            name = _choice(path, archive.files)
            _check_size(path, archive.zip.getinfo(f"{name}.npy").file_size)
            return ArraySamples(path, archive[name])
    except InputError:
        raise
    except (*_BROKEN, MemoryError) as error:
        raise _unreadable(path, error) from None


def _check_size(path: Path, size: int) -> None:
    """Refuse an archive that unpacks to more than memory holds."""
    what = f"the array in {path}, {in_bytes(path.stat().st_size)} packed,"
    check_memory(size, what, "save it with numpy.save: a .npy stays on the disk")


def _choice(path: Path, names: list[str]) -> str:
    chosen = names if len(names) == 1 else [name for name in _NAMES if name in names]
    if len(chosen) != 1:
        raise InputError(
            f"{path} holds the arrays {names}; expected exactly one, or one called 'spins' or "
            "'configurations'"
        )
    return chosen[0]


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} cannot be read as a NumPy array ({error}); expected a whole file written by "
        "numpy.save or numpy.savez with numbers in it"
    )
