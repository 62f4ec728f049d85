"""Addresses of the random words of the graph, Potts and quantum updates."""

from enum import IntEnum

import numpy as np
from numba import njit

from rsmi.sampling.random import philox4x32

LOW_32_BITS = 0xFFFFFFFF


class GraphStream(IntEnum):
    """What a random word is used for; numbered apart from the other streams."""

    INITIAL = 64
    HEAT_BATH = 65
    CLUSTER_BONDS = 66
    CLUSTER_VALUES = 67
    WOLFF_BONDS = 68
    WOLFF_SITE = 69
    TEMPERING_SITES = 70
    TEMPERING_SWAPS = 71
    RANDOM_BONDS = 72
    DILUTION = 73
    BORN = 74
    AMPLITUDE_SITES = 75


@njit(cache=True, nogil=True)
def word(index: int, chain: int, sweep: int, stream: int, seed: np.uint64) -> np.uint64:
    """Random 64-bit word number `index` of one sweep, the same as `fill_uint64` puts there.

    >>> out = np.empty(4, np.uint64)
    >>> from rsmi.sampling.random import fill_uint64
    >>> fill_uint64(out, 0, 5, 7, 9, np.uint64(1))
    >>> int(word(3, 5, 7, 9, np.uint64(1))) == int(out[3])
    True
    """
    low, half = np.uint64(LOW_32_BITS), np.uint64(32)
    top = ((np.uint64(sweep) >> half) << np.uint64(8)) | np.uint64(stream)
    a, b, c, d = philox4x32(
        int(np.uint64(index) >> np.uint64(1)),
        int(np.uint64(chain) & low),
        int(np.uint64(sweep) & low),
        int(top & low),
        int(np.uint64(seed) & low),
        int(np.uint64(seed) >> half),
    )
    if np.uint64(index) & np.uint64(1):
        return np.uint64(c) | (np.uint64(d) << half)
    return np.uint64(a) | (np.uint64(b) << half)


@njit(cache=True, nogil=True, forceinline=True)
def unit(bits: np.uint64) -> float:
    """A word as a uniform number in [0, 1), 53 bits.

    >>> unit(np.uint64(2**63))
    0.5
    """
    return np.float64(bits >> np.uint64(11)) * 2.0**-53
