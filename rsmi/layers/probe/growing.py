"""Arrays that grow row by row and stay in one place."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_FIRST = 1024


class GrowingArray:
    """Rows appended in batches.

    Many small arrays that live on between large ones that do not would keep the memory of the
    large ones from being used again; a few large ones do not.

    Args:
        width: Entries of a row.
        dtype: Of the entries.
        expected: Number of rows, where it is known; without, room is doubled when it ends.

    >>> rows = GrowingArray(2, np.int64, expected=None)
    >>> rows.append(np.array([[1, 2], [3, 4]]))
    >>> rows.array.tolist()
    [[1, 2], [3, 4]]
    """

    def __init__(self, width: int, dtype: DTypeLike, expected: int | None) -> None:
        self._buffer = np.empty((expected or _FIRST, width), dtype=dtype)
        self._rows = 0

    def append(self, rows: NDArray[Any]) -> None:
        """Copy (n, width) rows to the end."""
        end = self._rows + len(rows)
        if end > len(self._buffer):
            larger = np.empty(
                (max(end, 2 * len(self._buffer)), self._buffer.shape[1]), self._buffer.dtype
            )
            larger[: self._rows] = self._buffer[: self._rows]
            self._buffer = larger
        self._buffer[self._rows : end] = rows
        self._rows = end

    def halve(self) -> None:
        """Forget every second row, the first excepted."""
        kept = self._buffer[: self._rows : 2].copy()
        self._rows = len(kept)
        self._buffer[: self._rows] = kept

    @property
    def array(self) -> NDArray[Any]:
        """All rows so far, (n, width), not copied."""
        return self._buffer[: self._rows]
