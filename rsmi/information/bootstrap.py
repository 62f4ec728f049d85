"""Standard errors of any function of averages, from resampled blocks of correlated data."""

from collections.abc import Callable

import torch
from torch import Tensor

from rsmi.errors import InputError

_MAX_BLOCKS = 1024


def block_labels(n: int, chains: int = 1, blocks: int = 64, most: int | None = None) -> Tensor:
    """Assign observations to blocks: contiguous stretches of one Markov chain each.

    Observation i belongs to chain `i % chains` and is its record `i // chains`. Blocks much
    longer than the autocorrelation time are independent, which is all the errors need. With
    `chains >= blocks` each chain is one block, whatever the autocorrelation time.

    Args:
        n: Number of observations.
        chains: Number of independent chains they are interleaved from.
        blocks: Least number of blocks to make, where the data suffice.
        most: Join neighbouring blocks, whole chains among them, until at most so many are left.

    Returns:
        (n,) int64 labels 0, 1, ...

    Raises:
        InputError: For numbers below 1.

    >>> block_labels(8, chains=2, blocks=4).tolist()
    [0, 2, 0, 2, 1, 3, 1, 3]
    >>> block_labels(8, chains=4, blocks=2, most=2).tolist()
    [0, 0, 1, 1, 0, 0, 1, 1]
    """
    if min(n, chains, blocks) < 1:
        raise InputError(
            f"{n} observations of {chains} chains in {blocks} blocks; expected all three >= 1"
        )
    records = -(-n // chains)
    per_chain = min(-(-blocks // chains), records)
    index = torch.arange(n)
    labels = (index % chains) * per_chain + (index // chains) * per_chain // records
    count = chains * per_chain
    return labels if most is None or count <= most else labels * most // count


def block_sums(values: Tensor, groups: Tensor | None = None) -> Tensor:
    """Add up observations within each block.

    Args:
        values: (n, k) observations.
        groups: (n,) int64 block labels >= 0; each row is its own block without.

    Returns:
        (G, k + 1) float64: sums of the columns and, last, the number of rows. Sums of
        several batches with the same labels may be added.

    Raises:
        InputError: If labels and observations do not match.

    >>> block_sums(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1])).tolist()
    [[3.0, 2.0], [4.0, 1.0]]
    """
    counted = torch.cat([values.double(), values.new_ones(len(values), 1).double()], 1)
    if groups is None:
        return counted
    if groups.shape != values.shape[:1] or groups.is_floating_point() or int(groups.min()) < 0:
        raise InputError(
            f"block labels of shape {list(groups.shape)} and dtype {groups.dtype}; expected "
            f"({len(values)},) integers >= 0, one per observation"
        )
    sums = counted.new_zeros(int(groups.max()) + 1, counted.shape[1])
    return sums.index_add_(0, groups.long(), counted)


def bootstrap_error(
    sums: Tensor, statistic: Callable[[Tensor], Tensor], resamples: int = 400, seed: int = 0
) -> float:
    r"""Standard error of a statistic of block sums.

    Blocks are drawn with replacement and the statistic is recomputed, which carries the error
    through non-linear functions such as an entropy of averages (Efron, 1979; Kuensch, 1989).
    More than 1024 blocks are first joined with their neighbours, which changes no average.

    Args:
        sums: (G, k) sums over the blocks; blocks without data (a zero last column) are dropped.
        statistic: Maps sums over whole samples, (R, k), to values (R,).
        resamples: Number of bootstrap samples R.
        seed: Of the random draws.

    Returns:
        One standard error.

    Raises:
        InputError: With fewer than two blocks.

    >>> sums = block_sums(torch.arange(100.0)[:, None])
    >>> round(bootstrap_error(sums, lambda s: s[:, 0] / s[:, 1]), 1)
    3.1
    """
    blocks = _joined(sums[sums[:, -1] > 0])
    count = len(blocks)
    if count < 2:
        raise InputError(
            f"{count} block of data; an error needs at least 2 independent blocks: give more "
            "configurations or shorter blocks"
        )
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randint(count, (resamples, count), generator=generator)
    times = torch.zeros(resamples, count, dtype=torch.float64)
    times.scatter_add_(1, draws, torch.ones_like(times))
    # A sample of G blocks is narrower than its population by (G - 1) / G in variance.
    return float(statistic(times @ blocks).std()) * (count / (count - 1)) ** 0.5


def _joined(blocks: Tensor) -> Tensor:
    """Join neighbouring blocks until at most `_MAX_BLOCKS` are left."""
    if len(blocks) <= _MAX_BLOCKS:
        return blocks
    labels = torch.arange(len(blocks)) * _MAX_BLOCKS // len(blocks)
    return blocks.new_zeros(_MAX_BLOCKS, blocks.shape[1]).index_add_(0, labels, blocks)
