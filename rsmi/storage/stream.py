"""Go through configurations in bounded memory, and divide them without leaks."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.sampling.exact.universality import CriticalPoint
from rsmi.storage.base import BaseSamples
from rsmi.storage.interface import Samples
from rsmi.storage.letters import Declared
from rsmi.storage.recorded import Recorded


def iterate(
    samples: Samples, batch: int, start: int = 0, stop: int | None = None
) -> Iterator[torch.Tensor]:
    """Configurations start..stop-1 in order, at most `batch` in memory at a time.

    Args:
        samples: An open source.
        batch: Configurations per tensor.
        start: First configuration.
        stop: One after the last; the end where it is None.

    Yields:
        int8 of +1/-1, shape (<= batch, *shape).

    Raises:
        InputError: For a batch below 1 or a range the source does not have.
    """
    if batch < 1:
        raise InputError(f"batch is {batch}; expected at least 1")
    end = samples.n if stop is None else stop
    for first in range(start, end, batch):
        yield samples.read(first, min(first + batch, end))


class Subset(BaseSamples):
    """Some chains and a stretch of records of a source; itself a source.

    Args:
        parent: The source; it stays open as long as the subset is used.
        chains: The chains to keep.
        records: The records to keep.
    """

    def __init__(self, parent: Samples, chains: range, records: range) -> None:
        self._parent, self._chains, self._records = parent, chains, records
        super().__init__(
            f"{parent.source}, chains {chains.start}..{chains.stop - 1} of {parent.chains}, "
            f"records {records.start}..{records.stop - 1}",
            parent.shape,
            len(chains) * len(records),
            len(chains),
            parent.model,
        )

    @cached_property
    def meaning(self) -> Recorded | Declared | None:
        """That of the source."""
        found: Recorded | Declared | None = getattr(self._parent, "meaning", None)
        return found

    @property
    def space(self) -> Space | None:
        """That of the source."""
        return self._parent.space

    def letters(self, start: int, stop: int) -> torch.Tensor:
        """Configurations start..stop-1 as letters of the space."""
        rows = self._of_parent(np.arange(start, stop))
        if not len(rows):
            return self._parent.letters(0, 0)
        first, last = int(rows[0]), int(rows[-1]) + 1
        return self._parent.letters(first, last)[torch.from_numpy(rows - first)]

    @property
    def iteration(self) -> str:
        """What the source says."""
        return self._parent.iteration

    @property
    def critical(self) -> CriticalPoint | None:
        """That of the source."""
        return self._parent.critical

    def indices(self) -> NDArray[np.int64]:
        """Which configurations of the parent these are, shape (n,)."""
        return self._of_parent(np.arange(self.n))

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        first, last = start // self.chains, -(-stop // self.chains)
        width, offset = self._parent.chains, self._records.start
        whole = self._parent.read((offset + first) * width, (offset + last) * width).numpy()
        kept = whole.reshape(-1, width, *self.shape)[:, self._chains.start : self._chains.stop]
        skip = first * self.chains
        return kept.reshape(-1, *self.shape)[start - skip : stop - skip]

    def _take(self, indices: NDArray[np.int64]) -> NDArray[np.int8]:
        return self._parent.take(self._of_parent(indices)).numpy()

    def _observable(self, name: str) -> NDArray[np.float64]:
        return self._parent.observable(name)[self.indices()]

    def _of_parent(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        record, chain = np.divmod(indices, self.chains)
        first = self._records.start * self._parent.chains + self._chains.start
        return first + record * self._parent.chains + chain


def split(samples: Samples, fractions: Sequence[float], gap: int = 10) -> tuple[Subset, ...]:
    """Divide a source, for example into training, validation and test samples.

    With at least three chains, and no fewer than parts, whole chains go to one part, so the parts
    are independent. Otherwise each part is a stretch of records of all chains, and `gap` records
    between neighbouring parts are left out because they remember each other.

    Args:
        samples: An open source.
        fractions: Share of each part; the sum is 1.
        gap: Records to leave out between parts that share chains.

    Returns:
        One subset per fraction.

    Raises:
        InputError: For fractions that are no division, or too few configurations.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if len(shares) == 0 or not np.all(shares > 0) or abs(shares.sum() - 1) > 1e-9:
        raise InputError(
            f"fractions are {list(fractions)}; expected positive numbers that sum to 1, such as "
            "[0.8, 0.1, 0.1]"
        )
    records = range(samples.n // samples.chains)
    if samples.chains >= max(3, len(shares)):
        parts = _stretches(samples.chains, shares)
        return tuple(Subset(samples, part, records) for part in parts)
    left = len(records) - gap * (len(shares) - 1)
    if left < len(shares):
        raise InputError(
            f"{samples.source} holds {len(records)} records of each chain, too few for "
            f"{len(shares)} parts with {gap} records left out between them; bring more "
            "configurations"
        )
    return tuple(
        Subset(samples, range(samples.chains), range(part.start + i * gap, part.stop + i * gap))
        for i, part in enumerate(_stretches(left, shares))
    )


def _stretches(total: int, shares: NDArray[np.float64]) -> list[range]:
    """Contiguous ranges that cover `total` items, one item at least in each."""
    sizes = 1 + np.floor(shares * (total - len(shares)) + 1e-9).astype(int)
    sizes[int(np.argmax(shares))] += total - sizes.sum()
    ends = np.cumsum(sizes).tolist()
    return [range(end - size, end) for end, size in zip(ends, sizes.tolist(), strict=True)]
