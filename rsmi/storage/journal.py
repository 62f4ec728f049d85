"""An append-only file of checksummed records: what a killed run leaves behind is still readable."""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rsmi.errors import AnalysisError, InputError
from rsmi.storage.disk import write_all, writing

MAGIC = b"RSMIjrn1"
_FRAME = struct.Struct("<4sQQI")

HEADER = b"HEAD"
STATE = b"STAT"
BLOCK = b"BLCK"


class _Record(NamedTuple):
    kind: bytes
    offset: int
    length: int


class Journal:
    """A journal opened for appending, locked against a second writer.

    The file is `MAGIC`, then records of (kind, index, length, CRC-32, payload). Opening it reads
    every record and cuts the file after the last one that is whole.

    Args:
        path: The journal; created empty where there is none.

    Raises:
        InputError: Where the file is something else, or another process is writing it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: list[_Record] = []
        self._end = len(MAGIC)
        with writing(path):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._lock()
            self._scan()
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{self.path} is being written by another process; wait for it to finish, "
                "or choose another --out"
            ) from None

    def _scan(self) -> None:
        magic = os.pread(self._file, len(MAGIC), 0)
        if not MAGIC.startswith(magic):
            raise InputError(
                f"{self.path} stands where the journal of this run belongs, but is no journal of "
                "rsmi; move it away, or choose another --out"
            )
        while (record := self._record_at(self._end)) is not None:
            self._records.append(record)
            self._end = record.offset + record.length
        os.ftruncate(self._file, self._end if self._records else 0)

    def _record_at(self, position: int) -> _Record | None:
        frame = os.pread(self._file, _FRAME.size, position)
        if len(frame) < _FRAME.size:
            return None
        kind, index, length, checksum = _FRAME.unpack(frame)
        offset = position + _FRAME.size
        if index != len(self._records) or offset + length > os.fstat(self._file).st_size:
            return None
        payload = os.pread(self._file, length, offset)
        return _Record(kind, offset, length) if _crc(frame, payload) == checksum else None

    def append(self, kind: bytes, payload: bytes) -> None:
        """Add a record; when this returns it is on disk.

        Raises:
            AnalysisError: Where the disk refuses; the journal then ends after the last record.
        """
        start = b"" if self._records else MAGIC
        frame = _FRAME.pack(kind, len(self._records), len(payload), 0)
        frame = frame[:-4] + struct.pack("<I", _crc(frame, payload))
        offset = self._end + _FRAME.size
        try:
            with writing(self.path):
                write_all(self._file, start + frame + payload, self._end - len(start))
                os.fsync(self._file)
        except AnalysisError:
            os.ftruncate(self._file, self._end if self._records else 0)
            raise
        self._records.append(_Record(kind, offset, len(payload)))
        self._end = offset + len(payload)

    def payloads(self, kind: bytes) -> Iterator[bytes]:
        """The payloads of one kind in order, one at a time."""
        for record in self._records:
            if record.kind == kind:
                yield os.pread(self._file, record.length, record.offset)

    def last(self, kind: bytes) -> bytes | None:
        """The latest payload of one kind, or None."""
        for record in reversed(self._records):
            if record.kind == kind:
                return os.pread(self._file, record.length, record.offset)
        return None

    def keep(self, kind: bytes, count: int) -> None:
        """Cut the journal before its record number `count` of one kind, if it has so many."""
        of_kind = [i for i, record in enumerate(self._records) if record.kind == kind]
        if count < len(of_kind):
            self._end = self._records[of_kind[count]].offset - _FRAME.size
            del self._records[of_kind[count] :]
            os.ftruncate(self._file, self._end)

    def close(self) -> None:
        """Release the file and its lock."""
        os.close(self._file)


def _crc(frame: bytes, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(frame[:-4]))
