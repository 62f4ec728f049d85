"""Samples of the same model on the same lattice, drawn independently, as one source."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.storage.base import BaseSamples
from rsmi.storage.letters import Declared
from rsmi.storage.recorded import Recorded


class Joined(BaseSamples):
    """The chains of several sources side by side; closing it closes them.

    Configuration `i` is record `i // chains` of chain `i % chains`, where the chains of the first
    source come first.

    Args:
        source: What to call them.
        parts: The sources, with the same shape and number of records.

    Raises:
        InputError: Where a source has more records than another.
    """

    def __init__(self, source: str, parts: Sequence[BaseSamples]) -> None:
        self._parts = parts
        records = {part.n // part.chains for part in parts}
        if len(records) > 1:
            raise InputError(
                f"{source}: the seeds have {sorted(records)} records of each chain; expected the "
                "same number to join them; choose one with seed="
            )
        chains = sum(part.chains for part in parts)
        first = parts[0]
        super().__init__(source, first.shape, records.pop() * chains, chains, first.model)

    @property
    def meaning(self) -> Recorded | Declared | None:
        """That of the first source."""
        return self._parts[0].meaning

    def close(self) -> None:
        """Release all files."""
        for part in self._parts:
            part.close()

    def stored(self) -> dict[str, NDArray[np.float64]]:
        """Energy and magnetisation where every source has them."""
        names = set.intersection(*(set(part.stored()) for part in self._parts))
        return {name: self.observable(name) for name in sorted(names)}

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        first, last = start // self.chains, -(-stop // self.chains)
        rows = [
            part.read(first * part.chains, last * part.chains).numpy()
            .reshape(last - first, part.chains, *self.shape)
            for part in self._parts
        ]  # fmt: skip
        joined = np.concatenate(rows, axis=1).reshape(-1, *self.shape)
        skip = first * self.chains
        return joined[start - skip : stop - skip]

    def _take(self, indices: NDArray[np.int64]) -> NDArray[np.int8]:
        spins = np.empty((len(indices), *self.shape), dtype=np.int8)
        record, chain = np.divmod(indices, self.chains)
        first = 0
        for part in self._parts:
            own = (first <= chain) & (chain < first + part.chains)
            spins[own] = part.take(record[own] * part.chains + chain[own] - first).numpy()
            first += part.chains
        return spins

    def _observable(self, name: str) -> NDArray[np.float64]:
        rows = [part.observable(name).reshape(-1, part.chains) for part in self._parts]
        return np.concatenate(rows, axis=1).ravel()
