"""Read the sample files of this project."""

import contextlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError, shortened
from rsmi.lattice import Space
from rsmi.lattice.alphabet import SPIN
from rsmi.storage.base import BaseSamples, check_values_inside, reading
from rsmi.storage.checksums import SUMS, CheckedRows, Checksums, read_checked
from rsmi.storage.header import SampleHeader
from rsmi.storage.layout import CONTENT_DIGEST, MODEL_PREFIX, OBSERVABLES, SCHEMA
from rsmi.storage.letters import Declared
from rsmi.storage.packing import unpack, unpack_bits
from rsmi.storage.recorded import Recorded, recorded
from rsmi.storage.seal import SEAL_BYTES, SPINS, content_digest, seal_holds

# Large enough for the whole of most files: random access then reads each chunk once.
CACHE_BYTES = 64 << 20
# Many more slots than chunks, so that two chunks seldom drive each other out.
_CACHE_SLOTS = 100_003


class Hdf5Samples(BaseSamples):
    """A sample file of schema `rsmi.samples/1`.

    Args:
        path: The file.
        cache: Bytes of chunks to keep in memory.

    Attributes:
        header: The facts of the data set.
        attributes: Every root attribute by name, as plain Python values.

    Raises:
        InputError: Where the file is damaged, of a newer schema, or not self-consistent.
    """

    def __init__(self, path: Path, cache: int = CACHE_BYTES) -> None:
        self.path = path
        self._rows: CheckedRows | None = None
        self._opened: dict[str, tuple[Any, Checksums | None]] = {}
        self._content_checked = False
        with reading(str(path)):
            self._file = h5py.File(
                path, "r", rdcc_nbytes=cache, rdcc_nslots=_CACHE_SLOTS, locking="best-effort"
            )
        try:
            check_values_inside(path, self._file)
            with reading(f"{path}: its attributes"):
                self.attributes = {name: plain(v) for name, v in self._file.attrs.items()}
            self.header = _header(path, self._file, self.attributes)
            self._check_layout()
        except BaseException:
            self._file.close()
            raise
        head = self.header
        size = "x".join(map(str, head.shape))
        super().__init__(
            f"{path} ({head.model} {size}, {SCHEMA})",
            head.shape,
            head.n,
            head.chains,
            {"model": head.model, **head.couplings} if head.couplings else None,
        )

    def packed(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Configurations start..stop-1 as they are stored, uint8."""
        with self._reading_checked(SPINS) as (dataset, sums):
            if self._rows is not None:
                return self._rows.read(start, stop)
            return read_checked(dataset, sums, start, stop)

    def decode(self, configurations: torch.Tensor) -> torch.Tensor:
        """Stored configurations as the states of their model; the attribute `encoding` says how.

        Args:
            configurations: int8 of +1/-1, shape (n, *shape), from `read`.

        Returns:
            int8: spins, Potts states 0 ... q - 1, spins 0 at empty sites, bonds of dimers.

        Raises:
            InputError: For a model that this version of rsmi does not know.
        """
        return self._known().decode(configurations)

    @cached_property
    def meaning(self) -> Recorded | Declared | None:
        """The model, else the space that the file names; None for a model of another version."""
        head, text = self.header, self.header.space
        if (known := recorded(head)) is not None:
            if text and not _agree(known.space, text):
                raise InputError(
                    f"{self.path} says that its space is {shortened(text)}, but the space of its "
                    f"model {head.model!r} is {shortened(known.space.to_text())}: the file is "
                    "damaged, or was changed after it was written; copy it again from its source, "
                    "or draw the samples again from its recipe"
                )
            return known
        if text or "encoding" not in self.attributes:
            space = Space.from_text(text) if text else Space.hypercubic(head.shape, SPIN)
            return _declared(self.path, space, head.shape)
        return None

    def letters(self, start: int, stop: int) -> torch.Tensor:
        """Configurations start..stop-1 as letters of the space; bits where they are the letters."""
        if self.meaning is None or not self.meaning.bits:
            return super().letters(start, stop)
        self.check_range(start, stop)
        bits = unpack_bits(self.packed(start, stop), self.shape[-1])
        return torch.from_numpy(bits.reshape(-1, *self.meaning.space.shape))

    def _known(self) -> Recorded:
        if not isinstance(self.meaning, Recorded):
            raise InputError(
                f"{self.path} holds the model {self.header.model!r}, which this version of rsmi "
                "does not know; upgrade rsmi"
            )
        return self.meaning

    @property
    def block_checksums(self) -> bool:
        """Whether each block has its XXH64; files of version 0.1.0 have none."""
        return SUMS in self._file

    def check_seal(self) -> bool:
        """Whether every byte outside the spins is as it was written; False where there is no seal.

        Raises:
            InputError: Where the seal is broken.
        """
        if self._file.userblock_size != SEAL_BYTES:  # repacked by another program
            return False
        if not seal_holds(self.path):
            raise InputError(
                f"{self.path} does not have the bytes it was written with: its SHA-256 seal is "
                "broken; copy it again from its source, or delete it and draw the samples again "
                "from its recipe"
            )
        return True

    def check_content(self) -> None:
        """Read everything and compare it with the SHA-256 in the attribute `content_sha256`.

        Raises:
            InputError: Where a chunk is damaged, or the content is not what was written.
        """
        with reading(f"{self.path}: its content"):
            found = content_digest(self._file)
        stored = self.attributes.get(CONTENT_DIGEST)
        if found != stored:
            raise InputError(
                f"{self.path}: attribute {CONTENT_DIGEST!r} is {stored}, but the content has "
                f"{found}: the file is damaged, or was changed after it was written; copy it "
                "again from its source, or delete it and draw the samples again from its recipe"
            )
        self._content_checked = True

    def stored(self) -> dict[str, NDArray[np.float64]]:
        """Energy and magnetisation as they are in the file."""
        kept = ("energy", "magnetisation")
        return {name: self.observable(name) for name in kept if name in self.header.observables}

    def raw(self) -> Any:
        """The open HDF5 file."""
        return self._file

    def close(self) -> None:
        """Release the file."""
        self._file.close()
        if self._rows is not None:
            self._rows.close()
            self._rows = None

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        return unpack(self.packed(start, stop), self.shape[-1])

    def _take(self, indices: NDArray[np.int64]) -> NDArray[np.int8]:
        with self._reading_checked(SPINS):
            if self._rows is None:  # repacked by another program
                return super()._take(indices)
            packed = self._rows.take(indices)
        return unpack(packed, self.shape[-1])

    def _observable(self, name: str) -> NDArray[np.float64]:
        if name not in self.header.observables:
            known = ", ".join(map(repr, self.header.observables))
            raise InputError(f"{self.path} has no observable {name!r}; it has {known}")
        with self._reading_checked(f"{OBSERVABLES}/{name}") as (dataset, sums):
            return read_checked(dataset, sums, 0, self.n)

    @contextlib.contextmanager
    def _reading_checked(self, name: str) -> Iterator[tuple[Any, Checksums | None]]:
        """A dataset with its checksums; a file without any is checked as a whole, once."""
        if name not in self._opened and not self.block_checksums and not self._content_checked:
            self.check_content()
        with reading(f"{self.path}: dataset {name!r}"):
            if name not in self._opened:
                dataset = self._file[name]
                sums = Checksums.of(dataset)
                if name == SPINS:
                    self._rows = CheckedRows.of(self.path, dataset, sums)
                self._opened[name] = dataset, sums
            yield self._opened[name]

    def _check_layout(self) -> None:
        head = self.header
        expected: dict[str, tuple[type, tuple[int, ...]]] = {
            SPINS: (np.uint8, (head.n, *head.packed_shape)),
            **{f"{OBSERVABLES}/{name}": (np.float64, (head.n,)) for name in head.observables},
        }
        for name, (kind, shape) in expected.items():
            with reading(f"{self.path}: dataset {name!r}"):
                found = self._file[name].dtype, self._file[name].shape
            if found != (np.dtype(kind), shape):
                raise InputError(
                    f"{self.path}: dataset {name!r} is {found[0]} of shape {found[1]}; its "
                    f"attributes ask for {np.dtype(kind)} of shape {shape}: the file was changed "
                    "after it was written"
                )


def _header(path: Path, file: Any, facts: dict[str, Any]) -> SampleHeader:
    if facts.get("schema") != SCHEMA:
        raise InputError(
            f"{path} has schema {facts.get('schema')!r}; this version of rsmi reads {SCHEMA!r}: "
            "upgrade rsmi"
        )
    try:
        couplings = {k: float(v) for k, v in facts.items() if k.startswith(MODEL_PREFIX)}
        return SampleHeader(
            model=facts["model"],
            couplings={k.removeprefix(MODEL_PREFIX): v for k, v in couplings.items()},
            shape=tuple(facts["shape"]),
            chains=facts["chains"],
            records=_records(path, facts["n"], facts["chains"]),
            seed=facts["seed"],
            recipe=facts["recipe"],
            observables=_units(path, file),
            created=facts["created"],
            version=facts["rsmi_version"],
            space=facts.get("space", ""),
        )
    except KeyError as error:
        raise InputError(
            f"{path} lacks the root attribute {error}; a file of {SCHEMA!r} has it: the file was "
            "changed after it was written"
        ) from None


def _agree(space: Space, text: str) -> bool:
    """Whether a text describes the letters and bonds of a space, in these words or in others."""
    if text == space.to_text():
        return True
    try:
        told = Space.from_text(text)
    except InputError:
        return False
    alike = (told.shape, told.alphabet.names) == (space.shape, space.alphabet.names)
    return alike and torch.equal(
        *(found.bonds.sort(1).values.unique(dim=0) for found in (told, space))
    )


def _declared(path: Path, space: Space, shape: tuple[int, ...]) -> Declared:
    found = Declared(space)
    if found.shape != shape:
        raise InputError(
            f"{path} says that its space is {shortened(space.to_text())}, whose configurations "
            f"are kept in the shape {list(found.shape)}, but they have {list(shape)}: the file was "
            "changed after it was written; copy it again from its source"
        )
    return found


def _records(path: Path, n: int, chains: int) -> int:
    if n < 1 or chains < 1 or n % chains:
        raise InputError(
            f"{path}: {n} configurations do not make whole records of {chains} chains; the file "
            "was changed after it was written"
        )
    return n // chains


def _units(path: Path, file: Any) -> dict[str, str]:
    with reading(f"{path}: group {OBSERVABLES!r}"):
        group = file[OBSERVABLES]
        return {name: plain(group[name].attrs["unit"]) for name in group}


def plain(value: Any) -> Any:
    """Attributes and columns as plain Python values."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype.kind == "S":
        return [text.decode() for text in value.tolist()]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
