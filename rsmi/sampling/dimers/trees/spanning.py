"""Uniform spanning trees of a rectangular grid by Wilson's algorithm.

The grid has a border of one vertex all around, so that vertex (a, b) of a grid with n columns has
the number (a + 1)(n + 2) + b + 1. Directions are those of the dimers: 0 to the next row, 1 back,
2 to the next column, 3 back.
"""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.dimers.words import BUFFER, Address, next_word

OUTSIDE, UNSEEN, IN_TREE = 0, 1, 2

_TWO_BITS = np.uint64(2)
_DIRECTION = np.uint64(3)
_DRAWS = 32

Exits = NDArray[np.int8]


@njit(cache=True, nogil=True)
def spanning_tree(rows: int, columns: int, address: Address) -> tuple[Exits, NDArray[np.int64]]:
    """Uniform spanning tree, all vertices directed towards vertex (0, 0).

    Each vertex in turn starts a random walk that runs into the tree; the direction in which it left
    each vertex for the last time is its path without loops, which joins the tree. The tree grows
    from the centre, where walks find it soonest, and is then directed to the corner: that turns
    round one path and leaves the tree as it is.

    Args:
        rows, columns: vertices of the grid.
        address: chain, sweep, stream, seed of the random words.

    Returns:
        Direction of the edge towards (0, 0), int8 by number of the vertex, and the steps from a
        vertex to the next one in each direction, int64 (4,).

    Source: Wilson (1996), STOC 28, 296.
    """
    width = columns + 2
    steps = np.array([width, -width, 1, -1])
    state = np.zeros((rows + 2) * width, dtype=np.uint8)
    state.reshape(rows + 2, width)[1:-1, 1:-1] = UNSEEN
    exits = np.zeros(state.size, dtype=np.int8)
    words = np.empty(BUFFER, dtype=np.uint64)
    cursor = np.array([BUFFER, 0])
    word, left = np.uint64(0), 0
    centre = (rows // 2 + 1) * width + columns // 2 + 1
    state[centre] = IN_TREE
    for start in range(state.size):
        if state[start] != UNSEEN:
            continue
        x = start
        while state[x] != IN_TREE:
            if left == 0:
                word, left = next_word(words, cursor, address), _DRAWS
            q = np.int64(word & _DIRECTION)
            word >>= _TWO_BITS
            left -= 1
            if state[x + steps[q]] != OUTSIDE:
                exits[x] = q
                x += steps[q]
        _keep(state, exits, steps, start)
    _redirect(exits, steps, width + 1, centre)
    return exits, steps


@njit(cache=True, nogil=True, forceinline=True)
def _keep(state: NDArray[np.uint8], exits: Exits, steps: NDArray[np.int64], start: int) -> None:
    """Add the path from the start to the tree."""
    x = start
    while state[x] != IN_TREE:
        state[x] = IN_TREE
        x += steps[exits[x]]


@njit(cache=True, nogil=True)
def _redirect(exits: Exits, steps: NDArray[np.int64], new: int, root: int) -> None:
    """Make `new` the root by turning round the path from it to the old root."""
    x, arrived = new, 0
    while x != root:
        q = exits[x]
        following = x + steps[q]
        if x != new:
            exits[x] = arrived
        arrived = q ^ 1
        x = following
    if new != root:
        exits[root] = arrived
