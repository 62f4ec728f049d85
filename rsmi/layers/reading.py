"""Samples of a distribution: from memory, from a loader, from a file."""

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.inputs import Batch, Inputs, check_labels, input_rows, seen_kind, slices

_LARGEST_INTEGER = 1 << 24
_LABELS = ("labels", "label", "targets", "target", "y")

SampleKind = Literal["discrete", "continuous"]


def sampled_inputs(
    x: Any,
    labels: Any = None,
    *,
    kind: SampleKind | None = None,
    entropy: Estimate | None = None,
    chains: int | None = None,
) -> Inputs:
    """Samples of a distribution, held in memory.

    Args:
        x: (n, ...) inputs, a tensor or array, or a tuple or dict of these as the network takes
            them.
        labels: (n,) integers >= 0.
        kind: Whether X takes discrete values; without, floats are taken as continuous unless the
            entropy of a discrete X is given.
        entropy: Known H(X) of a discrete X, in nats.
        chains: See `Inputs`.

    Raises:
        InputError: For labels that do not fit, or fewer than two samples.

    >>> sampled_inputs(torch.zeros(5, 2)).n
    5
    """
    rows, layout = input_rows(x)
    n = len(rows)
    if n < 2:
        raise InputError(
            f"{n} sample; entropies of sampled inputs need many (at least 2): give more, or "
            "describe a finite set with finite_inputs"
        )
    y = check_labels(rows, labels)
    seen: SampleKind = "discrete" if entropy is not None else seen_kind(rows, layout)
    return Inputs(
        kind or seen, lambda size: slices(rows, y, None, size, layout), entropy, chains, n
    )


def loader_inputs(
    loader: Iterable[Any],
    *,
    kind: SampleKind | None = None,
    entropy: Estimate | None = None,
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
    return Inputs(kind or seen_kind(first.x, first.layout), batches.stream, entropy, chains)


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
    return Batch(rows, check_labels(rows, labels), None, layout)


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
            if has_inputs(target, file):
                return _arrays(file["x"], file.get("y"), entropy)
    return _spin_file(target, entropy, select or {})


def has_inputs(path: Path, archive: Mapping[str, NDArray[Any]]) -> bool:
    """Whether an archive holds inputs `x`, and not configurations of spins.

    Raises:
        InputError: For neither, with what it holds.
    """
    if "x" in archive:
        return True
    names = list(archive)
    spins = len(names) == 1 and bool(np.isin(archive[names[0]], (-1, 0, 1)).all())
    if spins or any(name in names for name in ("spins", "configurations")):
        return False
    held = ", ".join(f"{n} {list(archive[n].shape)} {archive[n].dtype}" for n in names)
    raise InputError(
        f"{path} holds {held or 'nothing'} and no x; save the inputs as x (n, ...), with labels as "
        "y (n,): numpy.savez(path, x=inputs, y=labels)"
    )


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
