"""Write a sample file so that a kill at any moment loses at most one block."""

import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import AnalysisError, InputError
from rsmi.storage.hdf5 import Hdf5Samples
from rsmi.storage.header import SampleHeader
from rsmi.storage.journal import BLOCK, HEADER, STATE, Journal
from rsmi.storage.layout import Block, Scalar, write_file
from rsmi.storage.packing import pack, unpack

_COUNT = struct.Struct("<I")


def journal_path(path: Path) -> Path:
    """Where the journal of an unfinished sample file lies.

    >>> journal_path(Path("runs/samples.h5")).name
    'samples.h5.partial'
    """
    return path.with_name(path.name + ".partial")


def is_finished(path: str | os.PathLike[str], header: SampleHeader) -> bool:
    """Whether the file of exactly this data set is there; then drop what is left of its journal.

    Raises:
        InputError: Where another data set, or something else, stands in its place.
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
    journal_path(target).unlink(missing_ok=True)
    return True


class SampleWriter:
    """Collects configurations in a journal and turns it into a sample file at the end.

    Use `SampleWriter.open`; one process writes a file at a time.
    """

    def __init__(self, path: Path, header: SampleHeader, journal: Journal) -> None:
        self.path = path
        self.header = header
        self._journal = journal
        self._configurations = sum(_COUNT.unpack_from(b)[0] for b in journal.payloads(BLOCK))

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
        _make_directory(target.parent)
        journal = Journal(journal_path(target))
        try:
            return cls(target, _begin(journal, header, resume), journal)
        except BaseException:
            journal.close()
            raise

    @property
    def records_done(self) -> int:
        """Configurations of each chain that are safe on disk."""
        return self._configurations // self.header.chains

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
        payload = self._journal.last(BLOCK)
        if payload is None:
            return None
        packed, _ = self._decode(payload)
        last = unpack(packed[-self.header.chains :], self.header.shape[-1])
        return torch.from_numpy(last)

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
        spins = np.asarray(configurations)
        series = [np.asarray(observables[name], "<f8") for name in self.header.observables]
        payload = [_COUNT.pack(len(spins)), pack(spins).tobytes(), *(s.tobytes() for s in series)]
        self._journal.append(BLOCK, b"".join(payload))
        self._configurations += len(spins)

    def observable(self, name: str) -> NDArray[np.float64]:
        """One observable of all configurations so far, shape (records_done * chains,)."""
        values = [observables[name] for _, observables in self._blocks()]
        return np.concatenate(values) if values else np.empty(0)

    def finalise(
        self,
        attributes: Mapping[str, Scalar],
        autocorrelation: Mapping[str, NDArray[np.float64]],
    ) -> None:
        """Turn the journal into the sample file and delete it.

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
        part = self.path.with_name(self.path.name + ".part")
        try:
            write_file(part, self.header, attributes, autocorrelation, self._blocks())
            os.replace(part, self.path)
            _sync_directory(self.path.parent)
        except OSError as error:
            raise AnalysisError(
                f"could not write {self.path}: {error.strerror}; make room, then run the same "
                "command with --resume: no sample is lost"
            ) from None
        finally:
            part.unlink(missing_ok=True)
        self._journal.path.unlink()
        self.close()

    def close(self) -> None:
        """Release the journal; what was appended stays."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _blocks(self) -> Iterator[Block]:
        return map(self._decode, self._journal.payloads(BLOCK))

    def _decode(self, payload: bytes) -> Block:
        (count,) = _COUNT.unpack_from(payload)
        end = _COUNT.size + count * self.header.packed_bytes
        packed = np.frombuffer(payload[_COUNT.size : end], dtype=np.uint8)
        series = np.frombuffer(payload[end:], dtype="<f8").reshape(-1, count)
        names = self.header.observables
        return packed.reshape(count, *self.header.packed_shape), dict(
            zip(names, series, strict=True)
        )


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


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnalysisError(
            f"could not create {directory}: {error.strerror}; choose another --out"
        ) from None


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
