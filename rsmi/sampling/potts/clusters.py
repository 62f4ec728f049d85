"""Compiled Potts clusters: equal neighbours are joined, a cluster takes a new common state."""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.graphs.clusters import flatten, union
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.random import fill_uint64, unit, word

Spins = NDArray[np.int8]
Sites = NDArray[np.int64]
Address = tuple[int, int, int, np.uint64]


@njit(cache=True, nogil=True)
def swendsen_wang_chains(
    spins: Spins, edges: Sites, probability: float, states: int, address: Address
) -> None:
    """Swendsen-Wang sweeps of a group of chains (chains, n_sites), in place."""
    first_chain, first_sweep, sweeps, seed = address
    n_edges, sites = edges.shape[0], spins.shape[1]
    bond_words = np.empty(n_edges + n_edges % 2, np.uint64)
    state_words = np.empty(sites + sites % 2, np.uint64)
    parent = np.empty(sites, np.int64)
    for chain in range(spins.shape[0]):
        state = spins[chain]
        for sweep in range(first_sweep, first_sweep + sweeps):
            number = first_chain + chain
            fill_uint64(bond_words, 0, number, sweep, GraphStream.CLUSTER_BONDS, seed)
            fill_uint64(state_words, 0, number, sweep, GraphStream.CLUSTER_VALUES, seed)
            for site in range(sites):
                parent[site] = site
            for e in range(n_edges):
                a, b = edges[e, 0], edges[e, 1]
                if state[a] == state[b] and unit(bond_words[e]) < probability:
                    union(parent, a, b)
            flatten(parent)
            for site in range(sites):
                state[site] = np.int8(unit(state_words[parent[site]]) * states)


@njit(cache=True, nogil=True)
def wolff_chains(
    spins: Spins, neighbours: Sites, probability: float, states: int, address: Address
) -> None:
    """One Wolff cluster per sweep in each chain of a group (chains, n_sites), in place.

    Columns 0, 2, ... of the neighbours are forward bonds and 1, 3, ... backward ones; a bond has
    the number of its first site times d plus its axis, and is tried at most once in a sweep.
    """
    first_chain, first_sweep, sweeps, seed = address
    sites, columns = neighbours.shape
    axes = columns // 2
    stack = np.empty(sites, np.int64)
    for chain in range(spins.shape[0]):
        state = spins[chain]
        number = first_chain + chain
        for sweep in range(first_sweep, first_sweep + sweeps):
            site_word = word(0, number, sweep, GraphStream.WOLFF_SITE, seed)
            step_word = word(1, number, sweep, GraphStream.WOLFF_SITE, seed)
            stack[0] = np.int64(unit(site_word) * sites)
            old = state[stack[0]]
            step = 1 + np.int64(unit(step_word) * (states - 1))
            new = np.int8((old + step) % states)
            state[stack[0]] = new
            waiting = 1
            while waiting > 0:
                waiting -= 1
                site = stack[waiting]
                for k in range(columns):
                    there = neighbours[site, k]
                    # Sites that joined hold the new state already and are not tried again.
                    if state[there] != old:
                        continue
                    first = site if k % 2 == 0 else there
                    bond = first * axes + k // 2
                    bits = word(bond, number, sweep, GraphStream.WOLFF_BONDS, seed)
                    if unit(bits) < probability:
                        state[there] = new
                        stack[waiting] = there
                        waiting += 1
