"""Random words of the dimer updates: their addresses, and a small buffer filled by counter."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.sampling.random import fill_uint64

BUFFER = 256

_HALF = np.uint64(32)

Words = NDArray[np.uint64]
Cursor = NDArray[np.int64]
Address = tuple[int, int, int, np.uint64]
"""Chain, sweep, stream and seed."""


class DimerStream(IntEnum):
    """What a word is used for, numbered apart from all other streams; no two uses share one."""

    INITIAL = 32
    WORM = 33
    WILSON = 34
    PAIRS = 35
    MONOMERS = 36


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
