"""The height field of a two-dimensional covering."""

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.dimers.lattice import DimerLattice
from rsmi.sampling.dimers.pictures import check_bonds


def height_steps(lattice: DimerLattice, configurations: Tensor) -> tuple[Tensor, Tensor]:
    """Change of the height from each face to the next one along axis 0 and along axis 1.

    Going counterclockwise around a site of the even sublattice, the height rises by 1 across an
    empty bond and falls by z - 1 across a dimer (z = 4 square, 3 honeycomb), and the other way
    round on the odd one. Face (i, j) lies between the sites (i, j) and (i + 1, j + 1); the steps
    around every inner site add up to zero because it has exactly one dimer.

    Args:
        lattice: two-dimensional.
        configurations: bonds int8 (n, 2, *shape), +1 or -1.

    Returns:
        Two int64 (n, *shape): from face (i, j) to (i + 1, j), and to (i, j + 1); with open
        boundaries only steps between inner faces mean something.

    Raises:
        InputError: a cubic lattice, or wrong type or shape.
    """
    if lattice.n_axes != 2:
        raise InputError(
            "lattice is 'cubic'; a height field exists in two dimensions only; use the winding"
        )
    check_bonds(lattice, configurations)
    signs = torch.from_numpy(1 - 2 * lattice.parity).to(configurations.device)
    exists = torch.from_numpy(lattice.bonds).to(configurations.device)
    field = signs[None, None] * exists * (lattice.coordination * (configurations == 1) - 1)
    return -field[:, 1].roll(-1, 1), field[:, 0].roll(-1, 2)


def height(lattice: DimerLattice, configurations: Tensor) -> Tensor:
    """Height of each face, summed from face (0, 0) down axis 0 and then along axis 1.

    On a torus the height gains z W_0 on a loop along axis 1 and -z W_1 along axis 0 (square
    lattice), with the winding numbers W; with open boundaries it is the same along every path.

    Args:
        lattice: two-dimensional.
        configurations: bonds int8 (n, 2, *shape), +1 or -1.

    Returns:
        int64 (n, *faces) in units of 1/z of the period; as many faces as sites on a torus, one
        fewer along each axis with open boundaries.

    Raises:
        InputError: a cubic lattice, or wrong type or shape.

    Source: Blote, Hilhorst (1982), J. Phys. A 15, L631; Kenyon, math/0310326.
    """
    down, along = height_steps(lattice, configurations)
    faces = [side - (lattice.boundary != "torus") for side in lattice.shape]
    first = down[:, : faces[0], :1].cumsum(1).roll(1, 1)
    first[:, 0] = 0
    rest = along[:, : faces[0], : faces[1] - 1].cumsum(2)
    return torch.cat([first, first + rest], 2)
