"""Compiled ways from spins to words and back, and the arrays that describe a packed lattice."""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.multispin_bonds import CHUNK, Geometry
from rsmi.sampling.words import LANES, WordLattice

_ALL = 0xFFFFFFFF


def kernel_geometry(lattice: WordLattice, antiferromagnetic: bool) -> Geometry:
    """What the compiled sweep needs to know about the lattice.

    Args:
        lattice: the packed lattice.
        antiferromagnetic: whether a bond between parallel spins is the unsatisfied one.

    >>> kernel_geometry(WordLattice((4, 4)), False)[1].shape
    (2, 4)
    """
    together = max(1, CHUNK // (lattice.rows * lattice.width))
    ahead = np.stack([lattice.parity == 1, lattice.parity == 0])
    words = np.where(np.repeat(ahead, lattice.width, axis=1), np.uint32(_ALL), np.uint32(0))
    return (
        np.ascontiguousarray(np.tile(words, (1, together))),
        lattice.next_rows,
        _common_steps(lattice.next_rows),
        np.uint32(lattice.packing == "sites"),
        np.uint32(_ALL if antiferromagnetic else 0),
    )


def _common_steps(next_rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Step to the next row that most rows have, for each direction."""
    steps = next_rows - np.arange(next_rows.shape[1])
    counted = [np.unique(direction, return_counts=True) for direction in steps]
    return np.array([values[counts.argmax()] for values, counts in counted], dtype=np.int64)


@njit(cache=True, nogil=True)
def pack_groups(
    spins: NDArray[np.int8],
    words: NDArray[np.uint32],
    parity: NDArray[np.uint8],
    strides: tuple[int, int, int],
    first_group: int,
    last_group: int,
) -> None:
    """Set the bit of each spin that is up.

    Args:
        spins: int8 (sites of all chains,).
        words: uint32 (2, groups * rows, width), overwritten; idle lanes become 0.
        parity: uint8 (rows,), sum of the coordinates of each row modulo 2.
        strides: spins from one group, lane and row to the next.
        first_group, last_group: the groups to treat, the last one not included.
    """
    rows, width = parity.size, words.shape[2]
    group_step, lane_step, row_step = strides
    words[:, first_group * rows : last_group * rows] = np.uint32(0)
    for group in range(first_group, last_group):
        lanes = min(LANES, (spins.size - group * group_step) // lane_step)
        for lane in range(lanes):
            for row in range(rows):
                start = group * group_step + lane * lane_step + row * row_step
                source = spins[start : start + 2 * width]
                even = words[parity[row], group * rows + row]
                odd = words[1 - parity[row], group * rows + row]
                for j in range(width):
                    even[j] |= np.uint32(source[2 * j] > 0) << np.uint32(lane)
                    odd[j] |= np.uint32(source[2 * j + 1] > 0) << np.uint32(lane)


@njit(cache=True, nogil=True)
def unpack_groups(
    words: NDArray[np.uint32],
    spins: NDArray[np.int8],
    parity: NDArray[np.uint8],
    strides: tuple[int, int, int],
    first_group: int,
    last_group: int,
) -> None:
    """Undo `pack_groups`; the arguments are the same."""
    rows, width = parity.size, words.shape[2]
    group_step, lane_step, row_step = strides
    one = np.uint32(1)
    for group in range(first_group, last_group):
        lanes = min(LANES, (spins.size - group * group_step) // lane_step)
        for lane in range(lanes):
            shift = np.uint32(lane)
            for row in range(rows):
                start = group * group_step + lane * lane_step + row * row_step
                target = spins[start : start + 2 * width]
                even = words[parity[row], group * rows + row]
                odd = words[1 - parity[row], group * rows + row]
                for j in range(width):
                    target[2 * j] = np.int8(2 * np.int8((even[j] >> shift) & one) - 1)
                    target[2 * j + 1] = np.int8(2 * np.int8((odd[j] >> shift) & one) - 1)
