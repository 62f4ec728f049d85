"""Compiled clusters: equal neighbours are joined, a cluster takes a new common state."""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.graphs.clusters import flatten, union
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.random import fill_uint64, unit, word

Spins = NDArray[np.int8]
Sites = NDArray[np.int64]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Address = tuple[int, int, int, np.uint64]
Turns = tuple[Spins, Floats, Floats, Floats]


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


@njit(cache=True, nogil=True)
def embedded_chains(spins: Spins, edges: Sites, turns: Turns, address: Address) -> None:
    """Clusters of two of the three letters at a time, Blume-Capel chains (chains, n_sites).

    Args:
        spins: -1, 0, +1, in place.
        edges: every bond once, (n_bonds, 2).
        turns: for every turn of a sweep the letter that is held, the probability to join two
            equal spins of the others, the field of the higher letter against the lower at a site,
            and what every held neighbour takes away from it.
        address: first chain, first sweep, sweeps, seed.
    """
    first_chain, first_sweep, sweeps, seed = address
    n_edges, sites = edges.shape[0], spins.shape[1]
    bond_words = np.empty(n_edges + n_edges % 2, np.uint64)
    value_words = np.empty(sites + sites % 2, np.uint64)
    joined = np.empty(n_edges + 1, np.int64)
    parent = np.empty(sites, np.int64)
    contacts, field = np.empty(sites, np.int64), np.empty(sites)
    held, probability, alone, contact = turns
    for chain in range(spins.shape[0]):
        state, number = spins[chain], first_chain + chain
        for sweep in range(first_sweep, first_sweep + sweeps):
            for k in range(held.size):
                bonds, values = GraphStream.EMBEDDED_BONDS, GraphStream.EMBEDDED_VALUES
                fill_uint64(bond_words, k * bond_words.size, number, sweep, bonds, seed)
                fill_uint64(value_words, k * value_words.size, number, sweep, values, seed)
                count = _embedded_bonds(
                    state, held[k], edges, probability[k], bond_words, joined, contacts
                )
                _merge(edges, joined[:count], parent)
                field[:] = alone[k] - contact[k] * contacts
                _draw_clusters(state, held[k], parent, field, value_words)


@njit(cache=True, nogil=True)
def _embedded_bonds(
    state: Spins,
    held: int,
    edges: Sites,
    probability: float,
    words: Words,
    joined: Sites,
    contacts: Sites,
) -> np.int64:
    """Number of joined bonds, listed in `joined`, and the held neighbours of every site.

    Without branches, which no processor could predict: a bond that is not joined is overwritten.
    """
    count = np.int64(0)
    contacts[:] = 0
    for e in range(edges.shape[0]):
        a, b = edges[e, 0], edges[e, 1]
        first, second = state[a], state[b]
        equal = (first == second) & (first != held)
        joined[count] = e
        count += np.int64(equal & (unit(words[e]) < probability))
        contacts[a] += np.int64(second == held)
        contacts[b] += np.int64(first == held)
    return count


@njit(cache=True, nogil=True)
def _merge(edges: Sites, joined: Sites, parent: Sites) -> None:
    """Let every site point to the first site of its cluster."""
    for site in range(parent.size):
        parent[site] = site
    for e in joined:
        union(parent, edges[e, 0], edges[e, 1])
    flatten(parent)


@njit(cache=True, nogil=True)
def _draw_clusters(state: Spins, held: int, parent: Sites, field: Floats, words: Words) -> None:
    """Every cluster takes one of the two other letters; the fields of its sites add up.

    The letters are 0 and -held, or, where vacancies are held, -1 and +1.
    """
    lower = np.int8(-1) if held == 0 else np.int8(0)
    higher = np.int8(1) if held == 0 else np.int8(-held)
    for site in range(state.size):
        root = parent[site]
        field[root] += field[site] * (root != site)
    for site in range(state.size):
        # A root comes before the rest of its cluster, which takes over its new letter.
        if parent[site] != site:
            state[site] = state[parent[site]]
        elif state[site] != held:
            high = unit(words[site]) * (1.0 + np.exp(-field[site])) < 1.0
            state[site] = higher if high else lower
