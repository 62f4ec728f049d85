"""What a ring of spins around a window says about the block inside, by exact contraction."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Window

_CHUNK = 256
_MAX_TABLE_BITS = 22
_MAX_COUPLING = 5.0

Floats = NDArray[np.float64]


def ring_posterior(rings: Tensor, coupling: float, block: tuple[int, int], buffer: int) -> Tensor:
    r"""Exact p(v | ring) of the square-lattice Ising model on a lattice of any size.

    .. math:: p(v|e) \propto \sum_{b} e^{K \sum_{(ij)} s_i s_j}

    over the buffer spins b. With nearest-neighbour couplings the ring of sites that touch the
    buffer screens everything beyond, so this is the posterior given the whole outside. Rows of
    the patch are summed out with transfer vectors from the top and from the bottom, which meet
    below the block; block columns stay open while block rows are passed.

    Args:
        rings: (n, n_ring) int8 of +1 and -1: the environment of `Window(block, buffer)` in
            row-major order. The four corners are included and have no effect.
        coupling: K = J/T, |K| <= 5.
        block: Extents of the visible block.
        buffer: Width of the buffer, in sites.

    Returns:
        (n, 2**n_v) float64, column v as in `rsmi.lattice.state_index`.

    Raises:
        InputError: For rings of another size or dtype, spins that are not +1 or -1, a coupling
            out of range, or a window too large to contract.

    >>> rings = torch.ones(1, 12, dtype=torch.int8)
    >>> p = ring_posterior(rings, coupling=0.5, block=(2, 2), buffer=0)
    >>> p.shape, int(p.argmax())
    (torch.Size([1, 16]), 15)
    """
    window = Window(block, buffer)
    _check(rings, coupling, window)
    tables = _RowTables(coupling, window)
    output = np.empty((len(rings), 1 << window.n_visible))
    values = rings.contiguous().numpy()
    pieces = [slice(i, i + _CHUNK) for i in range(0, len(rings), _CHUNK)]
    with ThreadPoolExecutor(max(torch.get_num_threads(), 1)) as pool:
        list(pool.map(lambda piece: tables.contract(values[piece], output[piece]), pieces))
    return torch.from_numpy(output)


class _RowTables:
    """Everything about a row of the patch that does not depend on the ring.

    A state of a row of C sites is v * 2**n_o + o: the block's columns in v, all others in o.
    """

    def __init__(self, coupling: float, window: Window) -> None:
        self.coupling = coupling
        self.block = window.block
        self.buffer = window.buffer
        columns = window.block[1] + 2 * window.buffer
        inside = range(window.buffer, window.buffer + window.block[1])
        outside = [c for c in range(columns) if c not in inside]
        self.bit_column = np.array([*outside, *inside], dtype=np.int64)
        spins = _row_spins(self.bit_column)
        self.weights = _row_weights(spins, coupling)

    def contract(self, rings: NDArray[np.int8], output: Floats) -> None:
        """Fill p(v | ring) of some rings."""
        height, width = self.block
        _contract(rings, self.coupling, height, width, self.buffer, self.bit_column,
                  self.weights, output)  # fmt: skip


def _row_spins(bit_column: NDArray[np.int64]) -> Floats:
    """Spins of each row state in the order of the columns, (2**C, C)."""
    states = np.arange(1 << len(bit_column))[:, None]
    spins = np.empty((len(states), len(bit_column)))
    spins[:, bit_column] = 2.0 * ((states >> np.arange(len(bit_column))) & 1) - 1
    return spins


def _row_weights(spins: Floats, coupling: float) -> Floats:
    """Weights of row states with the four pairs of outer neighbours: (4, 2**C).

    Row 2 * (right > 0) + (left > 0).
    """
    inner = (spins[:, 1:] * spins[:, :-1]).sum(1)
    pairs = [(left, right) for right in (-1, 1) for left in (-1, 1)]
    fields = np.stack([inner + a * spins[:, 0] + b * spins[:, -1] for a, b in pairs])
    weights: Floats = np.exp(coupling * (fields - fields.max()))
    return weights


def _check(rings: Tensor, coupling: float, window: Window) -> None:
    if len(window.block) != 2:
        raise InputError(
            f"block is {list(window.block)}; the ring contraction needs two extents, such as [2, 2]"
        )
    if rings.dim() != 2 or rings.shape[1] != window.n_environment or rings.dtype != torch.int8:
        raise InputError(
            f"rings have shape {list(rings.shape)} and dtype {rings.dtype}; a block of "
            f"{list(window.block)} with buffer {window.buffer} has rings of shape "
            f"[n, {window.n_environment}], int8 (see Window.cut)"
        )
    if not bool((rings.abs() == 1).all()):
        raise InputError("rings hold values other than +1 and -1; convert the spins first")
    if not (math.isfinite(coupling) and abs(coupling) <= _MAX_COUPLING):
        raise InputError(
            f"coupling K = J/T is {coupling}; expected a finite number of size <= {_MAX_COUPLING}"
        )
    bits = window.n_visible + 2 * window.buffer
    if bits > _MAX_TABLE_BITS or window.block[1] + 2 * window.buffer > _MAX_TABLE_BITS:
        raise InputError(
            f"a block of {list(window.block)} with buffer {window.buffer} needs tables of "
            f"2**{bits} entries per ring; at most 2**{_MAX_TABLE_BITS}: take a smaller block or "
            "buffer"
        )


@njit(cache=True, nogil=True)
def _contract(
    rings: NDArray[np.int8],
    coupling: float,
    height: int,
    width: int,
    buffer: int,
    bit_column: NDArray[np.int64],
    weights: Floats,
    output: Floats,
) -> None:
    """Posterior of each ring; see `ring_posterior`."""
    columns = width + 2 * buffer
    rows = height + 2 * buffer
    n_o = 2 * buffer
    ratio = np.exp(-2 * coupling)
    top = np.empty(1 << columns)
    bottom = np.empty(1 << columns)
    work = np.empty(1 << (width * height + n_o))
    other = np.empty(1 << (width * height + n_o))
    last = columns + 2 + 2 * rows  # where the ring's bottom row starts
    for n in range(rings.shape[0]):
        ring = rings[n]
        _edge(ring[1 : columns + 1], coupling, bit_column, top)
        _edge(ring[last + 1 : last + columns + 1], coupling, bit_column, bottom)
        for row in range(buffer):
            _multiply(top, weights[_sides(ring, columns, row)])
            _transfer(top, columns, ratio)
            _multiply(bottom, weights[_sides(ring, columns, rows - 1 - row)])
            _transfer(bottom, columns, ratio)
        _multiply(top, weights[_sides(ring, columns, buffer)])
        work[: top.size] = top
        for k in range(1, height):
            row_weights = weights[_sides(ring, columns, buffer + k)]
            _transfer(work[: 1 << (width * k + n_o)], n_o, ratio)
            _open_row(work, other, width, n_o, k, coupling, row_weights)
            work, other = other, work
        _close(work, bottom, width, height, n_o, output[n])


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
                target[start + o] = factor * source[before * n_others + o] * weights[
                    v * n_others + o
                ]  # fmt: skip


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
