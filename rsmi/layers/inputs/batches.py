"""The distribution that a network is measured on, as a stream of batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate

_AT_ONCE = 4096

InputKind = Literal["finite", "discrete", "continuous"]


@dataclass(frozen=True)
class Batch:
    """Some inputs with what belongs to them.

    Args:
        x: (n, ...) inputs as the network takes them.
        y: (n,) int64 labels, or None.
        weights: (n,) float64 probabilities of the rows, or None for equal ones.
    """

    x: Tensor
    y: Tensor | None
    weights: Tensor | None


@dataclass(frozen=True)
class Inputs:
    """The distribution of X, and with labels that of (X, Y), that a network is measured on.

    Args:
        kind: `finite`: all rows of a finite set with their exact probabilities; `discrete`:
            samples of a discrete X; `continuous`: samples of a continuous X.
        stream: Starts one pass over the batches, for a batch size.
        entropy: H(X) in nats where it is known.
        chains: Samples are interleaved from so many Markov chains (their order matters for
            errors); None for independent samples.
        n: Number of rows, where it is known beforehand.
    """

    kind: InputKind
    stream: Callable[[int], Iterator[Batch]]
    entropy: Estimate | None = None
    chains: int | None = None
    n: int | None = None


def slices(x: Tensor, y: Tensor | None, w: Tensor | None, size: int) -> Iterator[Batch]:
    """Batches of tensors in memory, not copied."""
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        yield Batch(x[part], None if y is None else y[part], None if w is None else w[part])


def check_labels(x: Tensor, labels: Tensor | None) -> Tensor | None:
    """The labels, where they are one integer >= 0 per input.

    Raises:
        InputError: Else.
    """
    if labels is None:
        return None
    if labels.shape != x.shape[:1] or labels.is_floating_point() or bool((labels < 0).any()):
        raise InputError(
            f"labels of shape {list(labels.shape)} and dtype {labels.dtype} for {len(x)} inputs; "
            f"expected ({len(x)},) integers >= 0, one per input"
        )
    return labels


def rows_at(inputs: Inputs, rows: NDArray[np.int64]) -> Tensor:
    """Inputs of chosen rows, in their order and as often as they are named, in one pass."""
    wanted, place = np.unique(rows, return_inverse=True)
    parts, start = [], 0
    for batch in inputs.stream(_AT_ONCE):
        inside = wanted[(wanted >= start) & (wanted < start + len(batch.x))] - start
        parts.append(batch.x[torch.from_numpy(inside)].cpu())
        start += len(batch.x)
    return torch.cat(parts)[torch.from_numpy(place)]
