"""Spins as bits: 32 lanes to a word, the sites of each checkerboard colour side by side.

Along the last axis a row of a colour holds every second site. Packing "replicas" puts the same
site of 32 chains into a word. Packing "sites" cuts each row of one chain into 32 equal pieces and
puts the sites at the same place of all pieces into a word; a step over the end of a piece is then
a step to the next lane, a rotation of the word.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError

LANES = 32

Packing = Literal["replicas", "sites"]


@dataclass(frozen=True)
class WordLattice:
    """Geometry of a packed hypercubic torus with even sides.

    Args:
        shape: sites along each axis.
        packing: what the lanes of a word are.

    Raises:
        InputError: an odd side, an unknown packing, or rows that 32 pieces do not divide.

    >>> WordLattice((4, 128), "sites").width
    2
    """

    shape: tuple[int, ...]
    packing: Packing = "replicas"

    def __post_init__(self) -> None:
        if any(side % 2 for side in self.shape):
            raise InputError(
                f"shape is {self.shape}; the checkerboard update needs even sides; "
                "choose even sides or the update 'swendsen_wang'"
            )
        if self.packing not in ("replicas", "sites"):
            raise InputError(
                f"packing is {self.packing!r}; expected 'replicas' or 'sites'; choose one of them"
            )
        if self.packing == "sites" and self.shape[-1] % (2 * LANES):
            raise InputError(
                f"shape is {self.shape}; packing 'sites' cuts rows into {2 * LANES} parts; "
                f"choose a last side that {2 * LANES} divides, or packing 'replicas'"
            )

    @property
    def rows(self) -> int:
        """Number of rows along the last axis."""
        return math.prod(self.shape[:-1])

    @property
    def width(self) -> int:
        """Words of one colour in a row."""
        return self.shape[-1] // 2 // (LANES if self.packing == "sites" else 1)

    @property
    def strides(self) -> tuple[int, int, int]:
        """Spins from one group, lane and row to the next, in the memory of all chains."""
        sites = math.prod(self.shape)
        if self.packing == "sites":
            return sites, 2 * self.width, self.shape[-1]
        return LANES * sites, sites, 2 * self.width

    def groups(self, chains: int) -> int:
        """Groups of words that hold a number of chains; the last one may have idle lanes."""
        return chains if self.packing == "sites" else -(-chains // LANES)

    @cached_property
    def parity(self) -> NDArray[np.uint8]:
        """Sum of the coordinates of each row modulo 2, uint8 (rows,)."""
        return (np.indices(self.shape[:-1]).sum(axis=0) % 2).astype(np.uint8).reshape(-1)

    @cached_property
    def next_rows(self) -> NDArray[np.int64]:
        """Rows next to each row along every axis but the last, int64 (2d - 2, rows)."""
        rows = np.arange(self.rows).reshape(self.shape[:-1])
        steps = [np.roll(rows, step, axis) for axis in range(rows.ndim) for step in (1, -1)]
        return np.array(steps, dtype=np.int64).reshape(2 * rows.ndim, self.rows)
