"""Configurations brought as NumPy arrays, `.npy` or `.npz`."""

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import SPIN
from rsmi.lattice.graphs import UnitCell
from rsmi.storage.base import BaseSamples
from rsmi.storage.letters import (
    Declared,
    Values,
    check_array,
    letter_values,
    pieces,
    present,
    spin_values,
    unsaid,
)
from rsmi.storage.room import check_memory, in_bytes
from rsmi.storage.source import example, observed, refuse_axes, strange_shape
from rsmi.storage.temperature import choose_value

_NAMES = ("spins", "configurations")
BROKEN = (ValueError, OSError, EOFError, KeyError, OverflowError, zipfile.BadZipFile)
"""What numpy raises for a file that is damaged or holds code."""
_TEMPERATURES = ("temperature", "temperatures", "temp", "temps", "T")
_SHOWN = 8
_ROUNDING = 1e-5  # of a stored observable, in units of its range


class ArraySamples(BaseSamples):
    """Letters in an array of shape (n, *lattice shape); the Hamiltonian is unknown.

    Args:
        source: Where it comes from, named in messages.
        array: The values; a memory map stays on disk.
        shape: The lattice of two-valued spins, where the axes of the array do not say it: (n,
            L * L), (n, 1, L, L) and (n, L, L, 1) are n configurations, (chains, draws, L, L)
            chains of draws.
        chains: How many chains there are; the array is then (chains, draws, *lattice shape).
        space: Where the letters live; two-valued spins of a hypercubic torus without.

    Attributes:
        declared: Whether the lattice was given; otherwise `check_source` looks at the axes.

    Raises:
        InputError: Where the array cannot be configurations of these letters on this lattice.
    """

    def __init__(
        self,
        source: str | Path,
        array: NDArray[Any],
        shape: Sequence[int] | None = None,
        chains: int | None = None,
        space: Space | None = None,
    ) -> None:
        source = str(source)
        check_array(array, source)
        seen = present(pieces(array), source)
        if space is not None:
            meaning = Declared(space)
            self._array = _arranged(array, meaning.lattice, chains, source)
            self._values = letter_values(seen, space.alphabet, source)
            if not set(seen) <= set(self._values.known):
                _refuse_letters(self._array, self._values, source)
        else:
            self._array = _arranged(array, None if shape is None else tuple(shape), chains, source)
            lattice = self._array.shape[2:]
            if not (set(seen) <= {-1, 1} or set(seen) <= {0, 1}):
                raise InputError(unsaid(array, seen, _likely(lattice, shape), source))
            self._values = spin_values(seen, source)
            doubt = _occupations(lattice) if 0 in seen else ""
            meaning = Declared(Space.hypercubic(lattice, SPIN), doubt=doubt)
        self._meaning, self.declared = meaning, (shape, space) != (None, None)
        count, records = self._array.shape[:2]
        super().__init__(source, meaning.shape, count * records, count)

    @property
    def meaning(self) -> Declared:
        """The letters that were declared, or two values of a hypercubic torus."""
        if not self.declared and (reason := strange_shape((self.n, *self.shape))):
            refuse_axes(self, reason)
        return self._meaning

    @property
    def two_valued(self) -> bool:
        """Whether there are two letters."""
        return self._values.alphabet.size == 2

    def letters(self, start: int, stop: int) -> torch.Tensor:
        """Configurations start..stop-1 as letters of the space."""
        self.check_range(start, stop)
        letters = self._values.letters(self._rows(start, stop))
        return torch.from_numpy(letters.reshape(-1, *self.meaning.space.shape))

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        return self._kept(self._rows(start, stop))

    def _take(self, indices: NDArray[np.int64]) -> NDArray[np.int8]:
        return self._kept(self._chosen(indices))

    def _rows(self, start: int, stop: int) -> NDArray[Any]:
        if self.chains == 1:
            return self._array[0, start:stop]
        return self._chosen(np.arange(start, stop))

    def _chosen(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        record, chain = np.divmod(indices, self.chains)
        return self._array[chain, record]

    def _kept(self, rows: NDArray[Any]) -> NDArray[np.int8]:
        """Values as planes of +1 and -1."""
        if self.two_valued:
            return self._values.spins(rows).reshape(-1, *self.shape)
        return self._meaning.encode(self._values.letters(rows))

    def _observable(self, name: str) -> NDArray[np.float64]:
        if self.two_valued:
            return super()._observable(name)
        raise InputError(f"{self.source} has no observable {name!r}; an array has letters only")


def _arranged(
    array: NDArray[Any], shape: tuple[int, ...] | None, chains: int | None, source: str
) -> NDArray[Any]:
    """The values as (chains, records, *shape)."""
    if chains is not None and chains < 1:
        raise InputError(f"chains is {chains}; expected a whole number of at least 1")
    if shape is None:
        if chains in (None, 1):
            return array[None]
        _check_chains(array, array.shape[:2], chains, source)
        return array
    for leading in (1, 2):
        rest = array.shape[leading:]
        same = [x for x in rest if x > 1] == [x for x in shape if x > 1]
        if math.prod(rest) == math.prod(shape) and (same or len(rest) == 1):
            head = array.shape[:leading]
            if leading == 1:
                head = (len(array), 1) if chains == len(array) else (1, len(array))
            _check_chains(array, head, chains, source)
            return array.reshape(*head, *shape)
    raise InputError(
        f"{source} is an array of shape {array.shape}, which holds no lattices of shape "
        f"{list(shape)}; expected (n, *shape), (n, sites) or (chains, draws, *shape); correct "
        "shape= or space=, or --select.shape or --space, or reshape the array"
    )


def _check_chains(
    array: NDArray[Any], head: Sequence[int], chains: int | None, source: str
) -> None:
    """Refuse a number of chains that is not that of the first axis, whose order is then unknown."""
    if chains not in (None, head[0]) or (chains is not None and array.ndim < 3):
        rest = ", ".join(map(str, array.shape[1:]))
        raise InputError(
            f"{source} is an array of shape {array.shape}, whose first axis does not count "
            f"{chains} chains; expected (chains, draws, *lattice): "
            f"array.reshape({chains}, -1, {rest}) where one chain follows another, "
            f"array.reshape(-1, {chains}, {rest}).swapaxes(0, 1) where they take turns"
        )


def _refuse_letters(array: NDArray[Any], values: Values, source: str) -> NoReturn:
    """Name the first value that stands for no letter."""
    records, names = array.swapaxes(0, 1), values.alphabet.names
    record = next(i for i, rows in enumerate(records) if not np.isin(rows, values.known).all())
    chain, *place = np.argwhere(~np.isin(records[record], values.known))[0].tolist()
    raise InputError(
        f"{source}: configuration {record * len(array) + chain} has the value "
        f"{array[(chain, record, *place)]:g} at {place}; expected 0 to {len(names) - 1}, which "
        f"stand for {', '.join(names)}"
    )


def _likely(lattice: tuple[int, ...], said: object) -> list[int]:
    """The lattice that an array may have meant, where nobody said it."""
    shape = (1, *lattice)
    return list(lattice) if said or not strange_shape(shape) else example(shape)


def _occupations(lattice: Sequence[int]) -> str:
    where = f"on {UnitCell.hypercubic(len(lattice)).name} {list(lattice)}"
    return (
        "its values 0 and 1 may be spins or occupations, and exponents tell even from odd by the "
        f"flip of all spins; say which with space=, or --space: 'spins {where}' or 'occupations "
        f"{where}'"
    )


def open_npy(path: Path, **said: Any) -> ArraySamples:
    """Open a `.npy` file, memory-mapped; what is said of it goes to `ArraySamples`."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except BROKEN as error:
        raise _unreadable(path, error) from None
    return ArraySamples(path, array, **said)


def open_npz(path: Path, asked: Mapping[str, float] | None = None, **said: Any) -> ArraySamples:
    """Open a `.npz` file with one array, or one called `spins` or `configurations`.

    Another array of the same length says something of every row. Where its values differ, the rows
    are of several kinds and one of them must be chosen, unless it is an observable of the rows.

    Args:
        path: The file.
        asked: Values of such arrays by name; `temperature` stands for `temp` and `T` too.
        said: Of the configurations, see `ArraySamples`.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            name = _choice(path, archive.files)
            _check_size(path, archive.zip.getinfo(f"{name}.npy").file_size)
            spins = archive[name]
            labels = {other: _label(archive, other) for other in archive.files if other != name}
    except InputError:
        raise
    except (*BROKEN, MemoryError) as error:
        raise _unreadable(path, error) from None
    check_array(spins, f"{path}: {name}")
    beside = {other: v for other, v in labels.items() if v.shape[:1] == (len(spins),)}
    rows, what = _selected(path, beside, dict(asked or {}), len(spins))
    found = ArraySamples(f"{path} ({what})" if what else path, spins[rows], **said)
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
    series = observed(samples)
    if samples.two_valued:
        series["signed"] = samples.observable("magnetisation")
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
