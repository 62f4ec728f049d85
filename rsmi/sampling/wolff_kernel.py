"""Compiled Wolff update: grow one cluster from a random site and flip it."""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.random import fill_uint64

CHANCE_BITS = 32
WORDS = 128

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@njit(cache=True, nogil=True, forceinline=True)
def _try(
    spins: NDArray[np.int8],
    other: np.uint32,
    sign: np.int8,
    chance: np.uint64,
    threshold: np.uint64,
    queue: NDArray[np.uint32],
    tail: np.uint64,
) -> np.uint64:
    """Let a neighbour join the cluster or not; no branch, since it could not be predicted."""
    spin = spins[other]
    joins = (spin == sign) & (chance < threshold)
    spins[other] = -sign if joins else spin
    queue[tail] = other
    return tail + np.uint64(joins)


@njit(cache=True, nogil=True, forceinline=True)
def _flip_cluster(
    spins: NDArray[np.int8],
    neighbours: NDArray[np.uint32],
    shape: tuple[int, ...],
    threshold: np.uint64,
    address: tuple[int, int, int, np.uint64],
    words: NDArray[np.uint64],
    queue: NDArray[np.uint32],
) -> None:
    """Flip the cluster of a random site.

    Word 0 of the address chooses the site, the following ones decide the bonds of the sites in
    the order in which they join: the low half of a word the bond forward along an axis, the high
    half the one backward. Every bond is open to one end at most, since a flipped spin differs
    from the sign that the cluster had; no other mark of the cluster is needed. Sites are taken
    first in, first out, so that the processor need not wait for the last one to be written.
    """
    chain, sweep, stream, seed = address
    fill_uint64(words, 0, chain, sweep, stream, seed)
    site = np.uint32(words[0] % np.uint64(spins.size))
    sign = spins[site]
    spins[site] = -sign
    queue[0] = site
    axes, size = np.uint64(len(shape)), np.uint64(words.size)
    used, drawn = np.uint64(1), words.size
    head, tail = np.uint64(0), np.uint64(1)
    while head < tail:
        site = queue[head]
        head += np.uint64(1)
        if used + axes > size:
            fill_uint64(words, drawn, chain, sweep, stream, seed)
            drawn += words.size
            used = np.uint64(0)
        for axis in range(axes):
            word = words[used + axis]
            forward, backward = neighbours[site, 2 * axis], neighbours[site, 2 * axis + 1]
            tail = _try(spins, forward, sign, word & _LOW, threshold, queue, tail)
            tail = _try(spins, backward, sign, word >> _HALF, threshold, queue, tail)
        used += axes


@njit(cache=True, nogil=True)
def flip_clusters(
    spins: NDArray[np.int8],
    neighbours: NDArray[np.uint32],
    shape: tuple[int, ...],
    threshold: np.uint64,
    first_chain: int,
    first_sweep: int,
    sweeps: int,
    stream: int,
    seed: np.uint64,
) -> None:
    """Flip one cluster of every chain in each of some sweeps, in place.

    Args:
        spins: int8 (chains, sites), +1 or -1.
        neighbours: uint32 (sites, directions), forward and backward along each axis.
        shape: sites along each axis; the length of the tuple is known to the compiler.
        threshold: bond probability times 2**32.
        first_chain: number of the first chain in the whole run.
        first_sweep, sweeps: absolute number of the first sweep, and how many.
        stream, seed: the rest of the random numbers' address.
    """
    words = np.empty(WORDS, np.uint64)
    queue = np.empty(spins.shape[1] + 1, np.uint32)
    for chain in range(spins.shape[0]):
        for sweep in range(first_sweep, first_sweep + sweeps):
            address = (first_chain + chain, sweep, stream, seed)
            _flip_cluster(spins[chain], neighbours, shape, threshold, address, words, queue)
