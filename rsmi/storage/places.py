"""Where the chunks of spins lie in a sample file, and what is left around them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np

CHECKSUM_BYTES = 4

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
