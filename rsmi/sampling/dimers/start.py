"""The ordered covering from which chains start."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.sampling.dimers.lattice import DimerLattice, inside_rows


def columnar(lattice: DimerLattice) -> Tensor:
    """A covering by parallel dimers: along the last axis of even length, in columns.

    On the square lattice with a corner taken out the first row is covered along axis 1 and the
    rest along axis 0. In the open hexagon it is one of the three that look like an empty box.

    Args:
        lattice: where the dimers live.

    Returns:
        Bonds int8 (1, axes, *shape).

    >>> columnar(DimerLattice((2, 2)))[0, 1].tolist()
    [[1, -1], [1, -1]]
    """
    bonds = np.full(lattice.configuration_shape, -1, dtype=np.int8)
    if lattice.boundary == "corner":
        bonds[1, 0, 1::2] = 1
        bonds[0, 1::2] = 1
    elif lattice.lattice == "honeycomb" and lattice.boundary == "open":
        _empty_box(bonds, lattice.shape[0] // 2)
    else:
        axis = max(a for a, side in enumerate(lattice.shape) if side % 2 == 0)
        np.moveaxis(bonds[axis], axis, 0)[::2] = 1
    return torch.from_numpy(bonds[None])


def _empty_box(bonds: NDArray[np.int8], side: int) -> None:
    """Cover the hexagon: the first sites of each row along axis 0, the others along axis 1."""
    for row, columns in inside_rows(side):
        upper = row < side
        depth = row if upper else 2 * side - 1 - row
        last = columns.start + 2 * depth + 1
        bonds[0, row, columns.start + (not upper) : last - (not upper) : 2] = 1
        bonds[1, row, last : columns.stop : 2] = 1
