"""Open a file of configurations, whoever wrote it, by looking at its content."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from rsmi.errors import InputError
from rsmi.storage.arrays import open_npy, open_npz
from rsmi.storage.base import reading
from rsmi.storage.hdf5 import Hdf5Samples
from rsmi.storage.interface import Samples
from rsmi.storage.journal import MAGIC
from rsmi.storage.mcising import McisingSamples, is_mcising
from rsmi.storage.selection import open_collection

_EXPECTED = "a sample file of rsmi, an HDF5 file of mcising, or a NumPy array (.npy, .npz)"

_Choice = Mapping[str, Any]


def open_samples(
    path: str | os.PathLike[str],
    temperature: float | None = None,
    shape: Sequence[int] | None = None,
    seed: int | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Samples:
    """Open the configurations in a file.

    Args:
        path: A sample file or a collection of this project, an HDF5 file written by `mcising`, or
            a `.npy` or `.npz` array of shape (n, *lattice shape) with +1/-1 or 0/1.
        temperature: Which temperature of a collection or an `mcising` file, in units of J; three
            decimals are enough where they fit one only.
        shape: Which lattice shape of a collection.
        seed: Which seed of a collection; all of them, joined as independent chains, where it is
            None.
        parameters: Which further parameters of its model a collection is to have.

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
        _refuse(target, choice)
        return open_npy(target)
    if start.startswith(b"PK"):
        _refuse(target, choice)
        return open_npz(target)
    if h5py.is_hdf5(target):
        if is_collection(target):
            return open_collection(target, temperature, shape, seed, parameters)
        return _open_hdf5(target, choice, temperature)
    if start.startswith(MAGIC):
        raise InputError(
            f"{target} is of the journal of an interrupted run; finish that run with --resume"
        )
    raise InputError(
        f"{target} begins with {start[:8]!r} and is no file of samples, or its beginning is "
        f"damaged; expected {_EXPECTED}"
    )


@dataclass(frozen=True)
class Selection:
    """Which samples of a file with several temperatures, lattices or seeds.

    Args:
        temperature: In units of J; three decimals are enough where they fit one only.
        shape: Lattice shape.
        seed: Seed; all of them, joined as independent chains, without.
        parameters: Further parameters of the model, such as `crystal_field`.
    """

    temperature: float | None = None
    shape: tuple[int, ...] | None = None
    seed: int | None = None
    parameters: dict[str, float] = field(default_factory=dict)

    def open(self, path: str | os.PathLike[str]) -> Samples:
        """The samples of a file that are meant, as `open_samples` gives them."""
        return open_samples(path, **vars(self))


def _first_bytes(path: Path) -> bytes:
    if not path.exists():
        raise InputError(f"there is no file {path}; expected {_EXPECTED}")
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
        raise InputError(f"{path} is empty (0 bytes); expected {_EXPECTED}")
    return start


def is_collection(path: Path) -> bool:
    """Whether an HDF5 file is a collection of this project, of any version."""
    with reading(str(path)), h5py.File(path, "r", locking="best-effort") as file:
        schema = file.attrs.get("schema")
    return isinstance(schema, bytes) and schema.startswith(b"rsmi.collection/")


def _open_hdf5(path: Path, choice: _Choice, temperature: float | None) -> Samples:
    with reading(str(path)), h5py.File(path, "r", locking="best-effort") as file:
        ours = "schema" in file.attrs
        foreign = None if ours or is_mcising(file) else sorted(file)
    if foreign is not None:
        raise InputError(
            f"{path} is an HDF5 file with {foreign}, but no file of samples; expected {_EXPECTED}"
        )
    if not ours:
        _refuse(path, {**choice, "temperature": None})
        return McisingSamples(path, temperature)
    _refuse(path, choice)
    return Hdf5Samples(path)


def _refuse(path: Path, choice: _Choice) -> None:
    """Nothing is to be chosen in this file."""
    for name, value in choice.items():
        if value is not None and value != {}:
            raise InputError(
                f"{path} was opened with {name}={value}, which chooses among the samples of a "
                "collection (or the temperatures of an mcising file); leave it out for this one"
            )
