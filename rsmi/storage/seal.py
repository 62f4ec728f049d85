"""Where the chunks of spins lie in a sample file, what is around them, and two SHA-256 sums.

The content digest names the data whatever the layout, so a repacked copy keeps it. The seal, kept
in the HDF5 user block, covers every byte behind it but the chunks of spins, which have the content
digest and their own checksums: no flipped bit goes unseen, and spins are read once to be checked.
"""

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np

from rsmi.storage.base import reading

CHECKSUM_BYTES = 4
SEAL_BYTES = 512
SAMPLES = "rsmi.samples/1"
SPINS = "spins"
_TITLE = "{schema} sealed by SHA-256 of the bytes from 512 on that are no chunk of spins: "
_PIECE_BYTES = 4 << 20

Stretch = tuple[int, int]  # first byte and end


@dataclass(frozen=True)
class Places:
    """Chunks of equal size, one behind another; the index of HDF5 lies behind the first.

    Args:
        rows: Configurations in a chunk.
        row_bytes: Size of a packed configuration.
        count: Number of chunks.
        first: Where the first chunk begins in the file.
        gap: Bytes between the first two chunks.
    """

    rows: int
    row_bytes: int
    count: int
    first: int
    gap: int

    @classmethod
    def of(cls, spins: Any) -> Self:
        """The places of a dataset whose first two chunks have been written."""
        rows, *row = spins.chunks
        row_bytes, count = int(np.prod(row)), -(-len(spins) // rows)
        first, second = (spins.id.get_chunk_info(i).byte_offset for i in (0, min(1, count - 1)))
        gap = second - first - (rows * row_bytes + CHECKSUM_BYTES) if count > 1 else 0
        return cls(rows, row_bytes, count, first, gap)

    @property
    def size(self) -> int:
        """Bytes of a chunk with its checksum."""
        return self.rows * self.row_bytes + CHECKSUM_BYTES

    @property
    def stretches(self) -> tuple[Stretch, Stretch]:
        """The first chunk, and all others."""
        return (self.first, self.first + self.size), (self.offset(1), self.offset(self.count))

    def offset(self, chunk: int) -> int:
        """Where a chunk begins in the file."""
        return self.first + chunk * self.size + (self.gap if chunk else 0)


def around(stretches: Iterable[Stretch], start: int, end: int) -> Iterator[Stretch]:
    """What is left of a file from `start` to `end`, in order.

    >>> list(around([(4, 6), (7, 9)], 1, 12))
    [(1, 4), (6, 7), (9, 12)]
    """
    edges = [start, *chain(*stretches), end]
    return zip(edges[::2], edges[1::2], strict=True)


def content_digest(file: Any, known: Mapping[str, bytes] | None = None) -> str:
    """SHA-256 over every attribute and every decoded value of an open HDF5 file.

    Objects are taken in the order of their names; each adds its name, its attributes (name, type,
    shape, bytes, in the order of their names) and, for a dataset, its type, shape and the SHA-256
    of its values in row-major order. The root attribute `content_sha256` itself is left out.

    Args:
        file: The file.
        known: SHA-256 of the values of datasets that need not be read.
    """
    digest = hashlib.sha256()
    names: list[str] = []
    file.visit(names.append)
    for name in ["/", *sorted(names)]:
        node = file[name]
        digest.update(f"{name}\n".encode())
        _add_attributes(digest, node)
        if hasattr(node, "dtype"):
            digest.update(f"{node.dtype.str} {node.shape}\n".encode())
            digest.update((known or {}).get(name) or _values_digest(node))
    return digest.hexdigest()


def _add_attributes(digest: Any, node: Any) -> None:
    for name in sorted(node.attrs):
        if name != "content_sha256":
            value = np.asarray(node.attrs[name])
            digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
            digest.update(value.tobytes())


def _values_digest(dataset: Any) -> bytes:
    digest = hashlib.sha256()
    rows = max(1, _PIECE_BYTES * len(dataset) // max(1, dataset.nbytes))
    for start in range(0, len(dataset), rows):
        digest.update(dataset[start : start + rows].tobytes())
    return digest.digest()


def seal(pieces: Iterable[bytes | memoryview], schema: str = SAMPLES) -> bytes:
    """The user block that belongs to these bytes of a file, `SEAL_BYTES` long."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    title = _TITLE.format(schema=schema)
    return f"{title}{digest.hexdigest()}\n".encode().ljust(SEAL_BYTES, b"\0")


def file_seal(path: Path, schema: str = SAMPLES) -> bytes:
    """The user block that belongs to the bytes of a file as it is.

    Raises:
        InputError: Where not even the places of its chunks can be read.
    """
    with reading(str(path)), h5py.File(path, "r", locking="best-effort") as file:
        chunks = Places.of(file[SPINS]).stretches if SPINS in file else ()
    return seal(_pieces(path, around(chunks, SEAL_BYTES, path.stat().st_size)), schema)


def seal_holds(path: Path, schema: str = SAMPLES) -> bool:
    """Whether the user block is exactly the seal of the bytes behind it."""
    with path.open("rb") as file:
        return file.read(SEAL_BYTES) == file_seal(path, schema)


def _pieces(path: Path, stretches: Iterable[Stretch]) -> Iterator[bytes]:
    with path.open("rb") as file:
        for start, end in stretches:
            file.seek(start)
            for position in range(start, end, _PIECE_BYTES):
                yield file.read(min(_PIECE_BYTES, end - position))


class Shell(io.BytesIO):
    """What HDF5 writes around the chunks of spins, which are on the disk already.

    HDF5 2.0 can crash the process when a write fails, so a full disk must not reach it anyway.

    Args:
        holes: The stretches; what is written into them is dropped.
    """

    def __init__(self, holes: Sequence[Stretch]) -> None:
        super().__init__()
        self._holes, self._position, self._end = holes, 0, 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position of the whole file."""
        self._position = offset + (self._end if whence == os.SEEK_END else 0)
        super().seek(self._kept(self._position))
        return self._position

    def write(self, data: Any) -> int:
        """Write at the position, unless it lies in a hole."""
        self._end = max(self._end, self._position + len(data))
        if any(first <= self._position < end for first, end in self._holes):
            return len(data)
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the whole file."""
        self._end = size or 0
        self.seek(0, os.SEEK_END)
        return super().truncate()

    def sealed(self, schema: str) -> list[tuple[int, bytes | memoryview]]:
        """The parts of the file around the holes, each with its place, and the seal before them."""
        whole = self.getvalue().ljust(self._kept(self._end), b"\0")
        rest, parts = memoryview(whole)[SEAL_BYTES:], []
        for start, end in around(self._holes, SEAL_BYTES, self._end):
            parts.append((start, rest[: end - start]))
            rest = rest[end - start :]
        return [(0, seal((part for _, part in parts), schema)), *parts]

    def _kept(self, position: int) -> int:
        """Bytes before a position that are no part of a hole."""
        return position - sum(max(0, min(end, position) - first) for first, end in self._holes)
