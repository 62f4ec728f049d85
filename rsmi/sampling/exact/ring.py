"""What a ring of spins around a window says about the block inside, by exact contraction."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Window
from rsmi.sampling.exact.ring_kernel import contract_rings

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
    output = np.empty((len(rings), 1 << math.prod(block)))
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
        contract_rings(
            rings, self.coupling, height, width, self.buffer, self.bit_column, self.weights, output
        )


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
    around = 2 * sum(window.block) + 8 * window.buffer + 4
    if rings.dim() != 2 or rings.shape[1] != around or rings.dtype != torch.int8:
        raise InputError(
            f"rings have shape {list(rings.shape)} and dtype {rings.dtype}; a block of "
            f"{list(window.block)} with buffer {window.buffer} has rings of shape "
            f"[n, {around}], int8 (see Placement.cut)"
        )
    if not bool((rings.abs() == 1).all()):
        raise InputError("rings hold values other than +1 and -1; convert the spins first")
    if not (math.isfinite(coupling) and abs(coupling) <= _MAX_COUPLING):
        raise InputError(
            f"coupling K = J/T is {coupling}; expected a finite number of size <= {_MAX_COUPLING}"
        )
    bits = math.prod(window.block) + 2 * window.buffer
    if bits > _MAX_TABLE_BITS or window.block[1] + 2 * window.buffer > _MAX_TABLE_BITS:
        raise InputError(
            f"a block of {list(window.block)} with buffer {window.buffer} needs tables of "
            f"2**{bits} entries per ring; at most 2**{_MAX_TABLE_BITS}: take a smaller block or "
            "buffer"
        )
