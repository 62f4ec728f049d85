"""Metropolis probabilities as binary digits, for updates that treat many spins as one word.

A flip is accepted when a uniform number u is below the probability p. Bit by bit from the top,
the first digit in which u and p differ decides, so a few random bits are enough for most spins
and the comparison is exact to the last digit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsmi.sampling.metropolis import flip_probabilities

DIGITS = 64
"""Digits kept of each probability; a double has no more above 2**-12, and 2**-64 is far below any
frequency that a run could resolve."""

MOST_AXES = 3
"""Axes that the compiled kernels count bonds along."""

_ALL = 0xFFFFFFFF

Table = NDArray[np.uint32]


@dataclass(frozen=True)
class Acceptance:
    """Digits of the flip probability by number of unsatisfied bonds, coded by differences.

    With m unsatisfied bonds of a spin, the digit is changes[0] ^ changes[1] ^ ... ^ changes[j],
    j = min(m, d). Words are all ones or all zeros.

    Args:
        changes: uint32 (DIGITS, 4), the digits.
        open: uint32 (DIGITS, 4), whether a digit at this place or below is not zero; where none
            is, an undecided u cannot be below p any more.
    """

    changes: Table
    open: Table

    def as_integers(self) -> list[int]:
        """Columns of both tables as signed 64-bit integers, first digit in the top bit."""
        columns = np.concatenate([self.changes, self.open], axis=1).T & 1
        unsigned = [int("".join(map(str, column)), 2) for column in columns.tolist()]
        return [n - 2**64 if n >= 2**63 else n for n in unsigned]


def acceptance(coupling: float, dimension: int) -> Acceptance:
    """Digits of the probabilities of `flip_probabilities` by number of unsatisfied bonds.

    Args:
        coupling: K = J / T.
        dimension: d of the hypercubic lattice, at most 3.

    >>> [hex(word) for word in acceptance(0.4, 2).changes[0].tolist()]
    ['0x0', '0x0', '0xffffffff', '0x0']
    """
    # s h = 2d - 2m for K > 0; for K < 0 the other bonds are the unsatisfied ones.
    by_alignment = flip_probabilities(abs(coupling), dimension).tolist()
    probabilities = by_alignment[: dimension - 1 : -1]
    numbers = [int(p * 2**DIGITS) for p in probabilities]
    digits = np.array([[n >> place & 1 for n in numbers] for place in range(DIGITS)[::-1]])
    still = np.flip(np.maximum.accumulate(np.flip(digits, 0), axis=0), 0)
    return Acceptance(_changes(digits), _changes(still))


def _changes(digits: NDArray[np.int64]) -> Table:
    """Word that turns the entry for j - 1 unsatisfied bonds into that for j."""
    before = np.pad(digits, ((0, 0), (1, 0)))[:, :-1]
    words = ((digits ^ before) * _ALL).astype(np.uint32)
    return np.pad(words, ((0, 0), (0, MOST_AXES + 1 - words.shape[1])))
