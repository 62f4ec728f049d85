"""Two pictures of a dimer configuration, bonds and sites, and the way between them.

Bonds: int8 (n, axes, *shape), +1 where a dimer lies on the bond that starts at this site and goes
forward along the axis, -1 elsewhere. This is what sample files hold, one bit per bond.

Sites: int8 (n, *shape), the direction of the partner. Square and cubic: 0 to 3 or 0 to 5, direction
2 a forward and 2 a + 1 back along axis a. Honeycomb: 0 along axis 0, 1 forward and 2 back along
axis 1. A site that is taken out has -1.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.sampling.dimers.lattice import MISSING, DimerLattice

Directions = NDArray[np.int8]
Table = NDArray[np.int32]

ALL_MATCHED = -1


@njit(cache=True, nogil=True)
def read_bonds(bonds: Directions, neighbours: Table, out: Directions) -> int:
    """Direction of the partner of each site.

    Args:
        bonds: int8 (axes, sites), +1 occupied.
        neighbours: int32 (sites, 2 axes) of `DimerLattice`.
        out: int8 (sites,), overwritten; -1 for a site without neighbours.

    Returns:
        -1, or the first site that is not covered by exactly one dimer.
    """
    axes, sites = bonds.shape
    for x in range(sites):
        covered = 0
        present = False
        out[x] = MISSING
        for a in range(axes):
            ahead, behind = neighbours[x, 2 * a], neighbours[x, 2 * a + 1]
            present |= (ahead != MISSING) | (behind != MISSING)
            if bonds[a, x] == 1:
                covered += 1 if ahead != MISSING else 2
                out[x] = 2 * a
            if behind != MISSING and bonds[a, behind] == 1:
                covered += 1
                out[x] = 2 * a + 1
        if covered != present:
            return x
    return ALL_MATCHED


@njit(cache=True, nogil=True)
def write_bonds(directions: Directions, bonds: Directions) -> None:
    """Bonds int8 (axes, sites) from the directions of the partners, the inverse of `read_bonds`."""
    axes, sites = bonds.shape
    for a in range(axes):
        for x in range(sites):
            bonds[a, x] = 1 if directions[x] == 2 * a else -1


def check_bonds(lattice: DimerLattice, configurations: Tensor) -> None:
    """Raise InputError unless the tensor is int8 of shape (n, axes, *shape)."""
    shape = lattice.configuration_shape
    if configurations.dtype != torch.int8 or configurations.shape[1:] != shape:
        raise InputError(
            f"configurations are {configurations.dtype} of shape {tuple(configurations.shape)}; "
            f"expected torch.int8 of shape (n, {', '.join(map(str, shape))}), one plane of bonds "
            "for each axis; convert or reshape them"
        )


def directions_of(lattice: DimerLattice, configurations: Tensor) -> Directions:
    """Direction of every site's partner, the form in which the updates work.

    Args:
        lattice: where the dimers live.
        configurations: bonds int8 (n, axes, *shape), +1 or -1.

    Returns:
        int8 (n, sites of the box), direction 2 a or 2 a + 1, and -1 for a site taken out.

    Raises:
        InputError: wrong type or shape, or a configuration that is no perfect matching.
    """
    check_bonds(lattice, configurations)
    bonds = configurations.detach().cpu().numpy().reshape(len(configurations), lattice.n_axes, -1)
    out = np.empty((len(bonds), bonds.shape[2]), dtype=np.int8)
    for n in range(len(bonds)):
        bad = read_bonds(bonds[n], lattice.neighbours, out[n])
        if bad != ALL_MATCHED:
            site = tuple(int(c) for c in np.unravel_index(bad, lattice.shape))
            raise InputError(
                f"configuration {n} is no perfect matching: site {site} is not covered by exactly "
                "one dimer; +1 marks an occupied bond, and every site needs one"
            )
    return out


def bonds_of(lattice: DimerLattice, directions: Directions) -> Tensor:
    """Bonds int8 (n, axes, *shape) from directions (n, sites of the box)."""
    out = np.empty((len(directions), lattice.n_axes, directions.shape[1]), dtype=np.int8)
    for n in range(len(out)):
        write_bonds(directions[n], out[n])
    return torch.from_numpy(out.reshape(-1, *lattice.configuration_shape))


def bonds_to_sites(lattice: DimerLattice, configurations: Tensor) -> Tensor:
    """Site picture of configurations of bonds.

    Args:
        lattice: where the dimers live.
        configurations: bonds int8 (n, axes, *shape), +1 or -1.

    Returns:
        int8 (n, *shape): 0 to 3 (square), 0 to 2 (honeycomb), 0 to 5 (cubic), -1 for no site.

    Raises:
        InputError: wrong type or shape, or a configuration that is no perfect matching.

    >>> from rsmi.sampling.dimers.start import columnar
    >>> lattice = DimerLattice((2, 4))
    >>> bonds_to_sites(lattice, columnar(lattice)).tolist()
    [[[2, 3, 2, 3], [2, 3, 2, 3]]]
    """
    sites = directions_of(lattice, configurations)
    if lattice.lattice == "honeycomb":
        sites = np.where(sites > 1, sites - 1, np.minimum(sites, 0)).astype(np.int8)
    return torch.from_numpy(sites.reshape(-1, *lattice.shape))


def sites_to_bonds(lattice: DimerLattice, sites: Tensor) -> Tensor:
    """Bonds from the site picture, the inverse of `bonds_to_sites`.

    Args:
        lattice: where the dimers live.
        sites: int8 (n, *shape), numbers as in `bonds_to_sites`.

    Returns:
        Bonds int8 (n, axes, *shape), +1 or -1.

    Raises:
        InputError: wrong type or shape, or two partners that do not point at each other.
    """
    if sites.dtype != torch.int8 or sites.shape[1:] != lattice.shape:
        raise InputError(
            f"sites are {sites.dtype} of shape {tuple(sites.shape)}; expected torch.int8 of shape "
            f"(n, {', '.join(map(str, lattice.shape))}); convert or reshape them"
        )
    states = sites.cpu().numpy().reshape(len(sites), -1)
    bonds = bonds_of(lattice, _directions(lattice, states))
    if not np.array_equal(bonds_to_sites(lattice, bonds).numpy().reshape(states.shape), states):
        raise InputError(
            "the sites are no dimer configuration: some partner does not point back; a site that "
            "points along a bond needs a neighbour that points the opposite way"
        )
    return bonds


def _directions(lattice: DimerLattice, states: Directions) -> Directions:
    """Directions from site states, which differ on the honeycomb lattice only."""
    if lattice.lattice != "honeycomb":
        return states
    vertical = lattice.parity.ravel().astype(np.int8)
    turned = np.where(states > 0, states + 1, states)
    return np.where(states == 0, vertical, turned).astype(np.int8)
