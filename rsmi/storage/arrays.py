"""Configurations brought as NumPy arrays, `.npy` or `.npz`."""

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.storage.base import BaseSamples
from rsmi.storage.room import check_memory, in_bytes
from rsmi.storage.source import observed
from rsmi.storage.temperature import choose_value
from rsmi.storage.two_valued import as_spins, check_array, lower_value, pieces

_NAMES = ("spins", "configurations")
_BROKEN = (ValueError, OSError, EOFError, KeyError, OverflowError, zipfile.BadZipFile)
_TEMPERATURES = ("temperature", "temperatures", "temp", "temps", "T")
_SHOWN = 8
_ROUNDING = 1e-5  # of a stored observable, in units of its range


class ArraySamples(BaseSamples):
    """An array of shape (n, *lattice shape) with +1/-1 or 0/1; the Hamiltonian is unknown.

    Args:
        path: The file it comes from, named in messages.
        array: The values; a memory map stays on disk.
        shape: The lattice, where the axes of the array do not say it: (n, L * L), (n, 1, L, L) and
            (n, L, L, 1) are n configurations, (chains, draws, L, L) chains of draws.
        what: Which rows of the file these are, for messages.

    Attributes:
        declared: Whether the lattice was given; otherwise `check_source` looks at the axes.

    Raises:
        InputError: Where the array cannot be configurations of two-valued spins, or not of this
            lattice.
    """

    def __init__(
        self, path: Path, array: NDArray[Any], shape: Sequence[int] | None = None, what: str = ""
    ) -> None:
        source = f"{path} ({what})" if what else str(path)
        check_array(array, source)
        self.declared = shape is not None
        self._lower = lower_value(pieces(array), source)
        self._array = _arranged(array, tuple(shape or array.shape[1:]), source)
        chains, records, *lattice = self._array.shape
        super().__init__(source, tuple(lattice), chains * records, chains)

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        if self.chains == 1:
            return as_spins(self._array[0, start:stop], self._lower)
        return self._take(np.arange(start, stop))

    def _take(self, indices: NDArray[np.int64]) -> NDArray[np.int8]:
        record, chain = np.divmod(indices, self.chains)
        return as_spins(self._array[chain, record], self._lower)


def _arranged(array: NDArray[Any], shape: tuple[int, ...], source: str) -> NDArray[Any]:
    """The values as (chains, records, *shape)."""
    for leading in (1, 2):
        rest = array.shape[leading:]
        same = [x for x in rest if x > 1] == [x for x in shape if x > 1]
        if math.prod(rest) == math.prod(shape) and (same or len(rest) == 1):
            head = array.shape[:leading]
            return array.reshape(*(1,) * (2 - leading), *head, *shape)
    raise InputError(
        f"{source} is an array of shape {array.shape}, which holds no lattices of shape "
        f"{list(shape)}; expected (n, *shape), (n, sites) or (chains, draws, *shape); correct "
        "shape=, or --select.shape, or reshape the array"
    )


def open_npy(path: Path, shape: Sequence[int] | None = None) -> ArraySamples:
    """Open a `.npy` file, memory-mapped."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _BROKEN as error:
        raise _unreadable(path, error) from None
    return ArraySamples(path, array, shape)


def open_npz(
    path: Path,
    shape: Sequence[int] | None = None,
    asked: Mapping[str, float] | None = None,
) -> ArraySamples:
    """Open a `.npz` file with one array, or one called `spins` or `configurations`.

    Another array of the same length says something of every row. Where its values differ, the rows
    are of several kinds and one of them must be chosen, unless it is an observable of the rows.

    Args:
        path: The file.
        shape: The lattice, see `ArraySamples`.
        asked: Values of such arrays by name; `temperature` stands for `temp` and `T` too.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            name = _choice(path, archive.files)
            _check_size(path, archive.zip.getinfo(f"{name}.npy").file_size)
            spins = archive[name]
            labels = {other: _label(archive, other) for other in archive.files if other != name}
    except InputError:
        raise
    except (*_BROKEN, MemoryError) as error:
        raise _unreadable(path, error) from None
    check_array(spins, f"{path}: {name}")
    beside = {other: v for other, v in labels.items() if v.shape[:1] == (len(spins),)}
    rows, what = _selected(path, beside, dict(asked or {}), len(spins))
    found = ArraySamples(path, spins[rows], shape, what)
    _refuse_mixture(found, {other: values[rows] for other, values in beside.items()}, name)
    return found


def _label(archive: Any, name: str) -> NDArray[Any]:
    """An array beside the spins; of Python objects only the shape is known, which is enough."""
    try:
        values: NDArray[Any] = archive[name]
        return values
    except ValueError:
        with archive.zip.open(f"{name}.npy") as file:
            np.lib.format.read_magic(file)
            shape, *_ = np.lib.format.read_array_header_1_0(file)
        return np.arange(math.prod(shape)).reshape(shape).astype(str)


def _selected(
    path: Path, labels: Mapping[str, NDArray[Any]], asked: dict[str, float], n: int
) -> tuple[NDArray[np.int64], str]:
    """The rows with the values that were asked for, and what they are."""
    rows, chosen = np.arange(n), []
    for name, value in asked.items():
        known = next((other for other in _meant(name) if _number(labels.get(other))), None)
        if known is None:
            usable = [other for other, values in labels.items() if _number(values)]
            raise InputError(
                f"{path} was opened with {name}={value:g}, but holds no array of this name with a "
                f"number for each of its {n} rows; it has {usable or 'none beside the spins'}"
            )
        present = np.unique(labels[known]).tolist()
        found = choose_value(path, known, present, value)
        rows = rows[labels[known][rows] == found]
        chosen.append(f"{known} {found:g}")
    if not len(rows):
        raise InputError(f"{path} has no row with {' and '.join(chosen)}; choose another pair")
    return rows, ", ".join(chosen)


def _meant(name: str) -> tuple[str, ...]:
    return _TEMPERATURES if name == "temperature" else (name,)


def _number(values: NDArray[Any] | None) -> bool:
    return values is not None and values.ndim == 1 and values.dtype.kind in "biuf"


def _refuse_mixture(samples: ArraySamples, labels: Mapping[str, NDArray[Any]], name: str) -> None:
    """Refuse rows of which another array says that they are of several kinds."""
    different = {
        other: values
        for other, values in labels.items()
        if len(values) > 1 and np.any(values != values[:1]) and not _measured(samples, values)
    }
    if different:
        _refuse(samples, different, name)


def _refuse(samples: ArraySamples, labels: Mapping[str, NDArray[Any]], name: str) -> NoReturn:
    other, values = next(iter(labels.items()))
    key = "temperature" if other in _TEMPERATURES else f"parameters.{other}"
    way = (
        f"choose one, such as --select.{key} {np.unique(values)[0]:g}; " if _number(values) else ""
    )
    raise InputError(
        f"{samples.source}: the array {other!r} beside {name!r} has one entry for each row, with "
        f"{_listed(values)}, so the rows are of several kinds; expected one kind; {way}if it is a "
        f"measurement of the rows, write a file with {name!r} alone"
    )


def _listed(values: NDArray[Any]) -> str:
    if values.ndim > 1:
        return f"shape {values.shape}"
    present = np.unique(values)
    shown = [f"{v:.10g}" if _number(values) else str(v)[:20] for v in present[:_SHOWN]]
    more = ", ..." if len(present) > _SHOWN else ""
    return f"{len(present)} values ({', '.join(shown)}{more})"


def _measured(samples: ArraySamples, values: NDArray[Any]) -> bool:
    """Whether values are a linear function of an observable of their rows, such as an energy."""
    if not _number(values) or samples.chains > 1 or len(values) != samples.n:
        return False
    numbers = values.astype(np.float64)
    series = {**observed(samples), "signed": samples.observable("magnetisation")}
    return any(_is_linear(numbers, observable) for observable in series.values())


def _is_linear(values: NDArray[np.float64], observable: NDArray[np.float64]) -> bool:
    if len(np.unique(observable)) < 3 or not np.all(np.isfinite(values)):
        return False
    fit = np.polynomial.Polynomial.fit(observable, values, 1)
    return bool(np.abs(values - fit(observable)).max() < _ROUNDING * np.ptp(values))


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
