"""Where the ends of worms are: correlations of two monomers, from samples without any."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.sampling.dimers.lattice import DimerLattice
from rsmi.sampling.dimers.pictures import check_bonds, directions_of
from rsmi.sampling.dimers.words import BUFFER, Address, Cursor, DimerStream, Words, below, next_word
from rsmi.sampling.dimers.worms.links import DIRECTION_BITS, DIRECTION_MASK, Links, join, link_table
from rsmi.sampling.random import check_seed


def monomer_visits(
    lattice: DimerLattice, configurations: Tensor, seed: int = 0, first: int = 0
) -> Tensor:
    r"""How often the head of a worm stands at each distance from its tail, for free dimers.

    .. math:: \langle n(r) \rangle = 4 Z(r) / Z

    with Z(r) the coverings without two sites at r. A worm lifts the dimer of a random tail and
    moves the free end until it is back: between its steps tail and head are monomers. Every such
    state is entered through each of the four neighbours of its head with equal chance (that of the
    start through the tail), so that all of them are visited alike, and Z(r) = Z / 4 between
    neighbours fixes the scale.

    Args:
        lattice: square torus.
        configurations: coverings as bonds int8 (n, 2, *shape), drawn with equal weights; they are
            left as they are.
        seed: of the worms, one for each covering.
        first: index of the first covering in the whole data set.

    Returns:
        int64 (n, *shape), counts by displacement from the tail.

    Raises:
        InputError: another lattice, or configurations that are none of it.

    Source: Sandvik, Moessner (2006), cond-mat/0507277.

    >>> from rsmi.sampling.dimers.start import columnar
    >>> lattice = DimerLattice((4, 4))
    >>> seen = monomer_visits(lattice, columnar(lattice).expand(8, -1, -1, -1))
    >>> int(seen[:, 0, 0].sum()), int(seen[:, ::2, ::2].sum())
    (0, 0)
    """
    if lattice.lattice != "square" or lattice.boundary != "torus" or lattice.n_axes != 2:
        raise InputError(
            f"the lattice is {lattice.lattice!r} with boundary {lattice.boundary!r}; correlations "
            "of monomers are counted on the square torus; bring samples of that"
        )
    check_bonds(lattice, configurations)
    directions = directions_of(lattice, configurations).reshape(len(configurations), -1)
    links, _ = link_table(lattice)
    found = np.zeros((len(directions), lattice.shape[0], lattice.shape[1]), dtype=np.int64)
    stream, key = int(DimerStream.MONOMERS), np.uint64(check_seed(seed))
    _visits(directions, lattice.neighbours, links, found, first, stream, key)
    return torch.from_numpy(found)


@njit(cache=True, nogil=True)
def _visits(
    directions: NDArray[np.int8],
    neighbours: NDArray[np.int32],
    table: Links,
    out: NDArray[np.int64],
    first: int,
    stream: int,
    seed: np.uint64,
) -> None:
    """One worm for each covering (n, sites), counted in `out` (n, rows, columns)."""
    sites = directions.shape[1]
    partner = np.empty(sites, dtype=np.int32)
    words = np.empty(BUFFER, dtype=np.uint64)
    for n in range(len(directions)):
        join(directions[n], neighbours, partner)
        cursor = np.array([words.size, 0])
        address = (first + n, 0, stream, seed)
        tail = below(next_word(words, cursor, address), sites)
        _walk(partner, table, tail, out[n], words, cursor, address)


@njit(cache=True, nogil=True)
def _walk(
    partner: Links,
    table: Links,
    tail: int,
    out: NDArray[np.int64],
    words: Words,
    cursor: Cursor,
    address: Address,
) -> None:
    """Move the head of a worm as `free_worms` does until it is back, and count where it stands."""
    rows, columns = out.shape
    x = partner[tail] >> DIRECTION_BITS
    while True:
        out[(x // columns - tail // columns) % rows, (x % columns - tail % columns) % columns] += 1
        link = table[x, below(next_word(words, cursor, address), 3)]
        if link == partner[x]:
            link = table[x, 3]
        k = link >> DIRECTION_BITS
        old = partner[k]
        partner[x] = link
        partner[k] = x << DIRECTION_BITS | ((link & DIRECTION_MASK) ^ 1)
        if k == tail:
            return
        x = old >> DIRECTION_BITS
