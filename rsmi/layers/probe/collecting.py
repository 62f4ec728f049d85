"""One pass over the inputs: codes of every layer's activations, never the activations.

Memory: 16 bytes per row and layer for the codes, 32 bytes per row for input, label and weight,
one batch of activations, and `keep` rows of raw activations where estimators want them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.layers.counting.entropies import Counted, count
from rsmi.layers.counting.hashing import row_ids
from rsmi.layers.counting.labels import Labels, Weights, dense_labels
from rsmi.layers.inputs.batches import Batch, Inputs
from rsmi.layers.probe.growing import GrowingArray
from rsmi.layers.probe.hooks import Probe

Progress = Callable[[int], None]


class LayerCodes:
    """What is remembered of one layer.

    Args:
        width: Activations per input.
        dtype: Of the activations.
        expected: Number of rows, where it is known.
        kept: Number of rows kept raw, where it is known.
    """

    def __init__(
        self, width: int, dtype: torch.dtype, expected: int | None, kept: int | None
    ) -> None:
        self.width, self.dtype = width, dtype
        self.low, self.high = np.inf, -np.inf
        self._ids = GrowingArray(2, np.int64, expected)
        self._kept = GrowingArray(width, np.float32, kept)

    def add(self, activations: Tensor) -> None:
        """Remember the codes of a batch and the range of its activations."""
        self._ids.append(row_ids(activations).numpy())
        self.low = min(self.low, float(activations.min()))
        self.high = max(self.high, float(activations.max()))

    def keep(self, activations: Tensor) -> None:
        """Remember raw rows."""
        self._kept.append(activations.float().cpu().numpy())

    def labels(self) -> Labels:
        """(n,) numbers of the distinct activations."""
        return dense_labels(self._ids.array)

    def rows(self) -> Tensor:
        """The raw activations kept, (rows, width)."""
        return torch.from_numpy(self._kept.array)


@dataclass(frozen=True)
class Collected:
    """The outcome of one pass.

    Args:
        x: (n,) number of each row's input among the distinct ones.
        y: (n,) its label; all 0 without labels.
        weights: (n,) its probability.
        labelled: Whether there were labels.
        layers: By name.
        kept: Which rows were kept raw, (rows,).
        kept_x: Their inputs, (rows, ...).
    """

    x: Labels
    y: Labels
    weights: Weights
    labelled: bool
    layers: dict[str, LayerCodes]
    kept: Labels
    kept_x: Tensor

    def counted(self, name: str) -> Counted:
        """Entropies of one layer by counting."""
        return count(self.x, self.y, self.layers[name].labels(), self.weights)


def collect(
    probe: Probe,
    inputs: Inputs,
    *,
    batch_size: int = 1024,
    keep: int = 0,
    progress: Progress | None = None,
) -> Collected:
    """Send all inputs through a network and keep the codes of its layers.

    Every batch has the same number of rows (the last one is filled up with copies, which are
    then dropped), because matrix products of another shape may round differently and would
    split values that are one.

    Args:
        probe: Open, see `Probe`.
        inputs: What to send.
        batch_size: Rows per forward pass.
        keep: Raw activations are kept for about so many rows, spread evenly.
        progress: Called with the number of rows done after each batch.

    Returns:
        Codes of every layer.

    Raises:
        InputError: For no rows, or rows with and without labels.
    """
    state = _State(inputs.n, _stride(inputs.n, keep))
    for batch in inputs.stream(batch_size):
        activations = probe(filled(batch.x, batch_size))
        state.add(batch, {name: t[: len(batch.x)] for name, t in activations.items()})
        if progress:
            progress(state.rows)
    return state.collected()


class _State:
    """What grows during the pass."""

    def __init__(self, expected: int | None, stride: int | None) -> None:
        self.rows = 0
        self.layers: dict[str, LayerCodes] = {}
        self._stride, self._expected = stride, expected
        self._x = GrowingArray(2, np.int64, expected)
        self._y = GrowingArray(1, np.int64, expected)
        self._weights = GrowingArray(1, np.float64, expected)
        self._labelled: set[bool] = set()
        self._kept: list[NDArray[np.int64]] = []
        self._kept_x: list[Tensor] = []

    def add(self, batch: Batch, activations: dict[str, Tensor]) -> None:
        n = len(batch.x)
        self._x.append(row_ids(batch.x).numpy())
        y = torch.zeros(n) if batch.y is None else batch.y
        self._y.append(y.cpu().numpy()[:, None])
        self._labelled.add(batch.y is not None)
        weights = torch.ones(n) if batch.weights is None else batch.weights
        self._weights.append(weights.cpu().numpy()[:, None])
        keep = self._keep(n)
        for name, t in activations.items():
            self._add_layer(name, t, keep)
        if keep is not None:
            self._kept.append(keep.numpy() + self.rows)
            self._kept_x.append(batch.x[keep].cpu())
        self.rows += n

    def _keep(self, n: int) -> Tensor | None:
        if self._stride is None:
            return None
        return torch.arange(-self.rows % self._stride, n, self._stride)

    def _add_layer(self, name: str, t: Tensor, keep: Tensor | None) -> None:
        if name not in self.layers:
            kept = -(-self._expected // self._stride) if self._expected and self._stride else None
            self.layers[name] = LayerCodes(t.shape[1], t.dtype, self._expected, kept)
        layer = self.layers[name]
        if t.shape[1] != layer.width:
            raise InputError(
                f"layer '{name}' has {t.shape[1]} activations for one batch and {layer.width} "
                "for another; pad the inputs to one size"
            )
        layer.add(t)
        if keep is not None:
            layer.keep(t[keep.to(t.device)])

    def collected(self) -> Collected:
        if not self.rows:
            raise InputError("the inputs have no rows; expected at least one batch")
        if len(self._labelled) > 1:
            raise InputError("some batches have labels and some have none; give labels to all")
        weights = self._weights.array[:, 0]
        return Collected(
            dense_labels(self._x.array),
            self._y.array[:, 0],
            weights / weights.sum(),
            self._labelled == {True},
            self.layers,
            np.concatenate(self._kept) if self._kept else np.zeros(0, np.int64),
            torch.cat(self._kept_x) if self._kept_x else torch.zeros(0),
        )


def _stride(n: int | None, keep: int) -> int | None:
    """Distance of the rows kept; where the number of rows is unknown, all of the first."""
    if keep < 1:
        return None
    return 1 if n is None else -(-n // keep)


def filled(x: Tensor, size: int) -> Tensor:
    """Inputs filled up to a whole batch with copies of the last one."""
    if len(x) == size:
        return x
    return torch.cat([x, x[-1:].expand(size - len(x), *x.shape[1:])])
