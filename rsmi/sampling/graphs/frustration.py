"""Whether every bond of a graph can be satisfied at once."""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.graphs.model import GraphIsing

Sites = NDArray[np.int64]


def frustrated_edge(model: GraphIsing) -> int | None:
    """An edge that closes a loop with a negative product of bonds, or None without frustration.

    A model is unfrustrated exactly when signs t exist with b_ij t_i t_j >= 0 on all edges. Bonds of
    strength 0 and edges at empty sites do not count.

    Args:
        model: Ising model on a graph.

    Returns:
        Number of the edge, or None.

    Source: Toulouse (1977), Commun. Phys. 2, 115.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> frustrated_edge(GraphIsing(graph_lattice("square", (4, 4)), 0.4, bonds=-1.0)) is None
    True
    >>> frustrated_edge(GraphIsing(graph_lattice("triangular", (4, 4)), 0.4, bonds=-1.0)) is None
    False
    """
    start, other, edge = model.neighbours
    ends = model.lattice.edges
    alive = model.present[ends].all(axis=1)
    signs = np.where(alive, np.sign(model.strengths), 0).astype(np.int8)
    found = _search(start, other, edge, signs)
    return found if found >= 0 else None


@njit(cache=True, nogil=True)
def _search(start: Sites, other: Sites, edge: Sites, signs: NDArray[np.int8]) -> int:
    """Give signs along a spanning forest and return the first edge that contradicts them, or -1."""
    sites = start.size - 1
    given = np.zeros(sites, np.int8)
    stack = np.empty(sites, np.int64)
    for root in range(sites):
        if given[root] != 0:
            continue
        given[root] = 1
        stack[0] = root
        waiting = 1
        while waiting > 0:
            waiting -= 1
            site = stack[waiting]
            for k in range(start[site], start[site + 1]):
                sign, there = signs[edge[k]], other[k]
                if sign == 0:
                    continue
                if given[there] == 0:
                    given[there] = given[site] * sign
                    stack[waiting] = there
                    waiting += 1
                elif given[there] != given[site] * sign:
                    return int(edge[k])
    return -1
