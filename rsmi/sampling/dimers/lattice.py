"""Lattices for dimers: which site lies in which direction, and which bonds exist.

Directions are numbered 2 a for one step forward along axis a and 2 a + 1 for one step back, so the
opposite of direction q is q ^ 1. The bond (a, x) starts at site x and goes forward along axis a.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError, nearest

LatticeName = Literal["square", "honeycomb", "cubic"]
Boundary = Literal["torus", "open", "corner"]

AXES = {"square": 2, "honeycomb": 2, "cubic": 3}
COORDINATION = {"square": 4, "honeycomb": 3, "cubic": 6}
MISSING = -1


@dataclass(frozen=True)
class DimerLattice:
    """A bipartite lattice that can be covered by dimers.

    The honeycomb lattice is drawn as a brick wall on the square lattice: all bonds along axis 1
    stay, and of the bonds along axis 0 those that start at a site with i + j even. Its open version
    is the regular hexagon of side k, which has 6 k^2 sites and needs a box of 2 k by 4 k.

    Args:
        shape: sites along each axis, at least 2 each.
        lattice: "square", "honeycomb" or "cubic".
        boundary: "torus"; "open"; or "corner", an open square lattice with odd sides whose site
            (0, 0) is taken out.

    Raises:
        InputError: an unknown name, a wrong number of axes, or a shape without perfect matching or
            without two sublattices.

    >>> DimerLattice((4, 6)).n_sites
    24
    """

    shape: tuple[int, ...]
    lattice: LatticeName = "square"
    boundary: Boundary = "torus"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        _check_names(self.lattice, self.boundary)
        _check_shape(self.shape, self.lattice)
        if self.boundary == "torus":
            _check_torus(self.shape)
        elif self.boundary == "open":
            _check_open(self.shape, self.lattice)
        else:
            _check_corner(self.shape, self.lattice)

    @property
    def n_axes(self) -> int:
        """Number of axes, 2 or 3."""
        return len(self.shape)

    @property
    def n_sites(self) -> int:
        """Number of sites that carry a dimer, an even number."""
        return int(self.sites.sum())

    @property
    def coordination(self) -> int:
        """Neighbours of a site inside the lattice: 4 square, 3 honeycomb, 6 cubic."""
        return COORDINATION[self.lattice]

    @property
    def configuration_shape(self) -> tuple[int, ...]:
        """Shape (axes, *shape) of one configuration of bonds."""
        return (self.n_axes, *self.shape)

    @cached_property
    def parity(self) -> NDArray[np.int64]:
        """Sublattice of each site: sum of the coordinates modulo 2, int64 of the given shape."""
        return np.indices(self.shape).sum(0) % 2

    @cached_property
    def sites(self) -> NDArray[np.bool_]:
        """Which sites of the box belong to the lattice, bool of the given shape."""
        inside = np.ones(self.shape, dtype=np.bool_)
        if self.boundary == "corner":
            inside[0, 0] = False
        if self.boundary == "open" and self.lattice == "honeycomb":
            inside[:] = False
            for row in inside_rows(self.shape[0] // 2):
                inside[row] = True
        return inside

    @cached_property
    def bonds(self) -> NDArray[np.bool_]:
        """Which bonds exist, bool (axes, *shape)."""
        exists = np.stack([self.sites & np.roll(self.sites, -1, a) for a in range(self.n_axes)])
        if self.lattice == "honeycomb":
            exists[0] &= self.parity == 0
        if self.boundary != "torus":
            for axis in range(self.n_axes):
                np.moveaxis(exists[axis], axis, 0)[-1] = False
        return exists

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """Site in each direction, int32 (sites of the box, 2 axes); -1 where there is no bond."""
        box = math.prod(self.shape)
        sites = np.arange(box, dtype=np.int32).reshape(self.shape)
        table = np.full((box, 2 * self.n_axes), MISSING, dtype=np.int32)
        for axis in range(self.n_axes):
            exists = self.bonds[axis].ravel()
            ahead = np.roll(sites, -1, axis).ravel()
            table[exists, 2 * axis] = ahead[exists]
            table[ahead[exists], 2 * axis + 1] = sites.ravel()[exists]
        return table


def inside_rows(side: int) -> list[tuple[int, slice]]:
    """Row number and columns of each brick-wall row of the hexagon of the given side.

    >>> [(row, columns.start, columns.stop) for row, columns in inside_rows(1)]
    [(0, 0, 3), (1, 0, 3)]
    """
    rows = []
    for row in range(2 * side):
        depth = min(row, 2 * side - 1 - row)
        first = side - 1 - depth + (side + 1) % 2
        rows.append((row, slice(first, first + 2 * (side + depth) + 1)))
    return rows


def _check_names(lattice: str, boundary: str) -> None:
    for name, value, allowed in (
        ("lattice", lattice, get_args(LatticeName)),
        ("boundary", boundary, get_args(Boundary)),
    ):
        if value not in allowed:
            raise InputError(
                f"{name} is {value!r}; {nearest(value, allowed)}expected one of "
                f"{', '.join(allowed)}; choose one of them"
            )


def _check_shape(shape: tuple[int, ...], lattice: LatticeName) -> None:
    whole = all(type(side) is int and side >= 2 for side in shape)
    if len(shape) != AXES[lattice] or not whole:
        raise InputError(
            f"shape is {shape}; the {lattice} lattice of dimers needs {AXES[lattice]} integers of "
            "at least 2; give for example (16, 16), or (8, 8, 8) for cubic"
        )


def _check_torus(shape: tuple[int, ...]) -> None:
    if math.prod(shape) % 2:
        raise InputError(
            f"shape is {shape}, an odd number of sites; dimers cover two sites each, so no perfect "
            "matching exists; choose even sides"
        )
    if any(side % 2 for side in shape):
        raise InputError(
            f"shape is {shape}; a torus with an odd side has no two sublattices, which winding and "
            "height need; choose even sides, or boundary 'open'"
        )


def _check_open(shape: tuple[int, ...], lattice: LatticeName) -> None:
    if math.prod(shape) % 2:
        raise InputError(
            f"shape is {shape}, an odd number of sites; dimers cover two sites each, so no perfect "
            "matching exists; make one side even, or take a corner out with boundary 'corner'"
        )
    if lattice == "honeycomb" and (shape[0] % 2 or shape[1] != 2 * shape[0]):
        raise InputError(
            f"shape is {shape}; the open honeycomb lattice is the hexagon of side k in a box of "
            "(2 k, 4 k) sites; give for example (16, 32)"
        )


def _check_corner(shape: tuple[int, ...], lattice: LatticeName) -> None:
    if lattice != "square" or any(side % 2 == 0 for side in shape):
        raise InputError(
            f"lattice is {lattice!r} with shape {shape}; boundary 'corner' is the open square "
            "lattice with two odd sides; give for example (33, 33), or boundary 'open'"
        )
