"""Hypercubic lattices: sites numbered in row-major order, neighbours by strides."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError


@dataclass(frozen=True)
class Hypercubic:
    """A hypercubic lattice of any dimension, periodic in every direction (a torus) or open.

    Args:
        shape: Number of sites along each axis; sites are numbered in row-major (C) order.
        periodic: Whether opposite faces are joined.

    Raises:
        InputError: For an empty shape or an extent below 1.

    >>> Hypercubic((4, 4)).n_sites
    16
    >>> Hypercubic((3,)).neighbours().tolist()
    [[1, 2], [2, 0], [0, 1]]
    """

    shape: tuple[int, ...]
    periodic: bool = True

    def __post_init__(self) -> None:
        if not self.shape or any(extent < 1 for extent in self.shape):
            raise InputError(
                f"lattice shape is {list(self.shape)}; expected one extent >= 1 per dimension, "
                "such as [64, 64]"
            )

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return math.prod(self.shape)

    def sites(self) -> NDArray[np.int64]:
        """Site numbers arranged as the lattice, shape `shape`."""
        return np.arange(self.n_sites, dtype=np.int64).reshape(self.shape)

    def neighbours(self) -> NDArray[np.int64]:
        """Neighbours of each site, shape (n_sites, 2 d): forward then backward along each axis.

        Returns:
            Site numbers; -1 where an open lattice ends.
        """
        columns = [
            self._shifted(axis, step).ravel() for axis in range(self.dimension) for step in (1, -1)
        ]
        return np.stack(columns, axis=1)

    def bonds(self) -> NDArray[np.int64]:
        """Each bond once, shape (n_bonds, 2), from a site to its forward neighbour.

        A periodic axis of extent 2 has two bonds between the same pair, as the strides say.

        >>> len(Hypercubic((4, 4)).bonds()), len(Hypercubic((4, 4), periodic=False).bonds())
        (32, 24)
        """
        sites = self.sites().ravel()
        forward = self.neighbours()[:, ::2]
        pairs = [np.stack([sites, forward[:, axis]], 1) for axis in range(self.dimension)]
        bonds = np.concatenate(pairs)
        return bonds[bonds[:, 1] >= 0]

    def _shifted(self, axis: int, step: int) -> NDArray[np.int64]:
        shifted = np.roll(self.sites(), -step, axis)
        if not self.periodic:
            edge = [slice(None)] * self.dimension
            edge[axis] = slice(-1, None) if step == 1 else slice(0, 1)
            shifted[tuple(edge)] = -1
        return shifted
