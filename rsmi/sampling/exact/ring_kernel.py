"""Compiled transfer-vector contraction of a patch of the square lattice inside a fixed ring."""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def contract_rings(
    rings: NDArray[np.int8],
    coupling: float,
    height: int,
    width: int,
    buffer: int,
    bit_column: NDArray[np.int64],
    weights: Floats,
    output: Floats,
) -> None:
    """Posterior of each ring of a window, as documented in `rsmi.sampling.exact.ring`.

    Args:
        rings: (n, n_ring) of +1 and -1, the ring in row-major order with its corners.
        coupling: K = J/T.
        height: Rows of the block.
        width: Columns of the block.
        buffer: Width of the buffer.
        bit_column: (C,) column of the patch that each bit of a row state stands for; the
            block's columns come last.
        weights: (4, 2**C) weights of a row's states for its four pairs of outer neighbours.
        output: (n, 2**n_v), filled with p(v | ring).
    """
    columns = width + 2 * buffer
    rows = height + 2 * buffer
    n_o = 2 * buffer
    ratio = np.exp(-2 * coupling)
    top = np.empty(1 << columns)
    bottom = np.empty(1 << columns)
    work = np.empty(1 << (width * height + n_o))
    other = np.empty(1 << (width * height + n_o))
    for n in range(rings.shape[0]):
        ring = rings[n]
        _buffer_rows(ring, coupling, rows, buffer, bit_column, weights, top, bottom)
        _multiply(top, weights[_sides(ring, columns, buffer)])
        work[: top.size] = top
        for k in range(1, height):
            row_weights = weights[_sides(ring, columns, buffer + k)]
            _transfer(work[: 1 << (width * k + n_o)], n_o, ratio)
            _open_row(work, other, width, n_o, k, coupling, row_weights)
            work, other = other, work
        _close(work, bottom, width, height, n_o, output[n])


@njit(cache=True, nogil=True)
def _buffer_rows(
    ring: NDArray[np.int8],
    coupling: float,
    rows: int,
    buffer: int,
    bit_column: NDArray[np.int64],
    weights: Floats,
    top: Floats,
    bottom: Floats,
) -> None:
    """Sum out the buffer rows above the block into `top` and those below it into `bottom`."""
    columns = bit_column.size
    ratio = np.exp(-2 * coupling)
    last = columns + 2 + 2 * rows  # where the ring's bottom row starts
    _edge(ring[1 : columns + 1], coupling, bit_column, top)
    _edge(ring[last + 1 : last + columns + 1], coupling, bit_column, bottom)
    for row in range(buffer):
        _multiply(top, weights[_sides(ring, columns, row)])
        _transfer(top, columns, ratio)
        _multiply(bottom, weights[_sides(ring, columns, rows - 1 - row)])
        _transfer(bottom, columns, ratio)


@njit(cache=True, nogil=True)
def _sides(ring: NDArray[np.int8], columns: int, row: int) -> int:
    """Which of the four pairs of left and right neighbours a row has."""
    first = columns + 2 + 2 * row
    return (1 if ring[first] > 0 else 0) + (2 if ring[first + 1] > 0 else 0)


@njit(cache=True, nogil=True)
def _edge(
    spins: NDArray[np.int8], coupling: float, bit_column: NDArray[np.int64], vector: Floats
) -> None:
    """Weights of a row of free spins under its fixed neighbours."""
    vector[0] = 1.0
    for bit in range(bit_column.size):
        like = np.exp(2 * coupling * spins[bit_column[bit]])
        half = 1 << bit
        for i in range(half):
            vector[half + i] = like * vector[i]


@njit(cache=True, nogil=True)
def _multiply(vector: Floats, weights: Floats) -> None:
    for i in range(vector.size):
        vector[i] *= weights[i]


@njit(cache=True, nogil=True)
def _transfer(vector: Floats, bits: int, ratio: float) -> None:
    """Sum over the lowest bits of a row with vertical bonds to the same bits of the next row."""
    for bit in range(bits % 2, bits, 2):
        _two_bits(vector, 1 << bit, ratio)
    if bits % 2:
        for i in range(0, vector.size, 2):
            down, up = vector[i], vector[i + 1]
            vector[i], vector[i + 1] = down + ratio * up, ratio * down + up


@njit(cache=True, nogil=True)
def _two_bits(vector: Floats, half: int, ratio: float) -> None:
    """Two neighbouring bits in one pass over memory, the lower one worth `half`."""
    for base in range(0, vector.size, 4 * half):
        for i in range(base, base + half):
            a, b = vector[i], vector[i + half]
            c, d = vector[i + 2 * half], vector[i + 3 * half]
            e, f = a + ratio * b, ratio * a + b
            g, h = c + ratio * d, ratio * c + d
            vector[i], vector[i + half] = e + ratio * g, f + ratio * h
            vector[i + 2 * half], vector[i + 3 * half] = ratio * e + g, ratio * f + h


@njit(cache=True, nogil=True)
def _open_row(
    source: Floats, target: Floats, width: int, n_o: int, k: int, coupling: float, weights: Floats
) -> None:
    """Append block row k: from (rows before, o) to (row k, rows before, o)."""
    n_before, n_row, n_others = 1 << (width * k), 1 << width, 1 << n_o
    for v in range(n_row):
        for before in range(n_before):
            unlike = v ^ (before >> (width * (k - 1)))
            bonds = 0
            for bit in range(width):
                bonds += 1 - 2 * ((unlike >> bit) & 1)
            factor = np.exp(coupling * bonds)
            start = (v * n_before + before) * n_others
            for o in range(n_others):
                target[start + o] = (
                    factor * source[before * n_others + o] * weights[v * n_others + o]
                )


@njit(cache=True, nogil=True)
def _close(work: Floats, bottom: Floats, width: int, height: int, n_o: int, output: Floats) -> None:
    """Join the block's last row with the vector from below and normalise."""
    n_others = 1 << n_o
    shift = width * (height - 1)
    total = 0.0
    for v in range(1 << (width * height)):
        start, row = v * n_others, (v >> shift) * n_others
        value = 0.0
        for o in range(n_others):
            value += work[start + o] * bottom[row + o]
        output[v] = value
        total += value
    for v in range(1 << (width * height)):
        output[v] /= total
