"""One pass over the inputs: codes of every layer's activations, never the activations.

Memory: 16 bytes per row and layer for the codes, 40 bytes per row for input, its mean, label and
weight, one batch of activations, and `keep` rows of raw activations where estimators want them.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.layers.changes import noises
from rsmi.layers.counting import Counted, Labels, Weights, count, dense_labels, row_ids
from rsmi.layers.functions import check_among, check_functions
from rsmi.layers.inputs import Batch, Inputs, Layout, slices
from rsmi.layers.probe import Probe
from rsmi.progress import Progress, silent

_FIRST = 1024


class GrowingArray:
    """Rows appended in batches.

    Many small arrays that live on between large ones that do not would keep the memory of the
    large ones from being used again; a few large ones do not.

    Args:
        width: Entries of a row.
        dtype: Of the entries.
        expected: Number of rows, where it is known; without, room is doubled when it ends.

    >>> rows = GrowingArray(2, np.int64, expected=None)
    >>> rows.append(np.array([[1, 2], [3, 4]]))
    >>> rows.array.tolist()
    [[1, 2], [3, 4]]
    """

    def __init__(self, width: int, dtype: DTypeLike, expected: int | None) -> None:
        self._buffer = np.empty((expected or _FIRST, width), dtype=dtype)
        self._rows = 0

    def append(self, rows: NDArray[Any]) -> None:
        """Copy (n, width) rows to the end."""
        end = self._rows + len(rows)
        if end > len(self._buffer):
            larger = np.empty(
                (max(end, 2 * len(self._buffer)), self._buffer.shape[1]), self._buffer.dtype
            )
            larger[: self._rows] = self._buffer[: self._rows]
            self._buffer = larger
        self._buffer[self._rows : end] = rows
        self._rows = end

    def halve(self) -> None:
        """Forget every second row, the first excepted."""
        kept = self._buffer[: self._rows : 2].copy()
        self._rows = len(kept)
        self._buffer[: self._rows] = kept

    @property
    def array(self) -> NDArray[Any]:
        """All rows so far, (n, width), not copied."""
        return self._buffer[: self._rows]


_CHECKED = frozenset(2 * 4**k for k in range(16))
"""Batches that are sent among rows of the first one too."""

_BALANCED = 0.05
_FALSE_ALARM = 1e-6


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

    def halve(self) -> None:
        """Forget every second of the raw rows."""
        self._kept.halve()

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
        y: (n,) number of its label among the distinct ones in their order; 0 without labels.
        weights: (n,) its probability.
        labelled: Whether there were labels.
        layers: By name.
        kept: Which rows were kept raw, (rows,).
        kept_x: Their inputs, (rows, ...).
        layout: Of several tensors in each of them.
        rounding: Share of rows that rounding changes, by layer, see `check_functions`.
        means: (n,) mean of the numbers of each input.
    """

    x: Labels
    y: Labels
    weights: Weights
    labelled: bool
    layers: dict[str, LayerCodes]
    kept: Labels
    kept_x: Tensor
    layout: Layout | None
    rounding: dict[str, float]
    means: NDArray[np.float64]

    def counted(self, name: str) -> Counted:
        """Entropies of one layer by counting."""
        return count(self.x, self.y, self.layers[name].labels(), self.weights)


def collect(
    probe: Probe,
    inputs: Inputs,
    *,
    batch_size: int = 1024,
    keep: int = 0,
    progress: Progress = silent,
) -> Collected:
    """Send all inputs through a network and keep the codes of its layers.

    Every batch has as many rows as the first one (others are cut, or filled up with copies,
    which are then dropped), because matrix products of another shape may round differently and
    would split values that are one. The first batch is sent several times, and the second, eighth,
    32nd ... among rows of the first, to see that every activation is a function of its input.

    Args:
        probe: Open, see `Probe`.
        inputs: What to send, in one pass.
        batch_size: Rows per forward pass, at most.
        keep: Raw activations are kept for at most so many rows, spread evenly.
        progress: Told after each batch how many of the `inputs` are done, of 0 if nobody knows.

    Returns:
        Codes of every layer.

    Raises:
        InputError: For no rows, rows with and without labels, or activations that are no
            function of the input.
    """
    state, rounding = _State(inputs.n, keep), dict[str, float]()
    first, noisy = None, bool(noises(probe.model))
    for place, batch in enumerate(_even(inputs.stream(batch_size)), 1):
        if first is None:
            first = batch.x
            rounding = check_functions(probe, first, batch.layout)
        x = filled(batch.x, len(first))
        if place in _CHECKED and x.shape == first.shape and not noisy:
            check_among(probe, x, first, batch.layout)
        activations = probe(x, batch.layout)
        state.add(batch, {name: t[: len(batch.x)] for name, t in activations.items()})
        progress(state.rows, inputs.n or 0, "inputs")
    return state.collected(rounding)


def _even(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches of at most as many rows as the first one, and of at least one."""
    size = 0
    for whole in batches:
        size = size or len(whole.x)
        if len(whole.x):
            yield from slices(whole.x, whole.y, whole.weights, size, whole.layout)


class _State:
    """What grows during the pass."""

    def __init__(self, expected: int | None, keep: int) -> None:
        self.rows = 0
        self.layers: dict[str, LayerCodes] = {}
        self._expected, self._most = expected, keep
        self._stride = -(-expected // keep) if expected and keep else 1
        self._layouts: list[Layout | None] = []
        self._x = GrowingArray(2, np.int64, expected)
        self._means = GrowingArray(1, np.float64, expected)
        self._y = GrowingArray(1, np.int64, expected)
        self._weights = GrowingArray(1, np.float64, expected)
        self._labelled: set[bool] = set()
        self._kept = GrowingArray(1, np.int64, None)
        self._kept_x: list[Tensor] = []

    def add(self, batch: Batch, activations: dict[str, Tensor]) -> None:
        n = len(batch.x)
        self._check_layout(batch.layout)
        self._x.append(row_ids(batch.x).numpy())
        self._means.append(batch.x.reshape(n, -1).double().mean(1, keepdim=True).cpu().numpy())
        y = torch.zeros(n) if batch.y is None else batch.y
        self._y.append(y.cpu().numpy()[:, None])
        self._labelled.add(batch.y is not None)
        weights = torch.ones(n) if batch.weights is None else batch.weights
        self._weights.append(weights.cpu().numpy()[:, None])
        start = -self.rows % self._stride
        keep = torch.arange(start, max(n, start), self._stride) if self._most else None
        for name, t in activations.items():
            self._add_layer(name, t, keep)
        if keep is not None:
            self._kept.append(keep.numpy()[:, None] + self.rows)
            self._kept_x.append(batch.x[keep].cpu())
            self._thin()
        self.rows += n

    def _check_layout(self, layout: Layout | None) -> None:
        if not self._layouts:
            self._layouts.append(layout)
        if layout != self._layouts[0]:
            raise InputError(
                f"the tensors of one batch are {layout} and of another {self._layouts[0]}; pad "
                "them to one size"
            )

    def _thin(self) -> None:
        """Keep rows of twice the distance, where there are more than was asked for."""
        while len(self._kept.array) > self._most:
            self._stride *= 2
            self._kept.halve()
            self._kept_x = [torch.cat(self._kept_x)[::2]]
            for layer in self.layers.values():
                layer.halve()

    def _add_layer(self, name: str, t: Tensor, keep: Tensor | None) -> None:
        if name not in self.layers:
            kept = -(-self._expected // self._stride) if self._expected and self._most else None
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

    def collected(self, rounding: dict[str, float]) -> Collected:
        if not self.rows:
            raise InputError("the inputs have no rows; expected at least one batch")
        if len(self._labelled) > 1:
            raise InputError("some batches have labels and some have none; give labels to all")
        weights = self._weights.array[:, 0]
        return Collected(
            dense_labels(self._x.array),
            dense_labels(self._y.array),
            weights / weights.sum(),
            self._labelled == {True},
            self.layers,
            self._kept.array[:, 0],
            torch.cat(self._kept_x) if self._kept_x else torch.zeros(0),
            self._layouts[0],
            rounding,
            self._means.array[:, 0],
        )


def correlated_distance(means: NDArray[np.float64]) -> int | None:
    r"""At which distance rows are surely correlated, which independent ones are not.

    Whether a mean, or its square about the median, is in the upper half is a coin for every row.
    With p the share of ones, :math:`S_k = \sum_i (b_i - p)(b_{i+k} - p)` is a martingale for
    independent rows, whose terms have the variance :math:`p^2 (1-p)^2`; Freedman's inequality
    (1975, Ann. Probab. 3, 100) says what it exceeds at no distance k up to n/2, but once in a
    million times.

    Args:
        means: (n,) one number of each row, in their order.

    Returns:
        The distance of the largest excess, or None. Where nearly all numbers are equal nothing
        can be seen.

    >>> rows = np.random.default_rng(0).normal(size=4000)
    >>> correlated_distance(rows), correlated_distance(np.repeat(rows, 4))
    (None, 1)
    """
    n = len(means)
    found, ratio = None, 1.0
    for values in (means, (means - np.median(means)) ** 2):
        bits = values > np.median(values)
        p = float(bits.mean())
        if n < 2 or not _BALANCED < p < 1 - _BALANCED:
            continue
        steps = np.fft.rfft(bits - p, 2 * n)
        sums = np.fft.irfft(np.abs(steps) ** 2, 2 * n)[1 : n // 2 + 1]
        log = math.log(n / _FALSE_ALARM)
        largest, variance = log * max(p, 1 - p) ** 2 / 3, n * (p * (1 - p)) ** 2
        limit = largest + math.sqrt(largest**2 + 2 * log * variance)
        if sums.max() > ratio * limit:
            found, ratio = 1 + int(sums.argmax()), float(sums.max() / limit)
    return found


def filled(x: Tensor, size: int) -> Tensor:
    """Inputs filled up to a whole batch with copies of the last one."""
    if len(x) == size:
        return x
    return torch.cat([x, x[-1:].expand(size - len(x), *x.shape[1:])])
