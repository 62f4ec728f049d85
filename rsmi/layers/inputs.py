"""The distribution that a network is measured on, as a stream of batches; its controls."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.counting import dense_labels, label_entropy, row_ids

_AT_ONCE = 4096
_LARGEST_INTEGER = 1 << 53
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)

_LABELS = ("labels", "label", "targets", "target", "y")

InputKind = Literal["finite", "discrete", "continuous"]
SampleKind = Literal["discrete", "continuous"]


@dataclass(frozen=True)
class Layout:
    """Where the several tensors that a network takes stand in one row of numbers.

    Args:
        names: Of the tensors, where they have some; else they have an order.
        shapes: Of one row of each.
        dtypes: Of each.
    """

    names: tuple[str, ...] | None
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[torch.dtype, ...]

    def split(self, rows: Tensor) -> dict[str, Tensor] | tuple[Tensor, ...]:
        """The tensors that (n, numbers) rows stand for, each a copy."""
        parts = rows.split([math.prod(shape) for shape in self.shapes], 1)
        tensors = tuple(
            part.reshape(len(rows), *shape).to(dtype, copy=True)
            for part, shape, dtype in zip(parts, self.shapes, self.dtypes, strict=True)
        )
        return tensors if self.names is None else dict(zip(self.names, tensors, strict=True))


@dataclass(frozen=True)
class Batch:
    """Some inputs with what belongs to them.

    Args:
        x: (n, ...) inputs as the network takes them, or the numbers of several tensors.
        y: (n,) int64 labels, or None.
        weights: (n,) float64 probabilities of the rows, or None for equal ones.
        layout: Of several tensors in one row of x; None for one.
    """

    x: Tensor
    y: Tensor | None
    weights: Tensor | None
    layout: Layout | None = None


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
        assumed: Whether nobody said that the samples are independent; rows that are seen not to
            be are then refused.
    """

    kind: InputKind
    stream: Callable[[int], Iterator[Batch]]
    entropy: Estimate | None = None
    chains: int | None = None
    n: int | None = None
    assumed: bool = False


def slices(
    x: Tensor, y: Tensor | None, w: Tensor | None, size: int, layout: Layout | None = None
) -> Iterator[Batch]:
    """Batches of tensors in memory, not copied."""
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        yield Batch(x[part], None if y is None else y[part], None if w is None else w[part], layout)


def input_rows(x: Any) -> tuple[Tensor, Layout | None]:
    """Inputs as one tensor: as they are, or several beside each other in rows of numbers.

    Args:
        x: A tensor or array (n, ...), or a tuple or dict of these, as the network takes them.

    Raises:
        InputError: For anything else, or tensors without one row per input.

    >>> rows, layout = input_rows({"a": torch.tensor([[1, 2]]), "b": torch.tensor([0.5])})
    >>> rows.tolist(), layout.split(rows)["a"].dtype
    ([[1.0, 2.0, 0.5]], torch.int64)
    """
    if not isinstance(x, Mapping | tuple):
        rows = _tensor(x, "the inputs")
        if rows.dim() == 0:
            raise InputError("the inputs have no axis; expected shape (n, ...), one row per input")
        return rows, None
    names = tuple(map(str, x)) if isinstance(x, Mapping) else None
    values = x.values() if isinstance(x, Mapping) else x
    parts = [_tensor(v, f"input {k}") for k, v in zip(names or range(len(x)), values, strict=True)]
    if not parts or any(t.dim() == 0 or len(t) != len(parts[0]) for t in parts):
        shapes = ", ".join(str(list(t.shape)) for t in parts)
        raise InputError(f"inputs have the shapes {shapes}; expected one row of each per input")
    layout = Layout(names, tuple(tuple(t.shape[1:]) for t in parts), tuple(t.dtype for t in parts))
    wide = parts[0].dtype if len(set(layout.dtypes)) == 1 else torch.float64
    flat = [_exactly(t, wide).reshape(len(t), math.prod(t.shape[1:])) for t in parts]
    return torch.cat(flat, 1), layout


def seen_kind(rows: Tensor, layout: Layout | None) -> Literal["discrete", "continuous"]:
    """Kind of samples by their data types: floats are taken as continuous."""
    dtypes = (rows.dtype,) if layout is None else layout.dtypes
    return "continuous" if any(dtype.is_floating_point for dtype in dtypes) else "discrete"


def _tensor(x: Any, what: str) -> Tensor:
    if isinstance(x, np.ndarray):
        return _of_array(x, what)
    if not isinstance(x, Tensor):
        raise InputError(
            f"{what} are a {type(x).__name__}; expected a tensor or array (n, ...), or a tuple or "
            "dict of these"
        )
    return x.to(torch.int64) if x.dtype in _UNSIGNED else x


def _of_array(x: NDArray[Any], what: str) -> Tensor:
    """The array itself where torch can use it, else a copy; unsigned integers as int64."""
    if x.dtype.kind not in "biuf":
        raise InputError(f"{what} have dtype {x.dtype}; expected numbers")
    if x.dtype.kind == "u" and x.dtype.itemsize > 1:
        return torch.from_numpy(x.astype(np.int64))
    usable = x.dtype.isnative and x.flags.writeable and min(x.strides, default=0) >= 0
    return torch.from_numpy(x if usable else x.astype(x.dtype.newbyteorder("="), order="C"))


def _exactly(t: Tensor, dtype: torch.dtype) -> Tensor:
    if t.dtype == torch.int64 and dtype != t.dtype and int(t.abs().max()) > _LARGEST_INTEGER:
        raise InputError("an input has integers above 2^53; number them anew from 0")
    return t.to(dtype)


def check_labels(n: int, labels: Any) -> Tensor | None:
    """The labels as int64, where they are one whole number >= 0 for each of n inputs.

    Raises:
        InputError: Else.
    """
    if labels is None:
        return None
    if isinstance(labels, Sequence) or hasattr(labels, "to_numpy"):
        labels = np.asarray(labels)
    y = _tensor(labels, "labels")
    if y.shape != (n,) or bool((y < 0).any()) or not torch.equal(y.long().to(y.dtype), y):
        raise InputError(
            f"labels of shape {list(y.shape)} and dtype {y.dtype} for {n} inputs; "
            f"expected ({n},) whole numbers >= 0, one per input"
        )
    return y.long()


def rows_at(inputs: Inputs, rows: NDArray[np.int64]) -> Tensor:
    """Inputs of chosen rows, in their order and as often as they are named, in one pass."""
    wanted, place = np.unique(rows, return_inverse=True)
    parts, start = [], 0
    for batch in inputs.stream(_AT_ONCE):
        inside = wanted[(wanted >= start) & (wanted < start + len(batch.x))] - start
        parts.append(batch.x[torch.from_numpy(inside)].cpu())
        start += len(batch.x)
    return torch.cat(parts)[torch.from_numpy(place)]


def known_entropy(entropy: Estimate | float | None) -> Estimate | None:
    """H(X) in nats as it was given; a plain number is exact."""
    return Estimate(entropy, 0.0, "exact") if isinstance(entropy, float | int) else entropy


def loader_inputs(
    loader: Iterable[Any],
    *,
    kind: SampleKind | None = None,
    entropy: Estimate | float | None = None,
    chains: int | None = None,
) -> Inputs:
    """Samples streamed from a DataLoader or from any other batches.

    Args:
        loader: Of batches x, or (x, labels, ...), or dicts; x is a tensor, an array, or a tuple
            or dict of these as the network takes them. The labels of a dict are its entry
            `labels`, `label`, `targets`, `target` or `y`. A generator is passed once; what is to
            be measured more than once (by a callback) is a DataLoader or a list.
        kind: Whether X takes discrete values; without, floats are taken as continuous.
        entropy: Known H(X) of a discrete X, in nats.
        chains: See `Inputs`.

    Raises:
        InputError: For something that is no stream of batches, or an empty one.
    """
    batches = _Batches(loader)
    first = batches.first
    seen = kind or seen_kind(first.x, first.layout)
    return Inputs(seen, batches.stream, known_entropy(entropy), chains)


class _Batches:
    """The passes over a loader; the only one over a generator keeps what was seen of it."""

    def __init__(self, loader: Iterable[Any]) -> None:
        single = isinstance(loader, Dataset | Tensor | np.ndarray | str)
        if single or not isinstance(loader, Iterable):
            raise InputError(
                f"the loader is a {type(loader).__name__}; expected batches: give "
                "DataLoader(dataset, batch_size=...)"
            )
        with torch.random.fork_rng(devices=[]):  # a loader that shuffles draws a seed
            found = list(islice(iter(loader), 1))
        if not found:
            raise InputError("the loader has no batches; expected at least one")
        self._loader, self._seen, self._passed = loader, found, False
        self.first = _batch(found[0])

    def stream(self, size: int) -> Iterator[Batch]:
        """One pass, in batches of at most this size."""
        for item in self._items():
            batch = _batch(item)
            yield from slices(batch.x, batch.y, None, size, batch.layout)

    def _items(self) -> Iterator[Any]:
        if not isinstance(self._loader, Iterator):
            return iter(self._loader)
        if self._passed:
            raise InputError(
                "the loader is a generator, which can be passed once, and it was; give a "
                "DataLoader or a list of batches, which begin anew"
            )
        self._passed = True
        return chain(self._seen, self._loader)


def _batch(item: Any) -> Batch:
    x, labels = parted(item)
    rows, layout = input_rows(x)
    return Batch(rows, check_labels(len(rows), labels), None, layout)


def parted(item: Any) -> tuple[Any, Any]:
    """Inputs and labels of one item of a loader, where it has labels.

    >>> parted({"ids": 1, "label": 2}), parted((3,)), parted([4, 5, 6])
    (({'ids': 1}, 2), (3, None), (4, 5))
    """
    if isinstance(item, Mapping):
        named = [name for name in _LABELS if name in item][:1]
        x = {name: value for name, value in item.items() if name not in named}
        return x, (item[named[0]] if named else None)
    if isinstance(item, tuple | list) and item:
        return item[0], (item[1] if len(item) > 1 else None)
    return item, None


def finite_inputs(x: Any, labels: Any = None, weights: Any = None) -> Inputs:
    """Every input of a finite set: entropies of layers are then exact, without sampling error.

    Args:
        x: (n, ...) inputs, a tensor or array, or a tuple or dict of these as the network takes
            them; an input with several possible labels has one row for each.
        labels: (n,) integers >= 0.
        weights: (n,) probabilities of the rows, normalised here; equal without.

    Returns:
        The whole distribution.

    Raises:
        InputError: For labels or weights that do not fit the inputs.

    >>> round(finite_inputs(torch.eye(4)).entropy.value, 6)
    1.386294
    """
    rows, layout = input_rows(x)
    w = _weights(len(rows), weights)
    y = check_labels(len(rows), labels)
    h = label_entropy(dense_labels(row_ids(rows).numpy()), w.numpy())
    known = Estimate(h, 0.0, "exact")
    return Inputs("finite", lambda size: slices(rows, y, w, size, layout), known, n=len(rows))


def _weights(n: int, given: Any) -> Tensor:
    if n == 0:
        raise InputError("there are no inputs; expected at least one row")
    if given is None:
        return torch.full((n,), 1 / n, dtype=torch.float64)
    weights = _tensor(given, "weights")
    if weights.shape != (n,) or not bool((weights >= 0).all()) or not 0 < weights.sum() < math.inf:
        raise InputError(
            f"weights of shape {list(weights.shape)} for {n} inputs; expected ({n},) "
            "probabilities >= 0 with a positive sum"
        )
    exact = weights.double()
    return exact / exact.sum()


def shuffled_labels(inputs: Inputs, seed: int = 0) -> Inputs:
    """Samples whose labels were permuted among them: every I(T;Y) is 0.

    Args:
        inputs: Sampled inputs with labels.
        seed: Of the permutation.

    Raises:
        InputError: For inputs without labels, or a finite set (use `independent_labels`).
    """
    if inputs.kind == "finite":
        raise InputError(
            "labels of a finite set cannot be shuffled to independence; use independent_labels"
        )
    y = _all_labels(inputs)
    mixed = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]

    def stream(size: int) -> Iterator[Batch]:
        start = 0
        for batch in inputs.stream(size):
            yield replace(batch, y=mixed[start : start + len(batch.x)])
            start += len(batch.x)

    return Inputs(inputs.kind, stream, inputs.entropy, None, len(y))


def independent_labels(inputs: Inputs) -> Inputs:
    """A finite set with p(x) p(y) in place of p(x, y): every I(T;Y) is exactly 0.

    Raises:
        InputError: For sampled inputs, or inputs without labels.
    """
    if inputs.kind != "finite":
        raise InputError("sampled inputs have no exact product; use shuffled_labels")
    batches = list(inputs.stream(_AT_ONCE))
    x, y = torch.cat([b.x for b in batches]), _all_labels(inputs)
    w = torch.cat([b.weights for b in batches if b.weights is not None])
    classes, number = y.unique(return_inverse=True)
    p_y = torch.bincount(number, w)
    product = (w[:, None] * p_y).flatten()
    layout, rows = batches[0].layout, x.repeat_interleave(len(p_y), 0)
    given = rows if layout is None else layout.split(rows)
    return finite_inputs(given, classes.repeat(len(x)), product)


def _all_labels(inputs: Inputs) -> Tensor:
    labels = [batch.y for batch in inputs.stream(_AT_ONCE)]
    known = [y for y in labels if y is not None]
    if len(known) < len(labels) or not known:
        raise InputError("the inputs have no labels; give labels to shuffle")
    return torch.cat(known).cpu()
