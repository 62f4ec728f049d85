"""Random words one at a time, from a small buffer that is filled by counter."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rsmi.sampling.random import fill_uint64

BUFFER = 256
TO_UNIT = 2.0**-53

_HALF = np.uint64(32)
_UNIT_SHIFT = np.uint64(11)

Words = NDArray[np.uint64]
Cursor = NDArray[np.int64]
Address = tuple[int, int, int, np.uint64]
"""Chain, sweep, stream and seed."""


@njit(cache=True, nogil=True, forceinline=True)
def next_word(words: Words, cursor: Cursor, address: Address) -> np.uint64:
    """Next random word of the address.

    Args:
        words: uint64 buffer of even length.
        cursor: place of the next word in the buffer, and number of the first word of the next
            buffer; starts as (length of the buffer, 0).
        address: chain, sweep, stream, seed.
    """
    if cursor[0] == words.size:
        chain, sweep, stream, seed = address
        fill_uint64(words, cursor[1], chain, sweep, stream, seed)
        cursor[1] += words.size
        cursor[0] = 0
    cursor[0] += 1
    return words[cursor[0] - 1]


@njit(cache=True, nogil=True, forceinline=True)
def below(word: np.uint64, bound: int) -> np.int64:
    """Random number below the bound from the upper half of a word, uneven by bound / 2**32."""
    return np.int64(((word >> _HALF) * np.uint64(bound)) >> _HALF)


@njit(cache=True, nogil=True, forceinline=True)
def unit(word: np.uint64) -> float:
    """Random number in [0, 1) with 53 bits."""
    return (word >> _UNIT_SHIFT) * TO_UNIT
