"""Open a file of configurations, whoever wrote it, by looking at its content."""

import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError, nearest
from rsmi.storage.arrays import BROKEN, ArraySamples, open_npy, open_npz
from rsmi.storage.base import reading
from rsmi.storage.hdf5 import Hdf5Samples, plain
from rsmi.storage.interface import Samples
from rsmi.storage.journal import MAGIC
from rsmi.storage.letters import Described, described
from rsmi.storage.mcising import McisingSamples, is_mcising
from rsmi.storage.selection import choices, open_collection

_EXPECTED = "a sample file of rsmi, an HDF5 file of mcising, or a NumPy array (.npy, .npz)"

_ARRAYS = "a .npz file, such as numpy.savez('xy.npz', x=x, y=y) writes, or an HDF5 file of arrays"

_SIGNATURE = b"\x89HDF\r\n\x1a\n"

_DRAWS = ("draw", "draws", "sample", "samples", "configuration", "configurations", "record", "n")
_CHAINS = ("chain", "chains")

_Choice = Mapping[str, Any]


def open_samples(
    path: str | os.PathLike[str],
    temperature: float | None = None,
    shape: Sequence[int] | None = None,
    seed: int | None = None,
    parameters: Mapping[str, float] | None = None,
    chains: int | None = None,
    space: Described | None = None,
) -> Samples:
    """Open the configurations in a file.

    Args:
        path: A sample file or a collection of this project, an HDF5 file written by `mcising`, or
            a `.npy` or `.npz` array of shape (n, *lattice shape) with +1/-1 or 0/1, or with the
            letters of `space`.
        temperature: Which temperature of a collection or an `mcising` file, in units of J; three
            decimals are enough where they fit one only. In a `.npz`: the rows where the array
            `temperature`, `temp` or `T` beside the spins has this value.
        shape: Which lattice shape of a collection; the lattice of an array whose axes do not say
            it, such as (n, L * L) or (chains, draws, L, L).
        seed: Which seed of a collection; all of them, joined as independent chains, where it is
            None.
        parameters: Which further parameters of its model a collection is to have; in a `.npz` the
            rows where the arrays of these names have these values.
        chains: How many Markov chains the first axis of an array (chains, draws, *lattice) counts.
        space: Where the letters of an array live, a `Space` or what `Space.from_text` reads, such
            as "clock(3) on square [32, 32]".

    Returns:
        The samples; close them, or use them in a `with` statement.

    Raises:
        InputError: Where there is no such file, or it is none of these, or it is damaged; where
            the choice is not there or not unique.
    """
    target = Path(path)
    choice = {"temperature": temperature, "shape": shape, "seed": seed, "parameters": parameters}
    start = _first_bytes(target)
    if start.startswith(b"\x93NUMPY"):
        _refuse(target, {**choice, "shape": None})
        return open_npy(target, **_said(shape, chains, space))
    if start.startswith(b"PK") and not _is_torch(target):
        _refuse(target, {"seed": seed})
        asked = _asked(temperature, parameters)
        return open_npz(target, asked, **_said(shape, chains, space))
    if is_hdf5(target):
        _check_unsaid(str(target), chains, space)
        if is_collection(target):
            return open_collection(target, temperature, shape, seed, parameters)
        return _open_hdf5(target, choice, temperature)
    if start.startswith(MAGIC):
        raise InputError(
            f"{target} is of the journal of an interrupted run; finish that run with --resume"
        )
    raise InputError(
        f"{target} begins with {start[:8]!r} and is no file of samples, or its beginning is "
        f"damaged; expected {_EXPECTED}{_conversion(target, start)}"
    )


def samples_of(
    source: object,
    *,
    chains: int | None = None,
    space: Described | None = None,
    shape: Sequence[int] | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Samples:
    """Configurations, whatever holds them.

    Values of an array are +1/-1 or 0/1 (spins), or letters of the `space`: 0 ... q - 1, or the
    numbers that its letters are named by, such as -1, 0, 1. What an array does not tell is asked
    for: letters of more than two values, vacancies, sites of a cell, the order of chains.

    Args:
        source: A path, see `open_samples`; open samples; a numpy or torch array of any type of
            number, (n, *lattice) or (chains, draws, *lattice); an xarray DataArray, whose
            dimensions `chain` and `draw` may stand anywhere.
        chains: How many Markov chains the first axis of an array (chains, draws, *lattice) counts;
            with `space` or `shape`, `len(array)` says that all rows are independent.
        space: A `Space` or its text, such as "clock(3) on square [32, 32]".
        shape: The lattice of two-valued spins whose axes do not say it, such as (n, L * L).
        temperature: Which samples of a file; likewise `seed` and `parameters`.
        seed: See `open_samples`.
        parameters: See `open_samples`.

    Returns:
        The samples; `letters(a, b)` are those of `space`.

    Raises:
        InputError: For what is none of these, letters outside the alphabet, or a question that is
            left open, with the argument that answers it.

    >>> import numpy as np
    >>> states = np.random.default_rng(0).integers(0, 3, (50, 8, 8))
    >>> with samples_of(states, space="clock(3) on square [8, 8]") as samples:
    ...     samples.letters(0, 10).shape, samples.space.alphabet.size
    (torch.Size([10, 8, 8, 1]), 3)
    """
    chosen: dict[str, Any] = {"temperature": temperature, "seed": seed, "parameters": parameters}
    if isinstance(source, str | os.PathLike):
        found = open_samples(source, shape=shape, chains=chains, space=space, **chosen)
    elif hasattr(source, "letters") and hasattr(source, "read"):
        _check_unsaid("the samples are open", chains, space if shape is None else str(shape))
        _refuse("samples that are open", {**chosen, "shape": shape})
        return cast(Samples, source)
    else:
        array, counted = _array(source, chains)
        name = f"an array of shape {array.shape}"
        _refuse(name, chosen)
        found = ArraySamples(name, array, **_said(shape, counted, space))
    if isinstance(found, ArraySamples):
        found.space  # noqa: B018, asks what is left open
    return found


def open_arrays(path: str | os.PathLike[str], names: Sequence[str]) -> list[NDArray[Any]]:
    """Arrays of numbers by name, from a `.npz` or an HDF5 file of any origin.

    Args:
        path: The file.
        names: Which arrays.

    Raises:
        InputError: Where there is no such file, it is neither, or it lacks an array.
    """
    target = Path(path)
    start = _first_bytes(target, _ARRAYS)
    if is_hdf5(target):
        with reading(str(target)), h5py.File(target) as file:
            return _named(target, file, list(file), names)
    if not start.startswith(b"PK") or _is_torch(target):
        raise InputError(f"{target} begins with {start[:8]!r}; expected {_ARRAYS}")
    try:
        with target.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return _named(target, archive, archive.files, names)
    except InputError:
        raise
    except (*BROKEN, MemoryError) as error:
        raise InputError(f"{target} cannot be read ({error}); expected {_ARRAYS}") from None


def _named(path: Path, held: Any, there: Sequence[str], names: Sequence[str]) -> list[NDArray[Any]]:
    if missing := [name for name in names if name not in there]:
        raise InputError(
            f"{path} holds no array {missing[0]!r}; {nearest(missing[0], there)}it holds "
            f"{', '.join(there) or 'none'}"
        )
    return [np.asarray(held[name]) for name in names]


@contextmanager
def opened(
    source: object, *, chains: int | None = None, space: Described | None = None
) -> Iterator[Samples]:
    """Configurations for the time of a block; what was not open before is closed again.

    Args:
        source: As in `samples_of`.
        chains: As in `samples_of`.
        space: As in `samples_of`.

    Raises:
        InputError: As `samples_of`.
    """
    found = samples_of(source, chains=chains, space=space)
    try:
        yield found
    finally:
        if found is not source:
            found.close()


def points_of(source: object) -> list[Any]:
    """Every data set of a source that may hold several: lattices and temperatures side by side.

    Args:
        source: A path, of a collection for all of its data sets, or a sequence of sources.

    Returns:
        Sources for `samples_of`, or, of a file, functions that open a part of it.

    Raises:
        InputError: Where it is neither.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if is_hdf5(path) and is_collection(path):
            return [partial(open_collection, path, *choice) for choice in choices(path)]
        return [source]
    if isinstance(source, Sequence) or (isinstance(source, np.ndarray) and source.dtype == object):
        return [part for each in source for part in points_of(each)]
    return [source]


def _said(
    shape: Sequence[int] | None, chains: int | None, space: Described | None
) -> dict[str, Any]:
    """What somebody says of an array."""
    if shape is not None and space is not None:
        raise InputError(
            f"shape {list(shape)} and a space were given; expected one of them: a space has its "
            "own extents"
        )
    where = None if space is None else described(space)
    return {"shape": shape, "chains": chains, "space": where}


def _check_unsaid(what: str, chains: int | None, space: object) -> None:
    """Refuse to be told what samples say of themselves."""
    for name, value in (("chains", chains), ("space", space)):
        if value is not None:
            raise InputError(
                f"{what} was opened with {name}={value}, which says what an array does not tell; "
                "it tells this itself: leave it out"
            )


def _array(source: Any, chains: int | None) -> tuple[NDArray[Any], int | None]:
    """The values of an array of any library, and how many chains its first axis counts."""
    if hasattr(source, "dims") and hasattr(source, "transpose"):
        return _from_dimensions(source, chains)
    if isinstance(source, torch.Tensor):
        plain = source.detach().cpu()
        return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy(), chains
    if not isinstance(source, np.ndarray):
        raise InputError(
            f"the samples are a {type(source).__name__}; expected a path, a numpy or torch array "
            "(n, *lattice), an xarray DataArray, or open samples"
        )
    return source, chains


def _from_dimensions(source: Any, chains: int | None) -> tuple[NDArray[Any], int | None]:
    """Chains and draws of a DataArray come first, by the names of its dimensions."""
    names = [str(name) for name in source.dims]
    draws, counts = ([n for n in names if n.lower() in known] for known in (_DRAWS, _CHAINS))
    if len(draws) != 1 or len(counts) > 1:
        raise InputError(
            f"the dimensions of the array are {', '.join(names)}; expected one called 'draw' that "
            "counts configurations, and one called 'chain' where there are several chains; rename "
            "them: array.rename(NAME='draw')"
        )
    array = np.asarray(source.transpose(*counts, *draws, ...).values)
    if counts and chains not in (None, len(array)):
        raise InputError(
            f"chains is {chains}, but dimension {counts[0]!r} counts {len(array)}; leave it out"
        )
    return array, len(array) if counts else chains


def _asked(temperature: float | None, parameters: _Choice | None) -> dict[str, float]:
    """What is asked of the arrays beside the spins."""
    return ({} if temperature is None else {"temperature": temperature}) | dict(parameters or {})


@dataclass(frozen=True)
class Selection:
    """Which samples of a file with several temperatures, lattices or seeds.

    Args:
        temperature: In units of J; three decimals are enough where they fit one only.
        shape: Lattice shape; for an array whose axes do not say it, the lattice of one row.
        seed: Seed; all of them, joined as independent chains, without.
        parameters: Further parameters of the model, such as `crystal_field`, or names of arrays
            beside the spins of a `.npz`.
        chains: How many Markov chains the first axis of an array counts.
        space: Where the letters of an array live, such as "clock(3) on square [32, 32]".
    """

    temperature: float | None = None
    shape: tuple[int, ...] | None = None
    seed: int | None = None
    parameters: dict[str, float] = field(default_factory=dict)
    chains: int | None = None
    space: str | dict[str, Any] | None = None

    def open(self, path: str | os.PathLike[str]) -> Samples:
        """The samples of a file that are meant, as `open_samples` gives them."""
        return open_samples(path, **vars(self))


def _first_bytes(path: Path, expected: str = _EXPECTED) -> bytes:
    if not path.exists():
        raise InputError(f"there is no file {path}; expected {expected}")
    if path.is_dir():
        raise InputError(
            f"{path} is a directory; name the file in it, such as {path / 'samples.h5'}"
        )
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; check its permissions"
        ) from None
    if not start:
        raise InputError(f"{path} is empty (0 bytes); expected {expected}")
    return start


# First bytes of files of other programs: what they are, and how to make an array of them.
_FOREIGN = {
    b"\x80": ("a pickle", "numpy.save('spins.npy', numpy.asarray(pickle.load(open({0!r}, 'rb'))))"),
    b"\x1f\x8b": ("a file of gzip", "gunzip -k {0}"),
    b"BZh": ("a file of bzip2", "bunzip2 -k {0}"),
    b"\xfd7zXZ": ("a file of xz", "unxz -k {0}"),
    b"MATLAB 5.0": (
        "a MATLAB file",
        "numpy.save('spins.npy', scipy.io.loadmat({0!r})['NAME']) with configurations first",
    ),
    b"PK": ("a file of torch", "numpy.save('spins.npy', torch.load({0!r}).numpy())"),
}
_TEXT = ("text", "numpy.save('spins.npy', numpy.loadtxt({0!r}).reshape(-1, L, L))")


def _conversion(path: Path, start: bytes) -> str:
    """How to make an array of a file of another kind, where it is known."""
    kinds = (kind for first, kind in _FOREIGN.items() if start.startswith(first))
    kind = next(kinds, _TEXT if _is_text(start) else None)
    if kind is None:
        return ""
    return f"; it looks like {kind[0]}: convert it with {kind[1].format(str(path))}"


def _is_text(start: bytes) -> bool:
    return all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start)


def _is_torch(path: Path) -> bool:
    """Whether an archive is one of torch, which holds a pickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Whether a file has the signature of HDF5, also while another program writes it."""
    place = 0
    try:
        with open(path, "rb") as file:
            while len(found := _at(file, place)) == len(_SIGNATURE):
                if found == _SIGNATURE:
                    return True
                place = max(512, 2 * place)  # where HDF5 looks for it
    except OSError:
        pass
    return False


def _at(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.read(len(_SIGNATURE))


def is_collection(path: Path) -> bool:
    """Whether an HDF5 file is a collection of this project, of any version."""
    with reading(str(path)), h5py.File(path, "r", locking="best-effort") as file:
        schema = file.attrs.get("schema")
    return isinstance(schema, bytes) and schema.startswith(b"rsmi.collection/")


def _open_hdf5(path: Path, choice: _Choice, temperature: float | None) -> Samples:
    with reading(str(path)), h5py.File(path, "r", locking="best-effort") as file:
        schema = file.attrs.get("schema")
        ours = isinstance(schema, bytes | str) and plain(schema).startswith("rsmi.")
        foreign = None if ours or is_mcising(file) else _datasets(file)
    if foreign is not None:
        name = next(iter(foreign), "NAME")
        raise InputError(
            f"{path} is an HDF5 file with {foreign or 'no dataset'}, but no file of samples; "
            f"expected {_EXPECTED}; convert it with "
            f"numpy.save('spins.npy', h5py.File({str(path)!r})[{name!r}][:]), configurations first"
        )
    if not ours:
        _refuse(path, {**choice, "temperature": None})
        return McisingSamples(path, temperature)
    _refuse(path, choice)
    return Hdf5Samples(path)


def _datasets(file: Any) -> list[str]:
    """Names of the datasets of a file, those with the most axes first, at most 20."""
    found: dict[str, int] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item.ndim

    file.visititems(note)
    return sorted(found, key=lambda name: -found[name])[:20]


def _refuse(path: Path | str, choice: _Choice) -> None:
    """Nothing is to be chosen in this file."""
    for name, value in choice.items():
        if value is not None and value != {}:
            raise InputError(
                f"{path} was opened with {name}={value}, which chooses among the samples of a "
                "collection (or the temperatures of an mcising file, or the rows of a .npz with "
                "such an array); leave it out for this one"
            )
