"""Spins as bits: +1 is a set bit, eight spins of the last axis to a byte, lowest bit first."""

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit

_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
# The eight spins of every byte, as one word each, and its eight bits.
_SPINS_OF_BYTE = (2 * _BITS.view(np.int8) - 1).view(np.uint64).ravel()
_BITS_OF_BYTE = _BITS.view(np.uint64).ravel()


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
    if spins.shape[-1] % 8 or spins.dtype != np.int8 or not spins.size:
        return np.packbits(spins > 0, axis=-1, bitorder="little")
    words = np.ascontiguousarray(spins).reshape(-1).view(np.uint64)
    packed = np.empty(len(words), dtype=np.uint8)
    _pack_words(words, packed)
    return packed.reshape(*spins.shape[:-1], -1)


@njit(cache=True, nogil=True)
def _pack_words(words: NDArray[np.uint64], packed: NDArray[np.uint8]) -> None:
    """Eight spins to a byte: the sign bits, gathered in the top byte by one multiplication."""
    for i in range(len(words)):
        positive = (~words[i] >> np.uint64(7)) & np.uint64(0x0101010101010101)
        packed[i] = (positive * np.uint64(0x0102040810204080)) >> np.uint64(56)


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
    return _unpacked(packed, extent, _SPINS_OF_BYTE)


def unpack_bits(packed: NDArray[np.uint8], extent: int) -> NDArray[np.int8]:
    """As `unpack`, with 0 and 1 for -1 and +1.

    >>> unpack_bits(np.array([[5]], dtype=np.uint8), 3).tolist()
    [[1, 0, 1]]
    """
    return _unpacked(packed, extent, _BITS_OF_BYTE)


def _unpacked(
    packed: NDArray[np.uint8], extent: int, of_byte: NDArray[np.uint64]
) -> NDArray[np.int8]:
    words = np.empty(packed.size, dtype=np.uint64)
    _unpack_bytes(np.ascontiguousarray(packed).reshape(-1), of_byte, words)
    values = words.view(np.int8).reshape(*packed.shape[:-1], 8 * packed.shape[-1])
    return np.ascontiguousarray(values[..., :extent])


@njit(cache=True, nogil=True)
def _unpack_bytes(
    packed: NDArray[np.uint8], of_byte: NDArray[np.uint64], words: NDArray[np.uint64]
) -> None:
    """A byte to eight values."""
    for i in range(len(packed)):
        words[i] = of_byte[packed[i]]


def padding_is_zero(packed: NDArray[np.uint8], extent: int) -> bool:
    """Whether the bits beyond `extent` in the last byte of every row are zero.

    >>> padding_is_zero(np.array([[0b1001]], dtype=np.uint8), 3)
    False
    """
    used = extent % 8
    return used == 0 or not np.any(packed[..., -1] >> used)
