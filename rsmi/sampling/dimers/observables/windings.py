"""Winding numbers of the torus, which no local move can change."""

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.dimers.lattice import DimerLattice
from rsmi.sampling.dimers.pictures import check_bonds


def winding(lattice: DimerLattice, configurations: Tensor) -> Tensor:
    """Winding numbers, the staggered flux of dimers through a cut of the torus.

    W_a = sum over the sites x of a plane x_a = const of (-1)^(sum of coordinates) n_a(x), with
    n_a(x) = 1 where a dimer starts at x and goes forward along axis a. Planes of either parity give
    numbers of opposite sign, and local moves cannot change them; here it is the plane x_a = 0. On
    the honeycomb lattice W_0 counts the dimers along axis 0 in a row, whose mean is not zero.

    Args:
        lattice: a torus.
        configurations: bonds int8 (n, axes, *shape), +1 or -1.

    Returns:
        int64 (n, axes).

    Raises:
        InputError: the lattice has open boundaries, or wrong type or shape.
    """
    if lattice.boundary != "torus":
        raise InputError(
            f"boundary is {lattice.boundary!r}; winding numbers exist on a torus only; use "
            "boundary 'torus', or the height field"
        )
    check_bonds(lattice, configurations)
    signs = torch.from_numpy(1 - 2 * lattice.parity).to(configurations.device)
    planes = []
    for axis in range(lattice.n_axes):
        plane = (configurations[:, axis] == 1).select(axis + 1, 0)
        planes.append((plane * signs.select(axis, 0)).flatten(1).sum(1))
    return torch.stack(planes, 1)
