"""Unsatisfied bonds of packed spins: compiled, vectorised over the words of a chunk of rows."""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit

DIRECTIONS = 6
CHUNK = 512
"""Words treated at once; the buffer fits into the first-level cache."""

_ZERO, _LAST = np.uint32(0), np.uint32(31)

Words = NDArray[np.uint32]
Lattice = NDArray[np.uint32]
Rows = NDArray[np.int64]
Geometry = tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64], np.uint32, np.uint32]


@njit(cache=True, nogil=True, forceinline=True)
def _bonds(mine: Words, other: Words, sense: np.uint32, out: Words) -> None:
    """Unsatisfied bonds between two rows of words."""
    for i in range(mine.size):
        out[i] = mine[i] ^ other[i] ^ sense


@njit(cache=True, nogil=True, forceinline=True)
def _side_bonds(
    mine: Words,
    other: Words,
    forward: Words,
    width: int,
    turn: np.uint32,
    sense: np.uint32,
    out: Words,
) -> None:
    """Bonds along the rows to the word after, or before, the one at the same place.

    One word of each row has its neighbour at the other end of the row; it comes last.
    """
    end = out.size - 1
    out[0] = mine[0] ^ other[min(1, end)] ^ sense
    out[end] = mine[end] ^ other[max(end - 1, 0)] ^ sense
    for i in range(1, end):
        side = (other[i + 1] & forward[i]) | (other[i - 1] & ~forward[i])
        out[i] = mine[i] ^ side ^ sense
    for first in range(0, out.size, width):
        ahead = forward[first] != _ZERO
        last = first + width - 1
        i, j = (last, first) if ahead else (first, last)
        right = turn if ahead else (turn * _LAST) & _LAST
        left = (turn * _LAST) & _LAST if ahead else turn
        out[i] = mine[i] ^ ((other[j] >> right) | (other[j] << left)) ^ sense


@njit(cache=True, nogil=True, forceinline=True)
def _row_bonds(
    mine: Lattice,
    other: Lattice,
    start: int,
    stop: int,
    next_rows: Rows,
    common: int,
    sense: np.uint32,
    out: Words,
) -> None:
    """Bonds to the next rows along one axis: all at the common step, then rows with another one."""
    rows, width = next_rows.size, mine.shape[1]
    first, last = max(start, -common), min(stop, mine.shape[0] - common)
    if first < last:
        here, there = mine[first:last].reshape(-1), other[first + common : last + common]
        _bonds(here, there.reshape(-1), sense, out[(first - start) * width :])
    inside = start % rows
    for row in range(start, stop):
        step = next_rows[inside] - inside
        if step != common:
            place = (row - start) * width
            for j in range(width):
                out[place + j] = mine[row, j] ^ other[row + step, j] ^ sense
        inside += 1
        inside = 0 if inside == rows else inside


@njit(cache=True, nogil=True, forceinline=True)
def find_bonds(
    buffer: Words,
    mine: Lattice,
    other: Lattice,
    start: int,
    stop: int,
    forward: Words,
    geometry: Geometry,
) -> None:
    """Unsatisfied bonds of the spins in some rows, the first rows of the buffer by direction."""
    _, next_rows, common, turn, sense = geometry
    width = mine.shape[1]
    count = (stop - start) * width
    here, there = mine[start:stop].reshape(-1), other[start:stop].reshape(-1)
    _bonds(here, there, sense, buffer[:count])
    out = buffer[CHUNK : CHUNK + count]
    _side_bonds(here, there, forward, width, turn, sense, out)
    for axis in range(next_rows.shape[0]):
        first = (axis + 2) * CHUNK
        out = buffer[first : first + count]
        _row_bonds(mine, other, start, stop, next_rows[axis], common[axis], sense, out)
