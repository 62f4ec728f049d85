"""The Philox generator in torch integer operations: the same words on every device."""

import torch
from torch import Tensor

from rsmi.sampling.random import KEY_STEPS, LOW_32_BITS, MULTIPLIERS, ROUNDS, Stream


def philox_words(
    sites: int, chains: int, sweep: int, stream: Stream, seed: int, device: torch.device
) -> Tensor:
    """One random 32-bit word for each site of each chain in one sweep.

    Site s takes word s % 4 of the Philox4x32-10 output at counter (s // 4, chain, sweep, stream).

    Args:
        sites: words for each chain.
        chains: number of chains, counted from 0.
        sweep: absolute number of the sweep, below 2**56.
        stream: what the words are for.
        seed: 64-bit key.
        device: where to compute.

    Returns:
        int64 (chains, sites), each in 0 .. 2**32 - 1.

    >>> philox_words(4, 1, 0, Stream.INITIAL, 0, torch.device("cpu")).tolist()
    [[1713891541, 3781805453, 3159862348, 2600524760]]
    """
    blocks = torch.arange((sites + 3) // 4, device=device).expand(chains, -1)
    counters = torch.arange(chains, device=device)[:, None].expand_as(blocks)
    low = torch.full_like(blocks, sweep & LOW_32_BITS)
    high = torch.full_like(blocks, (sweep >> 32) << 8 | int(stream))
    words = _philox((blocks, counters, low, high), seed & LOW_32_BITS, seed >> 32)
    return torch.stack(words, dim=-1).flatten(1)[:, :sites]


def _philox(
    counter: tuple[Tensor, Tensor, Tensor, Tensor], k0: int, k1: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Philox4x32-10 on int64 tensors of 32-bit values; products wrap modulo 2**64."""
    c0, c1, c2, c3 = counter
    for _ in range(ROUNDS):
        high0, low0 = _multiply(c0, MULTIPLIERS[0])
        high1, low1 = _multiply(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0 = (k0 + KEY_STEPS[0]) & LOW_32_BITS
        k1 = (k1 + KEY_STEPS[1]) & LOW_32_BITS
    return c0, c1, c2, c3


def _multiply(word: Tensor, multiplier: int) -> tuple[Tensor, Tensor]:
    """High and low half of a 32 x 32 bit product."""
    product = word * multiplier
    return (product >> 32) & LOW_32_BITS, product & LOW_32_BITS
