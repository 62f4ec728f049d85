"""States with more than two values as planes of bits, and spins as letters."""

import torch
from torch import Tensor


def plane_count(values: int) -> int:
    """Bits that tell so many values apart.

    >>> plane_count(2), plane_count(3), plane_count(5)
    (1, 2, 3)
    """
    return (values - 1).bit_length()


def to_planes(numbers: Tensor, planes: int) -> Tensor:
    """Numbers as planes of +1 (bit set) and -1.

    Args:
        numbers: int8 (n, *shape), from 0 to 2**planes - 1.
        planes: how many.

    Returns:
        int8 (n, planes, *shape); plane k holds bit k.

    >>> to_planes(torch.tensor([[0, 1, 2]], dtype=torch.int8), 2).tolist()
    [[[-1, 1, -1], [-1, -1, 1]]]
    """
    bits = [(numbers >> plane) & 1 for plane in range(planes)]
    return (2 * torch.stack(bits, 1) - 1).to(torch.int8)


def from_planes(stored: Tensor) -> Tensor:
    """Undo `to_planes`, int8 (n, *shape).

    >>> from_planes(to_planes(torch.tensor([[0, 1, 2]], dtype=torch.int8), 2)).tolist()
    [[0, 1, 2]]
    """
    bits = (stored > 0).to(torch.int8)
    weights = [bits[:, plane] << plane for plane in range(stored.shape[1])]
    return torch.stack(weights).sum(0).to(torch.int8)


def up(spins: Tensor) -> Tensor:
    """Spins -1 and +1, one on each cell, as the letters 0 and 1: int8 (..., 1).

    >>> up(torch.tensor([[-1, 1]])).tolist()
    [[[0], [1]]]
    """
    return (spins > 0).view(torch.int8)[..., None]
