"""Read a file of configurations from end to end and say whether it can be trusted."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.storage.arrays import ArraySamples
from rsmi.storage.collection import SCHEMA
from rsmi.storage.hdf5 import Hdf5Samples
from rsmi.storage.interface import Samples
from rsmi.storage.layout import CONTENT_DIGEST
from rsmi.storage.letters import Declared
from rsmi.storage.opening import Selection, is_collection, is_hdf5
from rsmi.storage.packing import padding_is_zero, unpack
from rsmi.storage.recorded import Recorded
from rsmi.storage.selection import read_collection

_PIECE_SITES = 1 << 22
_ROUNDING = 1e-12
_SEAL = "every byte outside the spins is as it was written (SHA-256 seal)"
_NO_SEAL = "no seal: the file was repacked by another program; its content is checked"
_BLOCKS = "every block has its checksum (XXH64)"
_NO_BLOCKS = (
    "no checksum of each block (version 0.1.0): all content is held to its SHA-256 before it is "
    "first read"
)
_TWO = "every value is one of two spin values"
_LETTERS = "every value is a letter of the space"
_PLURALS = {"energy": "energies", "magnetisation": "magnetisations", "depth": "depths"}


@dataclass(frozen=True)
class FileReport:
    """What a file holds and what was checked in it.

    Args:
        source: Where the configurations come from.
        shape: Lattice shape; empty for a collection of several.
        n: Number of configurations.
        chains: Number of Markov chains.
        model: The model where it is known.
        attributes: Root attributes of a sample file of this project; empty for others.
        checks: What was checked and found right, one sentence each.
    """

    source: str
    shape: tuple[int, ...]
    n: int
    chains: int
    model: dict[str, str | float] | None
    attributes: dict[str, Any]
    checks: tuple[str, ...]


def verify(path: str | os.PathLike[str], select: Selection = Selection()) -> FileReport:  # noqa: B008, it is frozen
    """Check a whole file: seal, checksums, attributes, shapes, and that observables fit the spins.

    Args:
        path: Any file `open_samples` takes; a collection is checked with all its shards.
        select: Which temperature of an `mcising` file, which rows of a `.npz`, what an array holds.

    Returns:
        What the file holds and the checks it passed.

    Raises:
        InputError: At the first thing that is wrong, naming it.
    """
    if is_hdf5(path) and is_collection(Path(path)):
        return _check_collection(Path(path))
    with select.open(path) as samples:
        if isinstance(samples, Hdf5Samples):
            return _report(samples, samples.attributes, _check_ours(samples))
        many = isinstance(samples, ArraySamples) and not samples.two_valued
        return _report(
            samples, {}, (_LETTERS if many else "every value is one of two spin values",)
        )


def _check_collection(path: Path) -> FileReport:
    """Check a collection and every one of its shards."""
    facts, shards = read_collection(path)
    for shard in shards:
        shard.open().close()
        verify(shard.path)
    shapes = {shard.shape for shard in shards}
    return FileReport(
        f"{path} ({len(shards)} shards, {SCHEMA})",
        shapes.pop() if len(shapes) == 1 else (),
        sum(shard.n for shard in shards),
        sum(shard.chains for shard in shards),
        None,
        facts,
        (
            "every byte of the collection is as it was written (SHA-256 seal)",
            f"all {len(shards)} shards are there, whole, and hold what was merged",
        ),
    )


def _report(samples: Samples, attributes: dict[str, Any], checks: tuple[str, ...]) -> FileReport:
    s = samples
    return FileReport(s.source, s.shape, s.n, s.chains, s.model, attributes, checks)


def _check_ours(samples: Hdf5Samples) -> tuple[str, ...]:
    seal = _SEAL if samples.check_seal() else _NO_SEAL
    samples.check_content()
    checked = _check_spins(samples, samples.meaning)
    return (
        seal,
        _BLOCKS if samples.block_checksums else _NO_BLOCKS,
        f"content has its SHA-256 {samples.attributes[CONTENT_DIGEST]}",
        "attributes and shapes agree",
        "padding bits are zero",
        *(f"{_PLURALS.get(name, f'values of {name}')} agree with the spins" for name in checked),
    )


def _check_spins(samples: Hdf5Samples, meaning: Recorded | Declared | None) -> list[str]:
    """Compare the observables with the spins; returns the names of those that could be."""
    stored = {name: samples.observable(name) for name in samples.header.observables}
    checked: list[str] = []
    step = max(1, _PIECE_SITES // math.prod(samples.shape))
    for start in range(0, samples.n, step):
        packed = samples.packed(start, min(start + step, samples.n))
        if not padding_is_zero(packed, samples.shape[-1]):
            raise InputError(
                f"{samples.path}: padding bits between configurations {start} and "
                f"{start + len(packed)} are set; draw the samples again from the recipe"
            )
        spins = torch.from_numpy(unpack(packed, samples.shape[-1]))
        found = meaning.observables(spins) if meaning else {}
        checked = sorted(set(found) & set(stored), reverse=True)
        for name in checked:
            _compare(samples, name, stored[name][start : start + len(spins)], found[name], start)
    return checked


def _compare(
    samples: Samples, name: str, stored: NDArray[np.float64], found: torch.Tensor, start: int
) -> None:
    values = found.numpy()
    # Sums of whole numbers must agree exactly; others may be rounded otherwise elsewhere.
    rounding = _ROUNDING if found.is_floating_point() else 0.0
    wrong = np.flatnonzero(np.abs(stored - values) > rounding * (1 + np.abs(values)))
    if len(wrong):
        i = int(wrong[0])
        raise InputError(
            f"{samples.source}: {name} of configuration {start + i} is stored as {stored[i]:g}, "
            f"but its spins have {values[i]:g}; draw the samples again from the recipe"
        )
