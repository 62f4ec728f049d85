"""The point group of a box of lattice sites: axis permutations and reflections."""

from itertools import permutations, product

import torch
from torch import Tensor


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
    axes = range(first_axis, grid.dim())
    images = []
    for order in permutations(axes):
        turned = grid.permute(*range(first_axis), *order)
        if turned.shape != grid.shape:
            continue
        for mirrored in product((False, True), repeat=len(axes)):
            flips = [axis for axis, flip in zip(axes, mirrored, strict=True) if flip]
            images.append(turned.flip(flips) if flips else turned)
    return images


def masked_permutations(mask: Tensor) -> Tensor:
    """How the point group of a box permutes the sites of a symmetric mask inside it.

    Args:
        mask: Boolean array over the box, invariant under its point group.

    Returns:
        (group order, k) int64: row g reorders the k masked sites (row-major) by element g.

    >>> masked_permutations(torch.ones(2, dtype=torch.bool)).tolist()
    [[0, 1], [1, 0]]
    """
    number = torch.full(mask.shape, -1, dtype=torch.int64)
    number[mask] = torch.arange(int(mask.sum()))
    return torch.stack([image[mask] for image in point_group_images(number)])
