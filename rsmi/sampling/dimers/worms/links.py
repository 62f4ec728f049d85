"""Free worms on links: a link is 8 times the partner's site plus the direction towards it.

With the partner's site at hand a step waits for two memory reads only, and the direction keeps the
two bonds between the same sites of a torus of side 2 apart.
"""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.dimers.lattice import MISSING, DimerLattice
from rsmi.sampling.dimers.pictures import Directions, Table
from rsmi.sampling.dimers.words import Address, Cursor, Words, below, next_word

DIRECTION_BITS = 3
DIRECTION_MASK = 7

_HALF = np.uint64(32)

Links = NDArray[np.int32]


def link_table(lattice: DimerLattice) -> tuple[Links, NDArray[np.int64]]:
    """All links of each site, existing ones first.

    Returns:
        Links int32 (sites of the box, directions), and how many each site has, int64 (sites,).
    """
    exists = lattice.neighbours != MISSING
    order = np.argsort(~exists, axis=1, kind="stable")
    links = lattice.neighbours << DIRECTION_BITS | np.arange(exists.shape[1], dtype=np.int32)
    return np.take_along_axis(links, order, 1), exists.sum(1)


@njit(cache=True, nogil=True)
def join(directions: Directions, neighbours: Table, links: Links) -> None:
    """Links of the partners from their directions."""
    for x in range(directions.size):
        q = directions[x]
        if q != MISSING:
            links[x] = neighbours[x, q] << DIRECTION_BITS | q


@njit(cache=True, nogil=True)
def part(links: Links, directions: Directions) -> None:
    """Directions of the partners from their links, the inverse of `join`."""
    for x in range(directions.size):
        if directions[x] != MISSING:
            directions[x] = links[x] & DIRECTION_MASK


@njit(cache=True, nogil=True)
def free_worms(
    partner: Links,
    table: Links,
    degrees: NDArray[np.int64],
    starts: Table,
    worms: int,
    address: Address,
    words: Words,
) -> int:
    """Move free dimers along closed worms.

    The freed end of the dimer on site x turns to each other neighbour with equal probability: the
    number of the new link is drawn below degree - 1, and the last link stands in for the old one.
    A site with a single neighbour turns back to it.

    Args:
        partner: int32 (sites,) link to each partner, changed in place.
        table, degrees: links of each site, from `link_table`.
        starts: int32, the sites that carry dimers.
        worms: how many.
        address: chain, sweep, stream, seed of the random words; one word makes one step, and that
            of a worm's first step also chooses the tail.
        words: uint64 buffer of even length.

    Returns:
        Number of steps.
    """
    cursor = np.array([words.size, 0])
    regular = degrees.min() == degrees.max()
    steps = 0
    for _ in range(worms):
        word = next_word(words, cursor, address)
        tail = starts[below(word, starts.size)]
        draws = (words, cursor, address, word << _HALF)
        steps += _close(partner, table, degrees, regular, tail, draws)
    return steps


@njit(cache=True, nogil=True, forceinline=True)
def _close(
    partner: Links,
    table: Links,
    degrees: NDArray[np.int64],
    regular: bool,
    tail: int,
    draws: tuple[Words, Cursor, Address, np.uint64],
) -> int:
    """Lift the dimer of the tail and walk until the tail is covered again; number of steps."""
    words, cursor, address, word = draws
    degree = degrees[0]
    x = partner[tail] >> DIRECTION_BITS
    steps = 0
    while True:
        if not regular:
            degree = degrees[x]
        link = table[x, below(word, max(degree - 1, 1))]
        if link == partner[x]:
            link = table[x, degree - 1]
        k = link >> DIRECTION_BITS
        old = partner[k]
        partner[x] = link
        partner[k] = x << DIRECTION_BITS | ((link & DIRECTION_MASK) ^ 1)
        steps += 1
        if k == tail:
            return steps
        x = old >> DIRECTION_BITS
        word = next_word(words, cursor, address)
