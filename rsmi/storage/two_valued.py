"""Check at the boundary that foreign spins take two values, +1/-1 or 0/1."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.storage.room import check_memory

_EXPECTED = "expected spins of +1/-1 or 0/1"
_PIECE_SITES = 1 << 22


def check_array(array: Any, what: str) -> None:
    """Refuse what cannot be (n, *lattice shape) spins at all.

    Raises:
        InputError: For a wrong number of axes, an empty array or values that are no numbers.
    """
    if array.ndim < 2:
        raise InputError(
            f"{what} has shape {array.shape}; expected (n, L, L): n configurations first, then the "
            "axes of the lattice; add a first axis of length 1 for a single chain of spins"
        )
    if 0 in array.shape:
        raise InputError(f"{what} has shape {array.shape}: it is empty; expected (n, L, L)")
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what} holds values of type {array.dtype}; {_EXPECTED} as numbers")
    one = math.prod(array.shape[1:]) * (array.dtype.itemsize + 4)
    check_memory(one, f"one configuration of {what}, shape {array.shape},", "use a smaller lattice")


def pieces(array: Any) -> Iterator[NDArray[Any]]:
    """An array or HDF5 dataset in slices of bounded size along the first axis."""
    rows = max(1, _PIECE_SITES // max(1, int(np.prod(array.shape[1:]))))
    for start in range(0, len(array), rows):
        yield np.asarray(array[start : start + rows])


def lower_value(parts: Iterable[NDArray[Any]], what: str) -> int:
    """The value that stands for spin down, -1 or 0, once every value has been looked at.

    Args:
        parts: All values, piece by piece.
        what: Name of the source for messages.

    Raises:
        InputError: For NaN, or for anything but two values.

    >>> lower_value([np.array([0, 1])], "an array")
    0
    """
    zero = minus = False
    for part in parts:
        is_zero, is_minus = part == 0, part == -1
        if not np.all(is_zero | is_minus | (part == 1)):
            raise InputError(f"{what} {_found(part)}; {_EXPECTED}")
        zero, minus = zero or bool(is_zero.any()), minus or bool(is_minus.any())
    if zero and minus:
        raise InputError(
            f"{what} holds the three values -1, 0, 1; {_EXPECTED}, not both: empty sites are not "
            "supported"
        )
    return 0 if zero else -1


def as_spins(part: NDArray[Any], lower: int) -> NDArray[np.int8]:
    """Values as int8 of +1/-1; `lower` is what stands for spin down.

    >>> as_spins(np.array([0.0, 1.0]), 0).tolist()
    [-1, 1]
    """
    spins = np.array(part, dtype=np.int8)
    if lower == 0:
        spins *= 2
        spins -= 1
    return spins


def _found(part: NDArray[Any]) -> str:
    if part.dtype.kind == "f" and np.isnan(part).any():
        return f"holds {int(np.isnan(part).sum())} NaN"
    values = np.unique(part)
    shown = ", ".join(f"{value:g}" for value in values[:5].astype(np.float64))
    return f"holds the values {shown}{', ...' if len(values) > 5 else ''}"
