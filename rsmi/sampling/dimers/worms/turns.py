"""How the head of a worm turns: the probabilities that give detailed balance.

A worm takes the dimer off a random site, the tail. The freed end of the dimer, now at the head,
turns to another neighbour k of its site. If k is the tail, the worm is done. Otherwise k has two
dimers for a moment, and the other end of the old one is the next head. All states on the way, with
an empty tail and one site covered twice, are weighted by exp(K times the parallel pairs). A turn
from direction q to r has the probability

    p(q -> r) = W_r / max(S - W_q, S - W_r),   S = sum of W over all directions,

which obeys W_q p(q -> r) = W_r p(r -> q); the worm bounces with what is left over. Free dimers turn
to each other neighbour with equal probability and never bounce. As the tail is uniform and the
reversed worm starts from the same one, the whole update obeys detailed balance.

Source: Sandvik, Moessner (2006), cond-mat/0507277; Alet et al. (2006), cond-mat/0607744; the form
of p is that of Liu (1996), Biometrika 83, 681.
"""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.dimers.lattice import MISSING
from rsmi.sampling.dimers.pictures import Directions, Table

Weights = NDArray[np.float64]


@njit(cache=True, nogil=True, forceinline=True)
def parallel_pairs(directions: Directions, neighbours: Table, x: int, q: int) -> int:
    """Dimers parallel and next to a dimer on the bond from site x in direction q.

    A bond is occupied where one of its ends points along it; of the two dimers on a site that is
    covered twice, one is seen from its other end only.
    """
    pairs = 0
    y = neighbours[x, q]
    for side in range(neighbours.shape[1]):
        if side >> 1 != q >> 1:
            u, v = neighbours[x, side], neighbours[y, side]
            if u != MISSING and v != MISSING:
                pairs += (directions[u] == q) | (directions[v] == q ^ 1)
    return pairs


@njit(cache=True, nogil=True, forceinline=True)
def turn_probabilities(
    directions: Directions, neighbours: Table, x: int, boltzmann: Weights, out: Weights
) -> None:
    """Probability that the dimer end at site x turns to each direction, the bounce included.

    Args:
        directions: int8 (sites,) partners, -1 at the tail.
        neighbours: int32 (sites, directions).
        x: the head.
        boltzmann: float64, exp(K n) for n parallel pairs.
        out: float64 (directions,), overwritten.
    """
    total = 0.0
    for q in range(out.size):
        out[q] = 0.0
        if neighbours[x, q] != MISSING:
            out[q] = boltzmann[parallel_pairs(directions, neighbours, x, q)]
            total += out[q]
    old = directions[x]
    rest = total - out[old]
    bounce = 1.0
    for q in range(out.size):
        if q != old and out[q] > 0:
            out[q] /= max(rest, total - out[q])
            bounce -= out[q]
    out[old] = max(bounce, 0.0)
