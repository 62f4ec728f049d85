"""What all sources of configurations share."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import SPIN
from rsmi.sampling.exact.universality import CriticalPoint
from rsmi.storage.letters import Declared
from rsmi.storage.recorded import Recorded

# What HDF5 says of a file that somebody writes, and of one that was never closed.
_BUSY = ("unable to lock file", "already open for write", "file consistency flags")

UNKNOWN = "this version of rsmi does not know the model, and nothing of its letters or symmetries"


class BaseSamples:
    """Bookkeeping of a source; a subclass reads `_spins(start, stop)` and `_observable(name)`.

    Args:
        source: Where the configurations come from.
        shape: Lattice shape.
        n: Number of configurations.
        chains: Number of Markov chains.
        model: The model where it is known.

    Attributes:
        declared: Whether somebody said which lattice it is; the axes of a bare array are doubted.
    """

    declared = True

    def __init__(
        self,
        source: str,
        shape: tuple[int, ...],
        n: int,
        chains: int = 1,
        model: dict[str, str | float] | None = None,
    ) -> None:
        self.source = source
        self.shape = shape
        self.n = n
        self.chains = chains
        self.model = model

    def __len__(self) -> int:
        return self.n

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Configurations start..stop-1 as int8 spins of +1/-1, shape (stop - start, *shape).

        Raises:
            InputError: For a range outside 0..n, or where the file is damaged.
        """
        self.check_range(start, stop)
        return torch.from_numpy(self._spins(start, stop))

    def check_range(self, start: int, stop: int) -> None:
        """Raise InputError for a range outside 0..n."""
        if not 0 <= start <= stop <= self.n:
            raise InputError(
                f"{self.source}: configurations {start}..{stop} were asked for; expected a range "
                f"within 0..{self.n}"
            )

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> torch.Tensor:
        """Configurations anywhere, int8 spins of +1/-1, shape (len(indices), *shape).

        Raises:
            InputError: For an index outside 0..n-1, or where the file is damaged.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        if len(chosen) and not 0 <= chosen.min() <= chosen.max() < self.n:
            raise InputError(
                f"{self.source}: configurations {chosen.min()}..{chosen.max()} were asked for; "
                f"expected numbers within 0..{self.n - 1}"
            )
        return torch.from_numpy(self._take(chosen))

    def observable(self, name: str) -> NDArray[np.float64]:
        """One value per configuration, shape (n,): `energy` in units of J, `magnetisation`.

        Raises:
            InputError: For an observable the source does not know, or where the file is damaged.
        """
        return self._observable(name)

    @cached_property
    def meaning(self) -> Recorded | Declared | None:
        """What the stored planes stand for: two-valued spins of a hypercubic torus without word of
        another; None for a model that this version does not know.
        """
        return Declared(Space.hypercubic(self.shape, SPIN))

    @property
    def space(self) -> Space | None:
        """Where letters live and which there are; None where it is unknown.

        Raises:
            InputError: For a lattice whose sites are not alike, or axes that nobody declared and
                that do not look like those of a lattice.
        """
        return None if self.meaning is None else self.meaning.space

    def letters(self, start: int, stop: int) -> torch.Tensor:
        """Configurations start..stop-1 as letters of the space.

        Returns:
            int8, shape (stop - start, *cells, sites of a cell).

        Raises:
            InputError: As `read` and `space`, or where the space is unknown.
        """
        if self.meaning is None:
            raise InputError(f"{self.source}: {UNKNOWN}; upgrade rsmi")
        return self.meaning.letters(self.read(start, stop))

    @property
    def iteration(self) -> str:
        """Why no rule can be iterated on these samples; empty where nothing speaks against it."""
        return UNKNOWN if self.meaning is None else self.meaning.iteration

    @property
    def critical(self) -> CriticalPoint | None:
        """The critical point that their model is meant for; None where it is unknown."""
        return None if self.meaning is None else self.meaning.critical

    def stored(self) -> dict[str, NDArray[np.float64]]:
        """Energy and magnetisation of every configuration, where they can be had without spins."""
        return {}

    def close(self) -> None:
        """Release the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        raise NotImplementedError

    def _take(self, indices: NDArray[np.int64]) -> NDArray[np.int8]:
        rows = [self._spins(i, i + 1) for i in indices.tolist()]
        return np.concatenate([np.empty((0, *self.shape), dtype=np.int8), *rows])

    def _observable(self, name: str) -> NDArray[np.float64]:
        if name != "magnetisation":
            raise InputError(
                f"{self.source} has no observable {name!r}; it has 'magnetisation' only"
            )
        parts = [self.read(i, min(i + 4096, self.n)) for i in range(0, self.n, 4096)]
        return np.concatenate([p.flatten(1).sum(1).numpy().astype(np.float64) for p in parts])


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn a failure inside HDF5 into an `InputError` that names what could not be read."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        if any(sign in str(error) for sign in _BUSY):
            raise InputError(
                f"{what} is open for writing in another program, or was left open by one that was "
                "killed; wait until that program has closed it, or work on a finished copy "
                "(h5clear -s takes the mark of a killed program away)"
            ) from None
        reason = str(error).split("(", 1)[-1].rstrip(")'\"")
        raise InputError(
            f"{what} cannot be read: the file is damaged or cut short ({reason}); "
            "copy it again from its source, or draw the samples again from its recipe"
        ) from None


def check_values_inside(path: Path, group: Any) -> None:
    """Make sure that an HDF5 file holds all its values itself.

    Raises:
        InputError: For a link to another file, values kept in other files, or values that were
            never written, which HDF5 would read as zeros.
    """
    links: dict[str, Any] = {}
    with reading(str(path)):
        group.visititems_links(links.__setitem__)
        for name, link in links.items():
            if isinstance(link, h5py.ExternalLink):
                raise InputError(
                    f"{path}: {name!r} is a link to {link.path!r} in the file {link.filename!r}, "
                    "which is not followed; copy the data into one file, such as with h5copy"
                )
            node = group.get(name)
            if isinstance(node, h5py.Dataset):
                _check_dataset(path, node)


def _check_dataset(path: Path, dataset: Any) -> None:
    if dataset.is_virtual or dataset.external:
        raise InputError(
            f"{path}: the values of {dataset.name!r} lie in other files, which are not followed; "
            "copy the data into one file, such as with h5repack"
        )
    if dataset.chunks is None:
        missing = dataset.id.get_storage_size() < dataset.nbytes
    else:
        pieces = zip(dataset.shape, dataset.chunks, strict=True)
        missing = dataset.id.get_num_chunks() < math.prod(-(-n // size) for n, size in pieces)
    if missing:
        raise InputError(
            f"{path}: {dataset.name!r} has shape {dataset.shape}, but not all of its values were "
            "written; copy the file again from its source, or finish the run that writes it"
        )
