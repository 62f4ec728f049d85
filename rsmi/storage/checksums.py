"""Checksums: Fletcher-32, which HDF5 wants for each chunk, and XXH64, which every read is held to.

Fletcher-32 adds words modulo 65535, so it takes 0xFFFF for 0x0000: a stretch of spins that all
point up could be zeroed unseen. XXH64 (Collet 2012, https://xxhash.com) has no such twins.

HDF5 takes a Fletcher-32 sum and a copy of every chunk it reads, and reads a whole chunk again for
every single row once its cache is full. `CheckedRows` are read where they lie: in order a block at
a time, which is checked on each read; at random with one read of their own bytes, once their block
was checked.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.storage.seal import CHECKSUM_BYTES

SUMS = "xxh64"
_ROWS = "rows"
_FLETCHER32 = h5py.h5z.FILTER_FLETCHER32

_WORDS_PER_FOLD = 1 << 20  # few enough that no sum reaches 2**63

_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3 = np.uint64(0x165667B19E3779F9)
_P4 = np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)


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


@njit(cache=True, nogil=True)
def xxh64(data: NDArray[np.uint8]) -> np.uint64:
    """XXH64 of some bytes with seed 0.

    >>> hex(xxh64(np.frombuffer(b"abc", dtype=np.uint8)))
    '0x44bc2cf5ad770999'
    """
    words = data[: len(data) // 8 * 8].view(np.uint64)
    stripes = len(data) // 32 * 4
    digest = _stripes(words[:stripes]) if stripes else _P5
    digest += np.uint64(len(data))
    for word in words[stripes:]:
        digest = _rotated(digest ^ _round(np.uint64(0), word), 27) * _P1 + _P4
    rest = data[8 * len(words) :]
    if len(rest) >= 4:
        digest = _rotated(digest ^ np.uint64(rest[:4].view(np.uint32)[0]) * _P1, 23) * _P2 + _P3
        rest = rest[4:]
    for byte in rest:
        digest = _rotated(digest ^ np.uint64(byte) * _P5, 11) * _P1
    digest = (digest ^ (digest >> np.uint64(33))) * _P2
    digest = (digest ^ (digest >> np.uint64(29))) * _P3
    return digest ^ (digest >> np.uint64(32))


@njit(cache=True, nogil=True)
def _stripes(words: NDArray[np.uint64]) -> np.uint64:
    """Four words at a time, each in a lane of its own, and the lanes merged."""
    a, b, c, d = _P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1
    for i in range(0, len(words), 4):
        a, b = _round(a, words[i]), _round(b, words[i + 1])
        c, d = _round(c, words[i + 2]), _round(d, words[i + 3])
    digest = _rotated(a, 1) + _rotated(b, 7) + _rotated(c, 12) + _rotated(d, 18)
    for lane in (a, b, c, d):
        digest = (digest ^ _round(np.uint64(0), lane)) * _P1 + _P4
    return digest


@njit(cache=True, nogil=True)
def _round(lane: np.uint64, word: np.uint64) -> np.uint64:
    return _rotated(lane + word * _P2, 31) * _P1


@njit(cache=True, nogil=True)
def _rotated(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@njit(cache=True, nogil=True)
def _sums(data: NDArray[np.uint8], size: int) -> NDArray[np.uint64]:
    """XXH64 of every `size` bytes; the last piece may be short."""
    sums = np.empty(-(-len(data) // size), dtype=np.uint64)
    for i in range(len(sums)):
        sums[i] = xxh64(data[i * size : (i + 1) * size])
    return sums


class RowSums:
    """XXH64 of every block of rows, of rows that come bit by bit.

    Args:
        rows: Rows of a block.
        row_bytes: Size of a row.

    >>> sums = RowSums(2, 3)
    >>> for rows in (1, 2):
    ...     sums.add(np.zeros((rows, 3), dtype=np.uint8))
    >>> [hex(value) for value in sums.values()] == [hex(xxh64(np.zeros(n, "u1"))) for n in (6, 3)]
    True
    """

    def __init__(self, rows: int, row_bytes: int) -> None:
        self.rows, self._size = rows, rows * row_bytes
        self._done: list[NDArray[np.uint64]] = []
        self._rest = np.empty(0, dtype=np.uint8)

    def add(self, rows: NDArray[Any]) -> None:
        """Take in rows, shape (m, ...)."""
        flat = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
        if len(self._rest):
            flat = np.concatenate([self._rest, flat])
        whole = len(flat) // self._size * self._size
        self._done.append(_sums(flat[:whole], self._size))
        self._rest = flat[whole:].copy()

    def values(self) -> NDArray[np.uint64]:
        """The sums so far, uint64 (blocks,); the last block may be short."""
        last = _sums(self._rest, self._size)
        return np.concatenate([*self._done, last])

    def write(self, file: Any, name: str) -> None:
        """Keep the sums of the dataset `name` in the file, as `xxh64/name`."""
        values = self.values()
        kept = file.create_dataset(
            f"{SUMS}/{name}", data=values, chunks=(min(len(values), 4096),), fletcher32=True
        )
        kept.attrs[_ROWS] = np.int64(self.rows)


@dataclass(frozen=True)
class Checksums:
    """The sums that a file keeps of one of its datasets.

    Args:
        rows: Rows of a block.
        row_bytes: Size of a row.
        n: Rows of the dataset.
        values: XXH64 of each block, uint64 (blocks,).
    """

    rows: int
    row_bytes: int
    n: int
    values: NDArray[np.uint64]

    @classmethod
    def of(cls, dataset: Any) -> "Checksums | None":
        """The sums of an open dataset; None where its file has none.

        Raises:
            OSError: Where the file has sums, but none that fit.
        """
        group = dataset.file.get(SUMS)
        if group is None:
            return None
        kept = group[dataset.name.lstrip("/")]
        rows, n = int(kept.attrs[_ROWS]), len(dataset)
        if rows < 1 or kept.dtype != np.uint64 or kept.shape != (-(-n // rows),):
            raise OSError(f"the sums of {dataset.name} in {kept.name} do not fit it")
        row_bytes = dataset.dtype.itemsize * int(np.prod(dataset.shape[1:]))
        return cls(rows, row_bytes, n, kept[:])

    def check(self, data: NDArray[np.uint8], first: int) -> None:
        """Compare whole blocks with what was written.

        Args:
            data: Their bytes, uint8 (m,); what lies behind the last row does not count.
            first: Number of the first block.

        Raises:
            OSError: Where a block has another sum.
        """
        end = (self.n - first * self.rows) * self.row_bytes
        found = _sums(data[:end], self.rows * self.row_bytes)
        wrong = np.flatnonzero(found != self.values[first : first + len(found)])
        if len(wrong):
            row = (first + int(wrong[0])) * self.rows
            raise OSError(
                f"rows {row} to {min(row + self.rows, self.n) - 1} do not have their checksum"
            )


def read_checked(dataset: Any, sums: Checksums | None, start: int, stop: int) -> NDArray[Any]:
    """Rows start..stop-1 by HDF5, with all the blocks they lie in checked."""
    if sums is None or start == stop:
        plain: NDArray[Any] = dataset[start:stop]
        return plain
    first, end = start // sums.rows, -(-stop // sums.rows)
    rows: NDArray[Any] = np.ascontiguousarray(dataset[first * sums.rows : end * sums.rows])
    sums.check(rows.reshape(-1).view(np.uint8), first)
    return rows[start - first * sums.rows : stop - first * sums.rows]


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
