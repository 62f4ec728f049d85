"""Single rows of a checksummed dataset, straight from the file once their chunk was checked.

HDF5 reads and checks a whole chunk for each row, and does so again when its cache is full. Here a
chunk is checked once, on its first use; after that a row costs one read of its own bytes.
"""

import os
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.storage.places import CHECKSUM_BYTES

_FLETCHER32 = h5py.h5z.FILTER_FLETCHER32
_WORDS_PER_FOLD = 1 << 20  # few enough that no sum reaches 2**63


@njit(cache=True, nogil=True)
def fletcher32(data: NDArray[np.uint8]) -> np.uint32:
    """The Fletcher-32 sum of HDF5: bytes as big-endian words of 16 bits, sums modulo 65535.

    A swapped word is 256 times the word modulo 65535, so the words are added as they lie in memory.

    >>> int(fletcher32(np.array([0, 1, 0, 2], dtype=np.uint8)))
    262147
    """
    words = data[: len(data) // 2 * 2].view(np.uint16)
    low, high = np.int64(0), np.int64(0)
    for first in range(0, len(words), _WORDS_PER_FOLD):
        piece = words[first : first + _WORDS_PER_FOLD]
        total, weighted = np.int64(0), np.int64(0)
        for i in range(len(piece)):
            total += np.int64(piece[i])
            weighted += np.int64(piece[i]) * i
        high = _fold(high + len(piece) * (low + total) - weighted)
        low = _fold(low + total)
    if len(data) % 2:
        low += np.int64(data[-1])
        high += low
    return np.uint32(_fold(256 * high) << 16 | _fold(256 * low))


@njit(cache=True, nogil=True)
def _fold(total: Any) -> Any:
    """A sum modulo 65535; 0 stands for words that are all zero, 65535 for other multiples."""
    return (total - 1) % 65535 + 1 if total else 0


class CheckedRows:
    """Rows of a dataset whose chunks are whole rows with the Fletcher-32 sum and no other filter.

    Args:
        path: The file.
        dataset: The open dataset.
        offsets: Where each chunk begins in the file.
    """

    def __init__(self, path: Path, dataset: Any, offsets: NDArray[np.int64]) -> None:
        self._offsets = offsets
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
        size = int(np.prod(dataset.chunks)) + CHECKSUM_BYTES
        found = np.full(-(-len(dataset) // dataset.chunks[0]), -1, dtype=np.int64)

        def note(chunk: Any) -> None:
            if chunk.size == size and chunk.filter_mask == 0:
                found[chunk.chunk_offset[0] // dataset.chunks[0]] = chunk.byte_offset

        dataset.id.chunk_iter(note)
        return cls(path, dataset, found) if np.all(found >= 0) else None

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
        raw = os.pread(self._file, size + CHECKSUM_BYTES, int(self._offsets[chunk]))
        stored = int.from_bytes(raw[size:], "little")
        if int(fletcher32(np.frombuffer(raw, dtype=np.uint8, count=size))) != stored:
            raise OSError(f"chunk {chunk} is not what its checksum says")
        self._checked[chunk] = True
