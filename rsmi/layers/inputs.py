"""What goes into a network: every input of a finite set, or samples of a distribution."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.counting import dense_labels, label_entropy
from rsmi.layers.hashing import row_ids

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


def finite_inputs(x: Tensor, labels: Tensor | None = None, weights: Tensor | None = None) -> Inputs:
    """Every input of a finite set: entropies of layers are then exact, without sampling error.

    Args:
        x: (n, ...) inputs; an input with several possible labels has one row for each.
        labels: (n,) integers.
        weights: (n,) probabilities of the rows, normalised here; equal without.

    Returns:
        The whole distribution.

    Raises:
        InputError: For labels or weights that do not fit the inputs.

    >>> round(finite_inputs(torch.eye(4)).entropy.value, 6)
    1.386294
    """
    w = _weights(len(x), weights)
    _check_labels(x, labels)
    h = label_entropy(dense_labels(row_ids(x).numpy()), w.numpy())
    known = Estimate(h, 0.0, "exact")
    return Inputs("finite", lambda size: _slices(x, labels, w, size), known, n=len(x))


def sampled_inputs(
    x: Tensor,
    labels: Tensor | None = None,
    *,
    kind: Literal["discrete", "continuous"] = "discrete",
    entropy: Estimate | None = None,
    chains: int | None = None,
) -> Inputs:
    """Samples of a distribution, held in memory.

    Args:
        x: (n, ...) inputs.
        labels: (n,) integers.
        kind: Whether X takes discrete values.
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
    _check_labels(x, labels)
    return Inputs(kind, lambda size: _slices(x, labels, None, size), entropy, chains, len(x))


def loader_inputs(
    loader: Iterable[Any],
    *,
    kind: Literal["discrete", "continuous"] = "discrete",
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
            yield from _slices(x, _check_labels(x, y), None, size)

    return Inputs(kind, stream, entropy, chains)


def file_inputs(path: str | os.PathLike[str], entropy: Estimate | None = None) -> Inputs:
    """Samples from a file: `.npz` with arrays `x` and `y`, or configurations of spins.

    Args:
        path: A `.npz` with `x`, or any file that `rsmi.storage.open_samples` reads; spins are
            passed on as float32 of +1 and -1.
        entropy: Known H(X), in nats.

    Raises:
        InputError: For a file of another kind.
    """
    target = Path(path)
    if target.suffix == ".npz" and target.exists():
        with np.load(target, allow_pickle=False) as file:
            if "x" in file:
                y = torch.from_numpy(file["y"]).long() if "y" in file else None
                x = torch.from_numpy(file["x"])
                kind: Literal["discrete", "continuous"]
                kind = "continuous" if x.is_floating_point() else "discrete"
                return sampled_inputs(x.float(), y, kind=kind, entropy=entropy)
    return _spin_file(target, entropy)


def _spin_file(path: Path, entropy: Estimate | None) -> Inputs:
    from rsmi.storage import open_samples

    with open_samples(path) as samples:
        n, chains = samples.n, samples.chains

    def stream(size: int) -> Iterator[Batch]:
        with open_samples(path) as samples:
            for start in range(0, n, size):
                yield Batch(samples.read(start, min(start + size, n)).float(), None, None)

    return Inputs("discrete", stream, entropy, chains, n)


def _slices(x: Tensor, y: Tensor | None, w: Tensor | None, size: int) -> Iterator[Batch]:
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        yield Batch(x[part], None if y is None else y[part], None if w is None else w[part])


def _check_labels(x: Tensor, labels: Tensor | None) -> Tensor | None:
    if labels is None:
        return None
    if labels.shape != x.shape[:1] or labels.is_floating_point() or bool((labels < 0).any()):
        raise InputError(
            f"labels of shape {list(labels.shape)} and dtype {labels.dtype} for {len(x)} inputs; "
            f"expected ({len(x)},) integers >= 0, one per input"
        )
    return labels


def _weights(n: int, weights: Tensor | None) -> Tensor:
    if n == 0:
        raise InputError("there are no inputs; expected at least one row")
    if weights is None:
        return torch.full((n,), 1 / n, dtype=torch.float64)
    if weights.shape != (n,) or not bool((weights >= 0).all()) or float(weights.sum()) <= 0:
        raise InputError(
            f"weights of shape {list(weights.shape)} for {n} inputs; expected ({n},) "
            "probabilities >= 0 with a positive sum"
        )
    return weights.double() / weights.sum()
