"""All of an HDF5 file but some stretches, in memory."""

import io
import os
from collections.abc import Sequence
from typing import Any

from rsmi.storage.places import Stretch, around
from rsmi.storage.seal import SEAL_BYTES, seal


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
