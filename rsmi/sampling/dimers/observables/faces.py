"""Faces whose dimers can be rotated."""

from itertools import combinations

import torch
from torch import Tensor

from rsmi.sampling.dimers.lattice import DimerLattice
from rsmi.sampling.dimers.pictures import check_bonds


def flippable(lattice: DimerLattice, configurations: Tensor) -> Tensor:
    """Number of faces whose dimers can be rotated.

    Square and cubic: plaquettes with two parallel dimers. Honeycomb: hexagons with three dimers.

    Args:
        lattice: where the dimers live.
        configurations: bonds int8 (n, axes, *shape), +1 or -1.

    Returns:
        int64 (n,).

    Raises:
        InputError: wrong type or shape.
    """
    check_bonds(lattice, configurations)
    occupied = configurations == 1
    exists = torch.from_numpy(lattice.bonds).to(configurations.device)
    if lattice.lattice == "honeycomb":
        return _hexagons(occupied, exists)
    total = torch.zeros(len(occupied), dtype=torch.int64, device=occupied.device)
    for a, b in combinations(range(lattice.n_axes), 2):
        for along, across in ((a, b), (b, a)):
            bonds = occupied[:, along]
            pairs = bonds & bonds.roll(-1, across + 1) & exists[across]
            total += pairs.flatten(1).sum(1)
    return total


def _hexagons(occupied: Tensor, exists: Tensor) -> Tensor:
    """Hexagons with three dimers; hexagon (i, j), i + j even, has its corners in columns j..j+2."""
    rung, row = occupied[:, 0], occupied[:, 1]
    here = exists[0] & exists[1] & exists[1].roll(-1, 1)
    both_rows = row & row.roll(-1, 1)
    left = both_rows & rung.roll(-2, 2)
    right = both_rows.roll(-1, 2) & rung
    return ((left | right) & here).flatten(1).sum(1)
