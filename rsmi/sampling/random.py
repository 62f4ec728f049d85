"""Counter-based random numbers: every number is a pure function of a seed and its address.

The address of a word is (site, chain, sweep, stream), so results never depend on the number of
workers, on the block size or on interruptions.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.errors import InputError

ROUNDS = 10
LOW_32_BITS = 0xFFFFFFFF
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)

_LOW = np.uint64(LOW_32_BITS)
_HALF = np.uint64(32)
_TAG_BITS = np.uint64(8)
_M0, _M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
_W0, _W1 = np.uint64(KEY_STEPS[0]), np.uint64(KEY_STEPS[1])


class Stream(IntEnum):
    """What a random word is used for; two uses never share a stream."""

    INITIAL = 0
    SWENDSEN_WANG = 1
    METROPOLIS = 2
    COARSE_GRAIN = 3
    MULTISPIN = 4
    WOLFF = 5
    PERCOLATION = 6
    VARIATIONAL = 7


def check_seed(seed: int) -> int:
    """Return the seed if it fits the 64-bit key of the generator.

    Raises:
        InputError: the seed is negative or needs more than 64 bits.

    >>> check_seed(1)
    1
    """
    if not 0 <= seed < 2**64:
        raise InputError(f"seed is {seed}; expected 0 <= seed < 2**64; choose another seed")
    return seed


@njit(cache=True, nogil=True, forceinline=True)
def philox_rounds(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Philox rounds on 32-bit words held in 64-bit registers, the form LLVM vectorises."""
    for _ in range(ROUNDS):
        product0 = _M0 * c0
        product1 = _M1 * c2
        c0 = (product1 >> _HALF) ^ c1 ^ k0
        c1 = product1 & _LOW
        c2 = (product0 >> _HALF) ^ c3 ^ k1
        c3 = product0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@njit(cache=True, nogil=True)
def philox4x32(
    c0: int, c1: int, c2: int, c3: int, k0: int, k1: int
) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    """Four random 32-bit words of Philox4x32-10, a bijection of the counter for every key.

    Args:
        c0, c1, c2, c3: counter, 32-bit words.
        k0, k1: key, 32-bit words.

    Returns:
        Four independent uniform 32-bit words.

    Source: Salmon, Moraes, Dror, Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, SC11.

    >>> [hex(word) for word in philox4x32(0, 0, 0, 0, 0, 0)]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    a, b, c, d = philox_rounds(
        np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3), np.uint64(k0), np.uint64(k1)
    )
    return np.uint32(a), np.uint32(b), np.uint32(c), np.uint32(d)


@njit(cache=True, nogil=True)
def fill_uint64(
    out: NDArray[np.uint64], first: int, chain: int, sweep: int, stream: int, seed: np.uint64
) -> None:
    """Fill an array with the random 64-bit words number first, first + 1, ... of one sweep.

    Word i is half i % 2 of the Philox output at counter (i // 2, chain, sweep, stream).

    Args:
        out: uint64 array of even length, overwritten.
        first: even number of the first word.
        chain, sweep, stream, seed: the rest of the address; sweep may need up to 56 bits.
    """
    pair = np.uint64(first) >> np.uint64(1)
    c1 = np.uint64(chain) & _LOW
    c2 = np.uint64(sweep) & _LOW
    c3 = (((np.uint64(sweep) >> _HALF) << _TAG_BITS) | np.uint64(stream)) & _LOW
    k0 = np.uint64(seed) & _LOW
    k1 = np.uint64(seed) >> _HALF
    for i in range(out.size // 2):
        a, b, c, d = philox_rounds((pair + np.uint64(i)) & _LOW, c1, c2, c3, k0, k1)
        out[2 * i] = a | (b << _HALF)
        out[2 * i + 1] = c | (d << _HALF)


@njit(cache=True, nogil=True)
def word(index: int, chain: int, sweep: int, stream: int, seed: np.uint64) -> np.uint64:
    """Random 64-bit word number `index` of one sweep, the same as `fill_uint64` puts there.

    >>> out = np.empty(4, np.uint64)
    >>> fill_uint64(out, 0, 5, 7, 9, np.uint64(1))
    >>> int(word(3, 5, 7, 9, np.uint64(1))) == int(out[3])
    True
    """
    number, tag = np.uint64(index), np.uint64(stream)
    a, b, c, d = philox4x32(
        int(number >> np.uint64(1)),
        int(np.uint64(chain) & _LOW),
        int(np.uint64(sweep) & _LOW),
        int((((np.uint64(sweep) >> _HALF) << _TAG_BITS) | tag) & _LOW),
        int(np.uint64(seed) & _LOW),
        int(np.uint64(seed) >> _HALF),
    )
    if number & np.uint64(1):
        return np.uint64(c) | (np.uint64(d) << _HALF)
    return np.uint64(a) | (np.uint64(b) << _HALF)


@njit(cache=True, nogil=True, forceinline=True)
def unit(bits: np.uint64) -> float:
    """A word as a uniform number in [0, 1), 53 bits.

    >>> unit(np.uint64(2**63))
    0.5
    """
    return np.float64(bits >> np.uint64(11)) * 2.0**-53
