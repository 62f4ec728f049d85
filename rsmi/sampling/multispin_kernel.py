"""Compiled bit-packed Metropolis sweeps, 32 lanes to a word.

Word n of colour c, counted through all groups, draws in its k-th call the four words of Philox at
counter (m, k << 26 | m >> 32, sweep, sweep >> 32 << 8 | stream), m = 2 n + c: random bits number
4k to 4k + 3 of each lane. All words make two calls; only those with an undecided lane go on.

All intermediate words of a chunk lie in one buffer of rows of CHUNK words, and every count is cut
to CHUNK: from both the compiler sees that no index wraps and no two rows overlap, without which
it does not vectorise.
"""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.acceptance import DIGITS
from rsmi.sampling.multispin_bonds import (
    CHUNK,
    DIRECTIONS,
    Geometry,
    Lattice,
    Words,
    find_bonds,
)
from rsmi.sampling.random import philox_rounds

CALL_BITS = 26
PLANES = 4
FIRST_CALLS = 2

# Rows of the buffer after the bonds of each direction: where at least 1, 2, 3 bonds are
# unsatisfied; random bits; lanes still undecided; accepted flips; places of words with such lanes.
_FREE = DIRECTIONS * CHUNK
_AT_LEAST_1, _AT_LEAST_2, _AT_LEAST_3 = _FREE, _FREE + CHUNK, _FREE + 2 * CHUNK
_RANDOM = _FREE + 3 * CHUNK
_UNDECIDED, _ACCEPTED = _FREE + 7 * CHUNK, _FREE + 8 * CHUNK
_FOUND = _FREE + 9 * CHUNK
BUFFER = _FREE + 10 * CHUNK

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ZERO, _ALL = np.uint32(0), np.uint32(0xFFFFFFFF)

Count = int | np.int64
Address = tuple[int, int, np.uint64]


@njit(cache=True, nogil=True, forceinline=True)
def _draw(buffer: Words, count: Count, first: int, call: int, address: Address) -> None:
    """Four random words for each of the places found."""
    sweep, stream, seed = address
    number = np.uint64(call) << np.uint64(CALL_BITS)
    c2 = np.uint64(sweep) & _LOW
    c3 = (((np.uint64(sweep) >> _HALF) << np.uint64(8)) | np.uint64(stream)) & _LOW
    k0, k1 = seed & _LOW, seed >> _HALF
    for k in range(min(count, CHUNK)):
        m = np.uint64(first) + np.uint64(2) * np.uint64(buffer[_FOUND + k])
        a, b, c, d = philox_rounds(m & _LOW, number | (m >> _HALF), c2, c3, k0, k1)
        buffer[_RANDOM + k] = np.uint32(a)
        buffer[_RANDOM + CHUNK + k] = np.uint32(b)
        buffer[_RANDOM + 2 * CHUNK + k] = np.uint32(c)
        buffer[_RANDOM + 3 * CHUNK + k] = np.uint32(d)


@njit(cache=True, nogil=True, forceinline=True)
def _count(buffer: Words, count: int) -> None:
    """Unary count of unsatisfied bonds; more than d of them do not change the acceptance."""
    for i in range(min(count, CHUNK)):
        one, two, three = _ZERO, _ZERO, _ZERO
        for direction in range(DIRECTIONS):
            bond = buffer[direction * CHUNK + i]
            three |= two & bond
            two |= one & bond
            one |= bond
        buffer[_AT_LEAST_1 + i] = one
        buffer[_AT_LEAST_2 + i] = two
        buffer[_AT_LEAST_3 + i] = three


@njit(cache=True, nogil=True, forceinline=True)
def _compare(buffer: Words, count: int, table: NDArray[np.uint32]) -> None:
    """Compare four more random bits of every lane with the digits of its probability."""
    for i in range(min(count, CHUNK)):
        one, two, three = buffer[_AT_LEAST_1 + i], buffer[_AT_LEAST_2 + i], buffer[_AT_LEAST_3 + i]
        undecided, accepted = buffer[_UNDECIDED + i], buffer[_ACCEPTED + i]
        for plane in range(PLANES):
            digit = table[plane, 0] ^ (one & table[plane, 1])
            digit ^= (two & table[plane, 2]) ^ (three & table[plane, 3])
            differs = digit ^ buffer[_RANDOM + plane * CHUNK + i]
            accepted |= undecided & differs & digit
            undecided &= ~differs
        buffer[_UNDECIDED + i] = undecided
        buffer[_ACCEPTED + i] = accepted


@njit(cache=True, nogil=True, forceinline=True)
def _gather(buffer: Words, count: int, still: Words) -> np.int64:
    """List the words with undecided lanes, without those whose probability has no more digits.

    The loop has no branch, since no processor can predict which words are left.
    """
    found = np.int64(0)
    for i in range(min(count, CHUNK)):
        digit = still[0] ^ (buffer[_AT_LEAST_1 + i] & still[1])
        digit ^= (buffer[_AT_LEAST_2 + i] & still[2]) ^ (buffer[_AT_LEAST_3 + i] & still[3])
        buffer[_UNDECIDED + i] &= digit
    for i in range(min(count, CHUNK)):
        buffer[_FOUND + found] = np.uint32(i)
        found += np.int64(buffer[_UNDECIDED + i] != _ZERO)
    return found


@njit(cache=True, nogil=True, forceinline=True)
def _decide(buffer: Words, found: Count, changes: NDArray[np.uint32], still: Words) -> np.int64:
    """Compare four more bits in the words found; return how many of them are left."""
    left = np.int64(0)
    for k in range(min(found, CHUNK)):
        i = np.int64(buffer[_FOUND + k])
        one, two, three = buffer[_AT_LEAST_1 + i], buffer[_AT_LEAST_2 + i], buffer[_AT_LEAST_3 + i]
        undecided = buffer[_UNDECIDED + i]
        for plane in range(PLANES):
            digit = changes[plane, 0] ^ (one & changes[plane, 1])
            digit ^= (two & changes[plane, 2]) ^ (three & changes[plane, 3])
            differs = digit ^ buffer[_RANDOM + plane * CHUNK + k]
            buffer[_ACCEPTED + i] |= undecided & differs & digit
            undecided &= ~differs
        undecided &= still[0] ^ (one & still[1]) ^ (two & still[2]) ^ (three & still[3])
        buffer[_UNDECIDED + i] = undecided
        buffer[_FOUND + left] = np.uint32(i)
        left += np.int64(undecided != _ZERO)
    return left


@njit(cache=True, nogil=True, forceinline=True)
def _flip(
    buffer: Words, count: int, first: int, changes: Lattice, still: Lattice, address: Address
) -> None:
    """Find the accepted flips of the spins whose bonds are counted."""
    for i in range(min(count, CHUNK)):
        buffer[_FOUND + i] = np.uint32(i)
        buffer[_UNDECIDED + i] = _ALL
        buffer[_ACCEPTED + i] = _ZERO
    for call in range(FIRST_CALLS):
        _draw(buffer, count, first, call, address)
        _compare(buffer, count, changes[PLANES * call :])
    digits = PLANES * FIRST_CALLS
    found = _gather(buffer, count, still[digits])
    while found > 0 and digits < DIGITS:
        _draw(buffer, found, first, digits // PLANES, address)
        found = _decide(buffer, found, changes[digits:], still[min(digits + PLANES, DIGITS - 1)])
        digits += PLANES


@njit(cache=True, nogil=True, forceinline=True)
def _update_colour(
    words: NDArray[np.uint32],
    colour: int,
    first_row: int,
    last_row: int,
    geometry: Geometry,
    changes: Lattice,
    still: Lattice,
    address: Address,
    buffer: Words,
) -> None:
    """Update the spins of one colour in some rows, chunk by chunk."""
    mine, other = words[colour], words[1 - colour]
    width = words.shape[2]
    step = CHUNK // width
    for start in range(first_row, last_row, step):
        stop = min(start + step, last_row)
        count = (stop - start) * width
        place = (start - first_row) * width
        forward = geometry[0][colour, place : place + count]
        find_bonds(buffer, mine, other, start, stop, forward, geometry)
        _count(buffer, count)
        _flip(buffer, count, 2 * start * width + colour, changes, still, address)
        flat = mine[start:stop].reshape(-1)
        for i in range(min(count, CHUNK)):
            flat[i] ^= buffer[_ACCEPTED + i]


@njit(cache=True, nogil=True)
def sweep_groups(
    words: NDArray[np.uint32],
    first_group: int,
    last_group: int,
    geometry: Geometry,
    changes: Lattice,
    still: Lattice,
    first_sweep: int,
    sweeps: int,
    stream: int,
    seed: np.uint64,
) -> None:
    """Metropolis sweeps of some groups of lanes, in place.

    Args:
        words: uint32 (2, groups * rows, width), the two colours of all groups.
        first_group, last_group: the groups to treat, the last one not included.
        geometry: words that are all ones where the side neighbour lies forward, for as many
            groups as are treated together; rows next to each row, and the step to most of them;
            rotation at the ends of the rows; and the word that makes parallel neighbours satisfied.
        changes, still: digits of the flip probabilities, as in `Acceptance`.
        first_sweep, sweeps: absolute number of the first sweep, and how many.
        stream, seed: the rest of the random numbers' address.
    """
    rows = geometry[1].shape[1]
    together = geometry[0].shape[1] // (rows * words.shape[2])
    buffer = np.zeros(BUFFER, np.uint32)
    for group in range(first_group, last_group, together):
        first_row, last_row = group * rows, min(group + together, last_group) * rows
        for sweep in range(first_sweep, first_sweep + sweeps):
            address = (sweep, stream, seed)
            for colour in range(2):
                _update_colour(
                    words, colour, first_row, last_row, geometry, changes, still, address, buffer
                )
