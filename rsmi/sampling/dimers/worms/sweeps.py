"""Compiled sweeps of worms over all chains, and the worms of interacting dimers."""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.dimers.lattice import MISSING
from rsmi.sampling.dimers.pictures import ALL_MATCHED, Directions, Table, read_bonds, write_bonds
from rsmi.sampling.dimers.words import BUFFER, Address, Words, below, next_word
from rsmi.sampling.dimers.worms.links import Links, free_worms, join, part
from rsmi.sampling.dimers.worms.turns import Weights, turn_probabilities
from rsmi.sampling.random import unit

Graph = tuple[Table, Links, NDArray[np.int64], Table]
"""Neighbours; links and degrees from `link_table`; the sites that carry dimers."""


@njit(cache=True, nogil=True)
def worm_sweeps(
    bonds: Directions,
    graph: Graph,
    boltzmann: Weights,
    worms: int,
    span: tuple[int, int, int],
    stream: int,
    seed: np.uint64,
) -> int:
    """Carry every chain through sweeps of closed worms.

    Args:
        bonds: int8 (chains, axes, sites), changed in place.
        graph: neighbours, links, degrees, sites.
        boltzmann: float64, exp(K n) for n parallel pairs.
        worms: how many make a sweep.
        span: number of the first chain, of the first sweep, and how many sweeps.
        stream, seed: the rest of the address of the random words.

    Returns:
        Number of steps, or -1 if a chain is no perfect matching.
    """
    neighbours, table, degrees, starts = graph
    first_chain, first_sweep, sweeps = span
    directions = np.empty(bonds.shape[2], dtype=np.int8)
    links = np.empty(bonds.shape[2], dtype=np.int32)
    words = np.empty(BUFFER, dtype=np.uint64)
    free = boltzmann[0] == boltzmann[1]
    steps = 0
    for n in range(len(bonds)):
        if read_bonds(bonds[n], neighbours, directions) != ALL_MATCHED:
            return -1
        join(directions, neighbours, links)
        for sweep in range(first_sweep, first_sweep + sweeps):
            address = (first_chain + n, sweep, stream, seed)
            if free:
                steps += free_worms(links, table, degrees, starts, worms, address, words)
            else:
                steps += interacting_worms(
                    directions, neighbours, starts, boltzmann, worms, address, words
                )
        if free:
            part(links, directions)
        write_bonds(directions, bonds[n])
    return steps


@njit(cache=True, nogil=True)
def interacting_worms(
    directions: Directions,
    neighbours: Table,
    starts: Table,
    boltzmann: Weights,
    worms: int,
    address: Address,
    words: Words,
) -> int:
    """Move interacting dimers along closed worms.

    Args:
        directions: int8 (sites,) of the partners, changed in place.
        neighbours: int32 (sites, directions).
        starts: int32, the sites that carry dimers.
        boltzmann: float64, exp(K n) for n parallel pairs.
        worms: how many.
        address: chain, sweep, stream, seed of the random words.
        words: uint64 buffer of even length.

    Returns:
        Number of steps, bounces included.
    """
    chances = np.empty(neighbours.shape[1])
    cursor = np.array([words.size, 0])
    steps = 0
    for _ in range(worms):
        tail = starts[below(next_word(words, cursor, address), starts.size)]
        x = neighbours[tail, directions[tail]]
        directions[tail] = MISSING
        while True:
            turn_probabilities(directions, neighbours, x, boltzmann, chances)
            q = pick(chances, unit(next_word(words, cursor, address)), directions[x])
            k = neighbours[x, q]
            old = directions[k]
            directions[x] = q
            directions[k] = q ^ 1
            steps += 1
            if k == tail:
                break
            x = neighbours[k, old]
    return steps


@njit(cache=True, nogil=True, forceinline=True)
def pick(chances: Weights, u: float, fallback: int) -> int:
    """Index drawn with the given probabilities; rounding of their sum goes to the fallback."""
    for q in range(chances.size):
        u -= chances[q]
        if u < 0:
            return q
    return fallback
