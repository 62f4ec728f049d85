"""Samples of a distribution: from memory, from a loader, from a file."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.inputs.batches import Batch, Inputs, check_labels, slices

_LARGEST_INTEGER = 1 << 24

SampleKind = Literal["discrete", "continuous"]


def sampled_inputs(
    x: Tensor,
    labels: Tensor | None = None,
    *,
    kind: SampleKind | None = None,
    entropy: Estimate | None = None,
    chains: int | None = None,
) -> Inputs:
    """Samples of a distribution, held in memory.

    Args:
        x: (n, ...) inputs.
        labels: (n,) integers.
        kind: Whether X takes discrete values; without, floats are taken as continuous unless the
            entropy of a discrete X is given.
        entropy: Known H(X) of a discrete X, in nats.
        chains: See `Inputs`.

    Raises:
        InputError: For labels that do not fit, or fewer than two samples.

    >>> sampled_inputs(torch.zeros(5, 2)).n
    5
    """
    if len(x) < 2:
        raise InputError(
            f"{len(x)} sample; entropies of sampled inputs need many (at least 2): give more, or "
            "describe a finite set with finite_inputs"
        )
    check_labels(x, labels)
    seen: SampleKind = "continuous" if x.is_floating_point() and entropy is None else "discrete"
    return Inputs(kind or seen, lambda size: slices(x, labels, None, size), entropy, chains, len(x))


def loader_inputs(
    loader: Iterable[Any],
    *,
    kind: SampleKind = "discrete",
    entropy: Estimate | None = None,
    chains: int | None = None,
) -> Inputs:
    """Samples streamed from a DataLoader, whose batches are x or (x, labels, ...).

    The loader must give the same rows in every pass if it is passed more than once (estimators
    need a second one), so do not shuffle.
    """

    def stream(size: int) -> Iterator[Batch]:
        for item in loader:
            x, y = (item[0], item[1]) if isinstance(item, tuple | list) else (item, None)
            yield from slices(x, check_labels(x, y), None, size)

    return Inputs(kind, stream, entropy, chains)


def file_inputs(
    path: str | os.PathLike[str],
    entropy: Estimate | None = None,
    select: Mapping[str, Any] | None = None,
) -> Inputs:
    """Samples from a file: `.npz` with arrays `x` and `y`, or configurations of spins.

    Args:
        path: A `.npz` with `x`, or any file that `rsmi.storage.open_samples` reads; spins are
            passed on as float32 of +1 and -1.
        entropy: Known H(X), in nats.
        select: Which samples of a collection, as keyword arguments of `open_samples`.

    Raises:
        InputError: For a file of another kind.
    """
    target = Path(path)
    if target.suffix == ".npz" and target.exists():
        with np.load(target, allow_pickle=False) as file:
            if "x" in file:
                return _arrays(file["x"], file.get("y"), entropy)
    return _spin_file(target, entropy, select or {})


def _arrays(x: NDArray[Any], y: NDArray[Any] | None, entropy: Estimate | None) -> Inputs:
    """Inputs as float32; integers that it cannot hold would be merged, so they are refused."""
    rows = torch.from_numpy(x)
    kind: SampleKind = "continuous" if rows.is_floating_point() else "discrete"
    if kind == "discrete" and len(x) and int(rows.long().abs().max()) > _LARGEST_INTEGER:
        raise InputError(
            f"integers up to {int(rows.long().abs().max())} do not fit float32, which networks "
            "take; number the inputs anew from 0, or pass sampled_inputs of an integer tensor"
        )
    labels = None if y is None else torch.from_numpy(y)
    if labels is not None and not labels.is_floating_point():
        labels = labels.long()
    return sampled_inputs(rows.float(), labels, kind=kind, entropy=entropy)


def _spin_file(path: Path, entropy: Estimate | None, select: Mapping[str, Any]) -> Inputs:
    from rsmi.storage import open_samples

    with open_samples(path, **select) as samples:
        n, chains = samples.n, samples.chains

    def stream(size: int) -> Iterator[Batch]:
        with open_samples(path, **select) as samples:
            for start in range(0, n, size):
                yield Batch(samples.read(start, min(start + size, n)).float(), None, None)

    return Inputs("discrete", stream, entropy, chains, n)
