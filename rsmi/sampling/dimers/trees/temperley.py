"""Temperley's bijection between spanning trees and dimers on an odd square without a corner.

The sites with two even coordinates are the vertices of a grid, those with two odd ones its faces,
and the others lie on its edges. A vertex other than the missing corner has its dimer on the edge
towards the corner along the tree. The edges that the tree leaves free form a tree on the faces,
rooted outside; a face has its dimer on the edge towards the outside.
"""

import numpy as np

from rsmi.compiling import njit
from rsmi.sampling.dimers.lattice import MISSING
from rsmi.sampling.dimers.pictures import Directions
from rsmi.sampling.dimers.trees.spanning import Exits


@njit(cache=True, nogil=True)
def tree_dimers(exits: Exits, directions: Directions) -> None:
    """Dimers of a spanning tree.

    Args:
        exits: directions towards the corner, from `spanning_tree`.
        directions: int8 (rows, columns) of the dimers' sites, both odd, overwritten.

    Source: Temperley (1974), LMS Lecture Notes 13, 202; Kenyon, Propp, Wilson (2000),
    math/9903025.
    """
    rows, columns = directions.shape
    width = (columns + 1) // 2 + 2
    sites = directions.ravel()
    steps = np.array([columns, -columns, 1, -1])
    sites[:] = MISSING
    for i in range(0, rows, 2):
        for j in range(0, columns, 2):
            if i + j > 0:
                q = exits[(i // 2 + 1) * width + j // 2 + 1]
                x = i * columns + j
                sites[x] = q
                sites[x + steps[q]] = q ^ 1
    stack = np.empty(rows * columns // 4 + 1, dtype=np.int64)
    for j in range(1, columns, 2):
        _grow(sites, steps, j, 0, stack)
        _grow(sites, steps, (rows - 1) * columns + j, 1, stack)
    for i in range(1, rows, 2):
        _grow(sites, steps, i * columns, 2, stack)
        _grow(sites, steps, (i + 1) * columns - 1, 3, stack)


@njit(cache=True, nogil=True)
def _grow(sites: Directions, steps: np.ndarray, edge: int, inward: int, stack: np.ndarray) -> None:
    """Cover the branch of the faces' tree that begins at an edge on the border, if it is free."""
    if sites[edge] != MISSING:
        return
    sites[edge] = inward
    stack[0] = edge + steps[inward]
    sites[stack[0]] = inward ^ 1
    size = 1
    while size > 0:
        size -= 1
        face = stack[size]
        for q in range(4):
            edge = face + steps[q]
            if sites[edge] == MISSING:
                sites[edge] = q
                stack[size] = edge + steps[q]
                sites[stack[size]] = q ^ 1
                size += 1
