"""Compiled cluster moves on a list of edges, for spins of which some may be 0.

An edge may join two sites where its bond is satisfied, b s s' > 0. A parent never has a larger
number than its child, so that one pass in order hands every root's value down its tree.
"""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.random import fill_uint64, unit, word

Spins = NDArray[np.int8]
Sites = NDArray[np.int64]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Rows = tuple[Sites, Sites, Sites]
Address = tuple[int, int, int, np.uint64]

_TOP_BIT = np.uint64(63)


@njit(cache=True, nogil=True, forceinline=True)
def union(parent: Sites, x: int, y: int) -> None:
    """Merge two trees, splicing both paths on the way (Rem's algorithm, Dijkstra 1976)."""
    while parent[x] != parent[y]:
        if parent[x] < parent[y]:
            x, y = y, x
        above = parent[x]
        parent[x] = parent[y]
        if x == above:
            return
        x = above


@njit(cache=True, nogil=True, forceinline=True)
def flatten(parent: Sites) -> None:
    """Let every site point to the root of its tree."""
    for site in range(parent.size):
        parent[site] = parent[parent[site]]


@njit(cache=True, nogil=True)
def swendsen_wang_sweep(
    spins: Spins,
    edges: Sites,
    strengths: Floats,
    probability: Floats,
    bond_words: Words,
    sign_words: Words,
    parent: Sites,
) -> None:
    """Join the sites of satisfied bonds with a probability, flip every cluster by a fair coin.

    Args:
        spins: (n_sites,), in place.
        edges, strengths, probability: sites, bond and probability of every edge.
        bond_words, sign_words: a random word for every edge and every site.
        parent: work space (n_sites,).
    """
    for site in range(spins.size):
        parent[site] = site
    for e in range(edges.shape[0]):
        a, b = edges[e, 0], edges[e, 1]
        satisfied = strengths[e] * (spins[a] * spins[b]) > 0
        if satisfied and unit(bond_words[e]) < probability[e]:
            union(parent, a, b)
    flatten(parent)
    for site in range(spins.size):
        flip = np.int8(sign_words[parent[site]] >> _TOP_BIT)
        spins[site] *= np.int8(1) - np.int8(2) * flip


@njit(cache=True, nogil=True)
def swendsen_wang_chains(
    spins: Spins, edges: Sites, strengths: Floats, probability: Floats, address: Address
) -> None:
    """Swendsen-Wang sweeps of a group of chains (chains, n_sites), in place."""
    first_chain, first_sweep, sweeps, seed = address
    n_edges, sites = edges.shape[0], spins.shape[1]
    bond_words = np.empty(n_edges + n_edges % 2, np.uint64)
    sign_words = np.empty(sites + sites % 2, np.uint64)
    parent = np.empty(sites, np.int64)
    for chain in range(spins.shape[0]):
        for sweep in range(first_sweep, first_sweep + sweeps):
            number = first_chain + chain
            fill_uint64(bond_words, 0, number, sweep, GraphStream.CLUSTER_BONDS, seed)
            fill_uint64(sign_words, 0, number, sweep, GraphStream.CLUSTER_VALUES, seed)
            swendsen_wang_sweep(
                spins[chain], edges, strengths, probability, bond_words, sign_words, parent
            )


@njit(cache=True, nogil=True)
def wolff_chains(
    spins: Spins, rows: Rows, strengths: Floats, probability: Floats, address: Address
) -> None:
    """One Wolff cluster per sweep in each chain of a group (chains, n_sites), in place.

    An edge is tried at most once in a sweep, so that its number addresses its random word.
    """
    first_chain, first_sweep, sweeps, seed = address
    start, other, edge = rows
    sites = spins.shape[1]
    stack = np.empty(sites, np.int64)
    joined = np.empty(sites, np.bool_)
    for chain in range(spins.shape[0]):
        state = spins[chain]
        number = first_chain + chain
        for sweep in range(first_sweep, first_sweep + sweeps):
            seed_word = word(0, number, sweep, GraphStream.WOLFF_SITE, seed)
            joined[:] = False
            stack[0] = np.int64(unit(seed_word) * sites)
            joined[stack[0]] = True
            waiting = 1
            while waiting > 0:
                waiting -= 1
                site = stack[waiting]
                for k in range(start[site], start[site + 1]):
                    there, e = other[k], edge[k]
                    # Sites that joined are flipped at the end, so both spins are the old ones.
                    satisfied = strengths[e] * (state[site] * state[there]) > 0
                    if joined[there] or not satisfied:
                        continue
                    bits = word(e, number, sweep, GraphStream.WOLFF_BONDS, seed)
                    if unit(bits) < probability[e]:
                        joined[there] = True
                        stack[waiting] = there
                        waiting += 1
            for site in range(sites):
                if joined[site]:
                    state[site] = -state[site]
