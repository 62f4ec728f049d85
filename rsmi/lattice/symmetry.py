"""The point group of a box of lattice sites: axis permutations and reflections."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import torch
from torch import Tensor

Cell = tuple[int, ...]


@dataclass(frozen=True)
class Isometry:
    """A permutation of lattice axes followed by reflections.

    Args:
        order: New axis a was the old axis `order[a]`.
        mirrored: Whether the new axis a is turned round.

    >>> print(Isometry((1, 0), (False, True)))
    (x, y) -> (y, -x)
    """

    order: tuple[int, ...]
    mirrored: tuple[bool, ...]

    def image(self, grid: Tensor, first_axis: int = 0) -> Tensor:
        """A view of an array whose axes from `first_axis` on are lattice axes."""
        order = [first_axis + axis for axis in self.order]
        flips = [first_axis + axis for axis, flip in enumerate(self.mirrored) if flip]
        turned = grid.permute(*range(first_axis), *order)
        return turned.flip(flips) if flips else turned

    def move(self, cells: Iterable[Cell]) -> list[Cell]:
        """Where cells at integer positions go, the origin staying where it is.

        >>> Isometry((1, 0), (False, True)).move([(1, 2)])
        [(2, -1)]
        """
        axes = list(zip(self.order, self.mirrored, strict=True))
        return [tuple(-cell[old] if flip else cell[old] for old, flip in axes) for cell in cells]

    def keeps(self, extents: Sequence[int]) -> bool:
        """Whether a box of these extents is mapped to itself."""
        return [extents[axis] for axis in self.order] == list(extents)

    def after(self, first: "Isometry") -> "Isometry":
        """The isometry that applies `first` and then this one.

        >>> quarter = Isometry((1, 0), (False, True))
        >>> print(quarter.after(quarter))
        (x, y) -> (-x, -y)
        """
        mirrored = [
            flip != first.mirrored[old] for old, flip in zip(self.order, self.mirrored, strict=True)
        ]
        return Isometry(tuple(first.order[old] for old in self.order), tuple(mirrored))

    def __str__(self) -> str:
        names = "xyz" if len(self.order) < 4 else [f"x{axis}" for axis in range(len(self.order))]
        old = ", ".join(names[: len(self.order)])
        axes = zip(self.order, self.mirrored, strict=True)
        new = ", ".join(f"{'-' if flip else ''}{names[axis]}" for axis, flip in axes)
        return f"({old}) -> ({new})"


def point_group(extents: Sequence[int]) -> list[Isometry]:
    """The symmetries of a box that keep its extents, the identity first.

    >>> len(point_group((3, 3))), len(point_group((2, 3))), len(point_group((2, 2, 2)))
    (8, 4, 48)
    """
    axes = len(extents)
    every = product(permutations(range(axes)), product((False, True), repeat=axes))
    return [g for g in (Isometry(*parts) for parts in every) if g.keeps(extents)]


def generated(elements: Iterable[Isometry]) -> set[Isometry]:
    """The group that some isometries generate.

    >>> len(generated(point_group((3, 3))[1:3]))
    4
    """
    generators = set(elements)
    group = set(generators)
    while new := {g.after(h) for g in generators for h in group} - group:
        group |= new
    return group


def point_group_images(grid: Tensor, first_axis: int = 0) -> list[Tensor]:
    """All images of an array under the symmetries of a box that keep its extents.

    Args:
        grid: Array whose axes from `first_axis` on are lattice axes.
        first_axis: Where the lattice axes begin; those before it are left alone.

    Returns:
        One view per group element, the identity first: 8 for a square, 4 for a rectangle,
        2 for a chain, 48 for a cube.

    >>> len(point_group_images(torch.zeros(3, 3))), len(point_group_images(torch.zeros(2, 3)))
    (8, 4)
    """
    return [g.image(grid, first_axis) for g in point_group(grid.shape[first_axis:])]


def masked_permutations(mask: Tensor, group: Sequence[Isometry] | None = None) -> Tensor:
    """How the point group of a box permutes the sites of a symmetric mask inside it.

    Args:
        mask: Boolean array over the box, invariant under its point group.
        group: Elements of the point group; all of them without.

    Returns:
        (number of elements, k) int64: row g reorders the k masked sites (row-major) by element g.

    >>> masked_permutations(torch.ones(2, dtype=torch.bool)).tolist()
    [[0, 1], [1, 0]]
    """
    number = torch.full(mask.shape, -1, dtype=torch.int64)
    number[mask] = torch.arange(int(mask.sum()))
    elements = point_group(mask.shape) if group is None else group
    return torch.stack([g.image(number)[mask] for g in elements])
