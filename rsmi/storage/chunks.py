"""Rows of a dataset straight from the file, each held to the checksum of its block.

HDF5 takes a Fletcher-32 sum and a copy of every chunk it reads, and reads a whole chunk again for
every single row once its cache is full. Here rows are read where they lie: in order a block at a
time, which is checked on each read; at random with one read of their own bytes, once their block
was checked.
"""

import os
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from rsmi.storage.checksums import Checksums
from rsmi.storage.places import CHECKSUM_BYTES

_FLETCHER32 = h5py.h5z.FILTER_FLETCHER32


class CheckedRows:
    """Rows of a dataset whose chunks are whole blocks with the Fletcher-32 sum and no other filter.

    Args:
        path: The file.
        dataset: The open dataset.
        sums: The checksums of its blocks; None where the whole file was checked already.
        offsets: Where each chunk begins in the file.
    """

    def __init__(
        self, path: Path, dataset: Any, sums: Checksums | None, offsets: NDArray[np.int64]
    ) -> None:
        self._offsets, self._sums = offsets, sums
        self._rows, *row = dataset.chunks
        self._shape, self._row_bytes = tuple(row), int(np.prod(row))
        self._size = self._rows * self._row_bytes
        self._checked = np.full(len(offsets), sums is None)
        self._file = os.open(path, os.O_RDONLY)

    @classmethod
    def of(cls, path: Path, dataset: Any, sums: Checksums | None) -> Self | None:
        """Rows of a uint8 dataset; None where it is stored in another way."""
        filters = dataset.id.get_create_plist()
        plain = filters.get_nfilters() == 1 and filters.get_filter(0)[0] == _FLETCHER32
        if not plain or dataset.chunks[1:] != dataset.shape[1:] or dataset.dtype != np.uint8:
            return None
        if sums is not None and sums.rows != dataset.chunks[0]:
            return None
        size = int(np.prod(dataset.chunks)) + CHECKSUM_BYTES
        found = np.full(-(-len(dataset) // dataset.chunks[0]), -1, dtype=np.int64)

        def note(chunk: Any) -> None:
            if chunk.size == size and chunk.filter_mask == 0:
                found[chunk.chunk_offset[0] // dataset.chunks[0]] = chunk.byte_offset

        dataset.id.chunk_iter(note)
        return cls(path, dataset, sums, found) if np.all(found >= 0) else None

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Rows start..stop-1, uint8 (stop - start, *row shape); all their blocks are checked."""
        first, end = start // self._rows, -(-stop // self._rows)
        rows = self._blocks(first, end).reshape(-1, self._row_bytes)
        skip = first * self._rows
        return rows[start - skip : stop - skip].reshape(-1, *self._shape)

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The rows of these numbers, uint8 (len(indices), *row shape)."""
        chunks, inside = np.divmod(indices, self._rows)
        for chunk in np.unique(chunks[~self._checked[chunks]]).tolist():
            self._blocks(chunk, chunk + 1)
        rows = self._read(self._offsets[chunks] + inside * self._row_bytes, self._row_bytes)
        return rows.reshape(-1, *self._shape)

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def _blocks(self, first: int, end: int) -> NDArray[np.uint8]:
        """The bytes of the blocks first..end-1, checked."""
        blocks = self._read(self._offsets[first:end], self._size)
        if self._sums is not None:
            self._sums.check(blocks, first)
        self._checked[first:end] = True
        return blocks

    def _read(self, places: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """The `size` bytes at each place, one behind another."""
        found = np.empty(len(places) * size, dtype=np.uint8)
        view = found.data
        for i, place in enumerate(places.tolist()):
            if os.preadv(self._file, [view[i * size : (i + 1) * size]], place) < size:
                raise OSError("it ends too early")
        return found
