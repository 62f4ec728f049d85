"""All coverings of a small lattice, one by one."""

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.sampling.dimers.lattice import MISSING, DimerLattice
from rsmi.sampling.dimers.pictures import Directions, Table, bonds_of

MOST_SITES = 40
MOST_COVERINGS = 2_000_000


def coverings(lattice: DimerLattice) -> Tensor:
    """Every perfect matching of the lattice, once each.

    Args:
        lattice: at most 40 sites and two million coverings; 6 x 6 tori have 90 176.

    Returns:
        Bonds int8 (count, axes, *shape).

    Raises:
        InputError: the lattice is too large.

    >>> len(coverings(DimerLattice((4, 4))))
    272
    """
    if lattice.n_sites > MOST_SITES:
        raise InputError(
            f"the lattice has {lattice.n_sites} sites; at most {MOST_SITES} can be enumerated; "
            "choose a smaller shape, or sample"
        )
    nothing = np.empty((0, math.prod(lattice.shape)), dtype=np.int8)
    count = _enumerate(lattice.neighbours, nothing, MOST_COVERINGS)
    if count > MOST_COVERINGS:
        raise InputError(
            f"shape {lattice.shape} has more than {MOST_COVERINGS} coverings; choose a smaller "
            "shape, or sample"
        )
    out = np.empty((count, nothing.shape[1]), dtype=np.int8)
    _enumerate(lattice.neighbours, out, count)
    return bonds_of(lattice, out)


@njit(cache=True, nogil=True)
def _enumerate(neighbours: Table, out: Directions, most: int) -> int:
    """Count coverings up to most + 1 by backtracking, writing them where `out` has room.

    The first free site is matched in every possible direction in turn; `trail` holds the sites
    matched first, `tried` the direction each of them has.
    """
    sites, ways = neighbours.shape
    partner = np.full(sites, MISSING, dtype=np.int8)
    trail = np.empty(sites, dtype=np.int32)
    tried = np.empty(sites, dtype=np.int8)
    present = np.zeros(sites, dtype=np.bool_)
    for x in range(sites):
        present[x] = (neighbours[x] != MISSING).any()
    count, depth = 0, 0
    trail[0], tried[0] = _first_free(partner, present, 0), -1
    while depth >= 0:
        x = trail[depth]
        if tried[depth] >= 0:
            partner[neighbours[x, tried[depth]]] = MISSING
            partner[x] = MISSING
        q = tried[depth] + 1
        while q < ways and (neighbours[x, q] == MISSING or partner[neighbours[x, q]] != MISSING):
            q += 1
        if q == ways:
            depth -= 1
            continue
        tried[depth] = q
        partner[x] = q
        partner[neighbours[x, q]] = q ^ 1
        following = _first_free(partner, present, x)
        if following < sites:
            depth += 1
            trail[depth], tried[depth] = following, -1
            continue
        if count < len(out):
            out[count] = partner
        count += 1
        if count > most:
            return count
    return count


@njit(cache=True, nogil=True)
def _first_free(partner: Directions, present: NDArray[np.bool_], start: int) -> int:
    """First site from `start` on that has no partner yet."""
    x = start
    while x < partner.size and (not present[x] or partner[x] != MISSING):
        x += 1
    return x
