"""Single rows of a checksummed dataset, straight from the file once their chunk was checked.

HDF5 reads and checks a whole chunk for each row, and does so again when its cache is full. Here a
chunk is checked once, on its first use; after that a row costs one read of its own bytes.
"""

import os
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numba import njit
from numpy.typing import NDArray

_FLETCHER32 = h5py.h5z.FILTER_FLETCHER32
_CHECKSUM_BYTES = 4
_WORDS_PER_FOLD = 360  # most words whose sums cannot overflow 32 bits


@njit(cache=True, nogil=True)
def fletcher32(data: NDArray[np.uint8]) -> np.uint32:
    """The Fletcher-32 sum of HDF5 over an even number of bytes, as big-endian words of 16 bits.

    >>> int(fletcher32(np.array([0, 1, 0, 2], dtype=np.uint8)))
    262147
    """
    low, high = np.uint32(0), np.uint32(0)
    words = len(data) // 2
    for first in range(0, words, _WORDS_PER_FOLD):
        for i in range(first, min(first + _WORDS_PER_FOLD, words)):
            low += np.uint32(data[2 * i]) << np.uint32(8) | np.uint32(data[2 * i + 1])
            high += low
        low = (low & np.uint32(0xFFFF)) + (low >> np.uint32(16))
        high = (high & np.uint32(0xFFFF)) + (high >> np.uint32(16))
    low = (low & np.uint32(0xFFFF)) + (low >> np.uint32(16))
    high = (high & np.uint32(0xFFFF)) + (high >> np.uint32(16))
    return np.uint32(high << np.uint32(16) | low)


class CheckedRows:
    """Rows of a dataset whose chunks are whole rows with the Fletcher-32 sum and no other filter.

    Args:
        path: The file.
        dataset: The open dataset.
        offsets: Where each chunk begins in the file.
    """

    def __init__(self, path: Path, dataset: Any, offsets: NDArray[np.int64]) -> None:
        self._dataset, self._offsets = dataset, offsets
        self._rows, *row = dataset.chunks
        self._shape, self._row_bytes = tuple(row), int(np.prod(row))
        self._checked = np.zeros(len(offsets), dtype=np.bool_)
        self._file = os.open(path, os.O_RDONLY)

    @classmethod
    def of(cls, path: Path, dataset: Any) -> Self | None:
        """Rows of a uint8 dataset; None where it is stored in another way."""
        filters = dataset.id.get_create_plist()
        plain = filters.get_nfilters() == 1 and filters.get_filter(0)[0] == _FLETCHER32
        if not plain or dataset.chunks[1:] != dataset.shape[1:] or dataset.dtype != np.uint8:
            return None
        size = int(np.prod(dataset.chunks)) + _CHECKSUM_BYTES
        found = np.full(-(-len(dataset) // dataset.chunks[0]), -1, dtype=np.int64)

        def note(chunk: Any) -> None:
            if chunk.size == size and chunk.filter_mask == 0:
                found[chunk.chunk_offset[0] // dataset.chunks[0]] = chunk.byte_offset

        dataset.id.chunk_iter(note)
        return cls(path, dataset, found) if size % 2 == 0 and np.all(found >= 0) else None

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The rows of these numbers, uint8 (len(indices), *row shape)."""
        rows = np.empty((len(indices), self._row_bytes), dtype=np.uint8)
        for row, i in zip(rows, indices.tolist(), strict=True):
            chunk, inside = divmod(i, self._rows)
            if not self._checked[chunk]:
                self._check(chunk)
            place = int(self._offsets[chunk]) + inside * self._row_bytes
            row[:] = np.frombuffer(os.pread(self._file, self._row_bytes, place), dtype=np.uint8)
        return rows.reshape(-1, *self._shape)

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def _check(self, chunk: int) -> None:
        size = self._rows * self._row_bytes
        raw = os.pread(self._file, size + _CHECKSUM_BYTES, int(self._offsets[chunk]))
        stored = int.from_bytes(raw[size:], "little")
        if int(fletcher32(np.frombuffer(raw, dtype=np.uint8, count=size))) != stored:
            self._dataset[chunk * self._rows]  # HDF5 has the last word, and raises what is wrong
        self._checked[chunk] = True
