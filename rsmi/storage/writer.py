"""Write a sample file so that a kill at any moment loses at most one block."""

import hashlib
import itertools
import json
import math
import os
import struct
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import AnalysisError, InputError
from rsmi.sampling import correlation
from rsmi.storage.checksums import RowSums, fletcher32
from rsmi.storage.disk import make_directory, sync_directory, write_all, writing
from rsmi.storage.hdf5 import Hdf5Samples
from rsmi.storage.header import SampleHeader
from rsmi.storage.journal import BLOCK, HEADER, MAGIC, STATE, Journal
from rsmi.storage.layout import SCHEMA, Scalar, file_shell, planned_places
from rsmi.storage.packing import pack, unpack
from rsmi.storage.seal import CHECKSUM_BYTES, Places

# Configurations of a block, and SHA-256 of all packed spins up to its end.
_BLOCK = struct.Struct("<I32s")


class UnfinishedSpins:
    """Packed configurations in the chunks of a sample file whose other parts come later.

    Args:
        path: The file; created empty where there is none.
        places: Where its chunks lie.

    Raises:
        AnalysisError: Where the directory cannot be written.
    """

    def __init__(self, path: Path, places: Places) -> None:
        self.path, self.places = path, places
        with writing(path):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            write_all(self._file, MAGIC, 0)

    def write(self, start: int, packed: NDArray[np.uint8]) -> None:
        """Write configurations from number `start` on; when this returns they are on the disk.

        Args:
            start: How many are there already.
            packed: uint8, shape (m, ...).

        Raises:
            AnalysisError: Where the disk refuses.
        """
        first, kept = divmod(start, self.places.rows)
        chunks = self._chunks(self.read(start - kept, start), packed)
        with writing(self.path):
            write_all(self._file, chunks[:1].ravel().data, self.places.offset(first))
            write_all(self._file, chunks[1:].ravel().data, self.places.offset(first + 1))
            os.fsync(self._file)

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Configurations start..stop-1, uint8 (stop - start, bytes); zeros where the file ends."""
        rows, size = self.places.rows, self.places.size - CHECKSUM_BYTES
        first, end = start // rows, -(-stop // rows)
        places = map(self.places.offset, range(first, end))
        raw = b"".join(os.pread(self._file, size, place).ljust(size, b"\0") for place in places)
        found = np.frombuffer(raw, dtype=np.uint8).reshape(-1, self.places.row_bytes)
        return found[start - first * rows : stop - first * rows]

    def complete(self, parts: Iterable[tuple[int, bytes | memoryview]]) -> None:
        """Write all other parts of the file, in order; when this returns it is on the disk.

        Args:
            parts: Where each begins, and its bytes.

        Raises:
            AnalysisError: Where the disk refuses.
        """
        with writing(self.path):
            for start, part in parts:
                write_all(self._file, part, start)
            os.ftruncate(self._file, start + len(part))
            os.fsync(self._file)

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def _chunks(self, kept: NDArray[np.uint8], packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Whole chunks with their checksums; the first begins with what it held before."""
        rows, flat = self.places.rows, packed.reshape(len(packed), -1)
        first, rest = np.split(flat, [rows - len(kept)])
        whole, tail = np.split(rest, [len(rest) // rows * rows])
        count = -(-(len(kept) + len(flat)) // rows)
        chunks = np.empty((count, self.places.size), dtype=np.uint8)
        chunks[-1] = 0  # what is not written yet
        cells = chunks[:, :-CHECKSUM_BYTES].reshape(count, rows, -1)
        cells[0, : len(kept)] = kept
        cells[0, len(kept) : len(kept) + len(first)] = first
        cells[1 : 1 + len(whole) // rows] = whole.reshape(-1, rows, flat.shape[1])
        cells[-1:, : len(tail)] = tail
        sums = [fletcher32(chunk) for chunk in chunks[:, :-CHECKSUM_BYTES]]
        chunks[:, -CHECKSUM_BYTES:] = np.array(sums, "<u4").view(np.uint8).reshape(len(sums), -1)
        return chunks


def journal_path(path: Path) -> Path:
    """Where the journal of an unfinished sample file lies.

    >>> journal_path(Path("runs/samples.h5")).name
    'samples.h5.partial'
    """
    return path.with_name(path.name + ".partial")


def _part_path(path: Path) -> Path:
    """Where the spins of an unfinished sample file lie."""
    return path.with_name(path.name + ".part")


def unfinished_bytes(path: Path) -> int:
    """Bytes that an interrupted run has put on the disk."""
    parts = (_part_path(path), journal_path(path))
    return sum(512 * part.stat().st_blocks for part in parts if part.exists())


def is_finished(path: str | os.PathLike[str], header: SampleHeader) -> bool:
    """Whether the file of exactly this data set is there; then drop what is left of its journal.

    Every byte of it is checked (about two seconds per GB).

    Raises:
        InputError: Where something else stands in its place, or it is damaged.
    """
    target = Path(path)
    if not target.exists():
        return False
    with Hdf5Samples(target) as samples:
        found = samples.header
        if found.digest() != header.digest():
            raise InputError(
                f"{target} holds another data set ({_difference(found, header)}); choose another "
                "--out, or delete it to draw new samples"
            )
        samples.check_seal()
        samples.check_content()
    journal_path(target).unlink(missing_ok=True)
    return True


class SampleWriter:
    """Puts spins at once where the sample file will hold them, and the rest there at the end.

    Until then a journal keeps what belongs to each block. Use `SampleWriter.open`; one process
    writes a file at a time.
    """

    def __init__(self, path: Path, header: SampleHeader, journal: Journal) -> None:
        self.path = path
        self.header = header
        self._journal = journal
        self._spins = UnfinishedSpins(_part_path(path), planned_places(header))
        self._n, self._digest = 0, hashlib.sha256()
        self._sums = RowSums(self._spins.places.rows, self._spins.places.row_bytes)
        blocks = map(_BLOCK.unpack_from, journal.payloads(BLOCK))
        whole = sum(1 for _ in itertools.takewhile(lambda block: self._take_in(*block), blocks))
        journal.keep(BLOCK, whole)
        sync_directory(path.parent)

    def _take_in(self, count: int, expected: bytes) -> bool:
        """Count a block of an interrupted run as there, if its spins are what they were."""
        digest, packed = self._digest.copy(), self._spins.read(self._n, self._n + count)
        digest.update(packed.data)
        if digest.digest() != expected:
            return False
        self._sums.add(packed)
        self._n, self._digest = self._n + count, digest
        return True

    @classmethod
    def open(cls, path: str | os.PathLike[str], header: SampleHeader, resume: bool) -> Self:
        """Start a file, or go on with an interrupted one.

        Args:
            path: The sample file to come.
            header: The facts of the data set.
            resume: Go on with the journal of an interrupted run where there is one.

        Raises:
            InputError: Where the file exists, where a journal exists and `resume` is not set, or
                where it belongs to another recipe.
            AnalysisError: Where the directory cannot be written.
        """
        target = Path(path)
        if target.exists():
            raise InputError(
                f"{target} exists; choose another --out, or delete it to draw new samples"
            )
        make_directory(target.parent)
        journal = Journal(journal_path(target))
        try:
            return cls(target, _begin(journal, header, resume), journal)
        except BaseException:
            journal.close()
            raise

    @property
    def records_done(self) -> int:
        """Configurations of each chain that are safe on disk."""
        return self._n // self.header.chains

    @property
    def state(self) -> dict[str, Any] | None:
        """What `set_state` saved, or None."""
        text = self._journal.last(STATE)
        return None if text is None else json.loads(text)

    def set_state(self, state: dict[str, Any]) -> None:
        """Save what a resumed run must know, such as the result of equilibration (JSON values)."""
        self._journal.append(STATE, json.dumps(state, sort_keys=True).encode())

    def last_configurations(self) -> torch.Tensor | None:
        """The latest configuration of every chain, int8 (chains, *shape); None before the first."""
        if self._n == 0:
            return None
        packed = self._spins.read(self._n - self.header.chains, self._n)
        last = packed.reshape(-1, *self.header.packed_shape)
        return torch.from_numpy(unpack(last, self.header.shape[-1]))

    def append(
        self,
        configurations: torch.Tensor | NDArray[np.int8],
        observables: Mapping[str, NDArray[np.float64]],
    ) -> None:
        """Add whole records; when this returns they survive a kill.

        Args:
            configurations: int8 of +1/-1, shape (m, *shape), m a multiple of the chains,
                record by record.
            observables: One value per configuration for every observable of the header, shape (m,).

        Raises:
            AnalysisError: Where the disk refuses.
        """
        packed, digest = pack(np.asarray(configurations)), self._digest.copy()
        with ThreadPoolExecutor(1) as helper:  # the sum is taken while the disk is busy
            summed = helper.submit(digest.update, packed.data)
            self._spins.write(self._n, packed)
            summed.result()
        series = [np.asarray(observables[name], "<f8") for name in self.header.observables]
        block = _BLOCK.pack(len(packed), digest.digest())
        self._journal.append(BLOCK, b"".join([block, *(values.tobytes() for values in series)]))
        self._sums.add(packed)
        self._n, self._digest = self._n + len(packed), digest

    def observable(self, name: str) -> NDArray[np.float64]:
        """One observable of all configurations so far, shape (records_done * chains,)."""
        row = list(self.header.observables).index(name)
        rows = [np.empty(0)]
        for payload in self._journal.payloads(BLOCK):
            series = np.frombuffer(payload, "<f8", offset=_BLOCK.size)
            rows.append(series.reshape(len(self.header.observables), -1)[row])
        return np.concatenate(rows)

    def finalise(
        self,
        attributes: Mapping[str, Scalar],
        autocorrelation: Mapping[str, NDArray[np.float64]],
    ) -> None:
        """Write what belongs around the spins, move the file to its place and drop the journal.

        Args:
            attributes: Further root attributes, such as `thin` and `equilibration`.
            autocorrelation: Times in records by observable, shape (chains,).

        Raises:
            AnalysisError: Where records are missing or the disk refuses.
        """
        if self.records_done != self.header.records:
            raise AnalysisError(
                f"{self.path} needs {self.header.records} records of each chain, but "
                f"{self.records_done} are done; resume the run"
            )
        observables = {name: self.observable(name) for name in self.header.observables}
        places, digest = self._spins.places, self._digest.digest()
        shell = file_shell(
            self.header, places, digest, self._sums, attributes, observables, autocorrelation
        )
        self._spins.complete(shell.sealed(SCHEMA))
        with writing(self.path):
            os.replace(self._spins.path, self.path)
            sync_directory(self.path.parent)
        self._journal.path.unlink()

    def close(self) -> None:
        """Release the files; what was appended stays."""
        self._spins.close()
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _begin(journal: Journal, header: SampleHeader, resume: bool) -> SampleHeader:
    """The header of this run: the journal's where one is resumed, so that its day is kept."""
    text = journal.last(HEADER)
    if text is None:
        journal.append(HEADER, header.to_json())
        return header
    if not resume:
        raise InputError(
            f"{journal.path} holds an interrupted run; add --resume to go on with it, choose "
            "another --out, or delete it to start again"
        )
    found = SampleHeader.from_json(text)
    if found.digest() != header.digest():
        raise InputError(
            f"{journal.path} belongs to another recipe ({_difference(found, header)}); use that "
            "recipe with --resume, choose another --out, or delete it to start again"
        )
    return found


def _difference(found: SampleHeader, asked: SampleHeader) -> str:
    names = (name for name in vars(found) if name not in ("created", "recipe"))
    pairs = ((name, getattr(found, name), getattr(asked, name)) for name in names)
    changed = [f"{name} {old} there, {new} here" for name, old, new in pairs if old != new]
    return "; ".join(changed) or "its text differs"


def autocorrelation_times(
    writer: SampleWriter, names: Iterable[str]
) -> dict[str, NDArray[np.float64]]:
    """Integrated times of observables by chain; the magnetisation is taken without its sign.

    Args:
        writer: Holds all records.
        names: Observables of the file.

    Returns:
        float64 (chains,) by name, in records; NaN where a chain is too short to tell.
    """
    found = {}
    for name in names:
        series = writer.observable(name).reshape(-1, writer.header.chains).T
        values = np.abs(series) if name == "magnetisation" else series
        found[name] = np.array([_time(chain) for chain in values])
    return found


def _time(series: NDArray[np.float64]) -> float:
    try:
        return correlation(series).time
    except (InputError, AnalysisError):
        return math.nan
