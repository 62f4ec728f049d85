"""Compiled Swendsen-Wang sweep: bonds, clusters, flips.

A configuration is a stack of rows along the last axis. Bonded neighbours in a row form runs, and
only runs enter the union-find, about half as many as sites at criticality. A parent never has a
larger index than its child, so one pass in order hands every root's sign down its tree.

Bit layout: axis number 0 is the row, 1, 2, ... are the other axes in order. Word number a // 2 of a
site decides its forward bonds along axes a = 2w (bits 0-30) and 2w + 1 (bits 32-62); bit 63 of
word 0 is the sign of the cluster rooted there.
"""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.random import fill_uint64

BOND_BITS = 31
CHUNK = 2048

_BOND_MASK = np.uint64(2**BOND_BITS - 1)
_LOW_HALF = np.uint64(0)
_HIGH_HALF = np.uint64(32)
_TOP_BIT = np.uint64(63)

Bytes = NDArray[np.uint8]
Spins = NDArray[np.int8]
Words = NDArray[np.uint64]
Labels = NDArray[np.int32]
Rows = NDArray[np.int64]


@njit(cache=True, nogil=True, forceinline=True)
def _bonds(
    here: Spins, there: Spins, words: Words, half: np.uint64, threshold: np.uint64, out: Bytes
) -> None:
    """Bond where two neighbours agree and a 31-bit random number is below the threshold."""
    for j in range(out.size):
        chance = (words[j] >> half) & _BOND_MASK
        out[j] = np.uint8((here[j] == there[j]) & (chance < threshold))


@njit(cache=True, nogil=True, forceinline=True)
def _bonds_along(spins: Spins, words: Words, threshold: np.uint64, out: Bytes) -> None:
    """Bonds from each site of a row to the next one, the last to the first."""
    last = out.size - 1
    _bonds(spins[:last], spins[1:], words[:last], _LOW_HALF, threshold, out[:last])
    _bonds(spins[last:], spins[:1], words[last:], _LOW_HALF, threshold, out[last:])


@njit(cache=True, nogil=True, forceinline=True)
def _signs(words: Words, out: Spins) -> None:
    """Random sign of each site from the top bit of its word."""
    for j in range(out.size):
        out[j] = np.int8(1) - np.int8(2) * np.int8(words[j] >> _TOP_BIT)


@njit(cache=True, nogil=True, forceinline=True)
def _draw(
    spins: Spins,
    forward: Rows,
    threshold: np.uint64,
    address: tuple[int, int, int, np.uint64],
    words: Words,
    bonds: NDArray[np.uint8],
    signs: Spins,
) -> None:
    """Draw all bonds (axes, rows, row length) and a sign for each site."""
    axes, rows, length = bonds.shape
    chain, sweep, stream, seed = address
    chunk = words.size // length
    padded = rows * length + (rows * length) % 2
    for word in range((axes + 1) // 2):
        for start in range(0, rows, chunk):
            count = min(chunk, rows - start)
            used = count * length + (count * length) % 2
            first = word * padded + start * length
            fill_uint64(words[:used], first, chain, sweep, stream, seed)
            for row in range(start, start + count):
                w = words[(row - start) * length : (row - start + 1) * length]
                if word == 0:
                    _bonds_along(spins[row], w, threshold, bonds[0, row])
                    _signs(w, signs[row])
                else:
                    there = spins[forward[2 * word - 1, row]]
                    _bonds(spins[row], there, w, _LOW_HALF, threshold, bonds[2 * word, row])
                if 2 * word + 1 < axes:
                    there = spins[forward[2 * word, row]]
                    _bonds(spins[row], there, w, _HIGH_HALF, threshold, bonds[2 * word + 1, row])


@njit(cache=True, nogil=True, forceinline=True)
def _label_runs(bonded: Bytes, signs: Spins, run: NDArray[np.int32], run_sign: Spins) -> np.int32:
    """Number the runs of bonded sites along the rows; a run takes the sign of its last site."""
    rows, length = bonded.shape
    label = np.int32(-1)
    for row in range(rows):
        joined = np.uint8(0)
        for j in range(length):
            label += np.int32(1 - joined)
            run[row, j] = label
            run_sign[label] = signs[row, j]
            joined = bonded[row, j]
    return label + np.int32(1)


@njit(cache=True, nogil=True, forceinline=True)
def _union(parent: Labels, x: int, y: int) -> None:
    """Merge two trees, splicing both paths on the way (Rem's algorithm, Dijkstra 1976)."""
    parent_x = parent[x]
    parent_y = parent[y]
    while parent_x != parent_y:
        if parent_x < parent_y:
            parent[y] = parent_x
            if y == parent_y:
                return
            y = parent_y
            parent_y = parent[y]
        else:
            parent[x] = parent_y
            if x == parent_x:
                return
            x = parent_x
            parent_x = parent[x]


@njit(cache=True, nogil=True, forceinline=True)
def _bonds_that_matter(bonded: Bytes, here: Bytes, there: Bytes, found: Labels) -> np.int64:
    """List the bonds between two rows, leaving out those that join the same two runs again.

    `here` and `there` are the bonds along the two rows. The loop has no branch, since each bond
    is a coin toss that no processor can predict.
    """
    count = np.int64(0)
    fresh = np.uint8(1)
    for j in range(bonded.size):
        found[count] = j
        taken = bonded[j] & fresh
        count += np.int64(taken)
        fresh = (fresh ^ taken) | np.uint8(1 - (here[j] & there[j]))
    return count


@njit(cache=True, nogil=True, forceinline=True)
def _merge_runs(
    bonds: NDArray[np.uint8], forward: Rows, run: Labels, parent: Labels, found: Labels
) -> None:
    """Union all runs that a bond joins, around each row and between rows."""
    axes, rows, length = bonds.shape
    for row in range(rows):
        if bonds[0, row, length - 1]:
            _union(parent, run[row, 0], run[row, length - 1])
        for axis in range(1, axes):
            other = forward[axis - 1, row]
            count = _bonds_that_matter(bonds[axis, row], bonds[0, row], bonds[0, other], found)
            for k in range(count):
                _union(parent, run[row, found[k]], run[other, found[k]])


@njit(cache=True, nogil=True)
def sweep_chains(
    spins: NDArray[np.int8],
    forward: Rows,
    threshold: np.uint64,
    first_chain: int,
    first_sweep: int,
    sweeps: int,
    stream: int,
    seed: np.uint64,
) -> None:
    """Swendsen-Wang sweeps of a group of chains, in place.

    Args:
        spins: int8 (chains, rows, row length), +1 or -1.
        forward: int64 (axes - 1, rows), the next row along every axis but the last.
        threshold: bond probability times 2**31.
        first_chain: number of the first chain of the group in the whole run.
        first_sweep, sweeps: absolute number of the first sweep, and how many.
        stream, seed: the rest of the random numbers' address.
    """
    chains, rows, length = spins.shape
    axes = forward.shape[0] + 1
    even_rows = 2 * max(CHUNK // (2 * length), 1)
    words = np.empty(even_rows * length, np.uint64)
    bonds = np.empty((axes, rows, length), np.uint8)
    signs = np.empty((rows, length), np.int8)
    run = np.empty((rows, length), np.int32)
    run_sign = np.empty(rows * length, np.int8)
    parent = np.empty(rows * length, np.int32)
    found = np.empty(length + 1, np.int32)
    for chain in range(chains):
        state = spins[chain]
        for sweep in range(first_sweep, first_sweep + sweeps):
            address = (first_chain + chain, sweep, stream, seed)
            _draw(state, forward, threshold, address, words, bonds, signs)
            runs = _label_runs(bonds[0], signs, run, run_sign)
            for k in range(runs):
                parent[k] = k
            _merge_runs(bonds, forward, run, parent, found)
            for k in range(runs):
                run_sign[k] = run_sign[parent[k]]
            for row in range(rows):
                for j in range(length):
                    state[row, j] *= run_sign[run[row, j]]
