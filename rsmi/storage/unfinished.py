"""The spins of a sample file that is still being written: each goes to its final place at once."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rsmi.storage.checksums import fletcher32
from rsmi.storage.disk import write_all, writing
from rsmi.storage.journal import MAGIC
from rsmi.storage.places import CHECKSUM_BYTES, Places


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
