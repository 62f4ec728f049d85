"""Mazes from site percolation: is the centre connected to the border?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.sampling.random import check_seed

PERCOLATION_THRESHOLD = 0.592746
"""Site percolation threshold of the square lattice (Newman, Ziff 2000)."""

_DRAWS_PER_BLOCK = 4


@dataclass(frozen=True)
class Mazes:
    """Square mazes with their solutions.

    Args:
        open_sites: (n, L, L) bool.
        depth: (n,) int64, steps from the border to the centre through open neighbours, -1 where
            there is no way. The border itself has depth 0.
    """

    open_sites: NDArray[np.bool_]
    depth: NDArray[np.int64]

    @property
    def solvable(self) -> NDArray[np.bool_]:
        """(n,), whether the centre is connected to the border through open sites."""
        return self.depth >= 0


def sample_mazes(
    n: int, size: int, seed: int, probability: float = PERCOLATION_THRESHOLD, first: int = 0
) -> Mazes:
    """Random mazes: the centre is open, every other site independently with one probability.

    Args:
        n: How many.
        size: L, sites along each side, at least 3; the centre is site (L // 2, L // 2).
        seed: 0 <= seed < 2**64; maze number i depends on the seed and i alone.
        probability: Of a site to be open. At the threshold and L = 17, 86 % can be solved.
        first: Number of the first maze.

    Returns:
        Mazes first, ..., first + n - 1.

    Raises:
        InputError: For a size below 3, no maze, or a probability outside 0..1.

    >>> sample_mazes(2, 5, seed=1).open_sites.shape
    (2, 5, 5)
    """
    if size < 3 or n < 1 or not 0 <= probability <= 1 or first < 0:
        raise InputError(
            f"{n} mazes of size {size} from number {first} with p = {probability}; expected at "
            "least one maze, size >= 3, first >= 0 and 0 <= p <= 1"
        )
    blocks = -(-size * size // _DRAWS_PER_BLOCK)
    generator = np.random.Philox(key=check_seed(seed)).advance(first * blocks)
    draws = np.random.Generator(generator).random((n, blocks * _DRAWS_PER_BLOCK))
    open_sites = (draws[:, : size * size] < probability).reshape(n, size, size)
    open_sites[:, size // 2, size // 2] = True
    return solve(open_sites)


def solve(open_sites: NDArray[np.bool_]) -> Mazes:
    """Breadth-first search from the open border sites to the centre.

    Args:
        open_sites: (n, L, L).

    >>> solve(np.ones((1, 5, 5), dtype=bool)).depth.tolist()
    [2]
    """
    if open_sites.ndim != 3 or open_sites.shape[1] != open_sites.shape[2]:
        raise InputError(
            f"mazes have shape {list(open_sites.shape)}; expected (n, L, L) of open sites"
        )
    depth = np.empty(len(open_sites), dtype=np.int64)
    _search(open_sites, depth)
    return Mazes(open_sites, depth)


@njit(cache=True, nogil=True)
def _search(open_sites: NDArray[np.bool_], depth: NDArray[np.int64]) -> None:
    n, size, _ = open_sites.shape
    steps = np.empty((size, size), dtype=np.int64)
    queue = np.empty((size * size, 2), dtype=np.int64)
    for maze in range(n):
        steps[:] = -1
        tail = 0
        for i in range(size):
            for j in range(size):
                border = i == 0 or j == 0 or i == size - 1 or j == size - 1
                if border and open_sites[maze, i, j]:
                    steps[i, j] = 0
                    queue[tail, 0], queue[tail, 1] = i, j
                    tail += 1
        head = 0
        while head < tail:
            i, j = queue[head, 0], queue[head, 1]
            head += 1
            for a, b in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
                if 0 <= a < size and 0 <= b < size and open_sites[maze, a, b] and steps[a, b] < 0:
                    steps[a, b] = steps[i, j] + 1
                    queue[tail, 0], queue[tail, 1] = a, b
                    tail += 1
        depth[maze] = steps[size // 2, size // 2]
