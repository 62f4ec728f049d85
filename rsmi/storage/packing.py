"""Spins as bits: +1 is a set bit, eight spins of the last axis to a byte, lowest bit first."""

import numpy as np
from numpy.typing import NDArray

# Bits are expanded in pieces that stay in the second-level cache.
_PIECE_BYTES = 1 << 15


def packed_width(extent: int) -> int:
    """Bytes that hold `extent` spins.

    >>> packed_width(8), packed_width(9)
    (1, 2)
    """
    return (extent + 7) // 8


def pack(spins: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Pack spins of +1/-1 along the last axis; padding bits are zero.

    Args:
        spins: int8, shape (..., L).

    Returns:
        uint8, shape (..., ceil(L / 8)).

    >>> pack(np.array([1, -1, 1], dtype=np.int8)).tolist()
    [5]
    """
    return np.packbits(spins > 0, axis=-1, bitorder="little")


def unpack(packed: NDArray[np.uint8], extent: int) -> NDArray[np.int8]:
    """Undo `pack` for a last axis of `extent` spins.

    Args:
        packed: uint8, shape (n, ..., ceil(extent / 8)).
        extent: Number of spins along the last axis.

    Returns:
        int8 of +1/-1, shape (n, ..., extent).

    >>> unpack(np.array([[5]], dtype=np.uint8), 3).tolist()
    [[1, -1, 1]]
    """
    rows = np.ascontiguousarray(packed).reshape(-1, packed.shape[-1])
    spins = np.empty((len(rows), extent), dtype=np.int8)
    step = max(1, _PIECE_BYTES // packed.shape[-1])
    for start in range(0, len(rows), step):
        piece = rows[start : start + step]
        bits = np.unpackbits(piece.reshape(-1), bitorder="little").view(np.int8)
        out = spins[start : start + step]
        np.multiply(bits.reshape(len(piece), -1)[:, :extent], 2, out=out)
        out -= 1
    return spins.reshape(*packed.shape[:-1], extent)


def padding_is_zero(packed: NDArray[np.uint8], extent: int) -> bool:
    """Whether the bits beyond `extent` in the last byte of every row are zero.

    >>> padding_is_zero(np.array([[0b1001]], dtype=np.uint8), 3)
    False
    """
    used = extent % 8
    return used == 0 or not np.any(packed[..., -1] >> used)
