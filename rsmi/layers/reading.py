"""The one reader: files, arrays, configurations and batches as inputs of a network."""

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.inputs import (
    Batch,
    InputKind,
    Inputs,
    SampleKind,
    check_labels,
    finite_inputs,
    input_rows,
    known_entropy,
    loader_inputs,
    parted,
    seen_kind,
    slices,
)
from rsmi.storage import Selection
from rsmi.storage.arrays import ArraySamples

_HDF5 = (".h5", ".hdf5")


def sampled_inputs(
    x: Any,
    labels: Any = None,
    *,
    kind: SampleKind | None = None,
    entropy: Estimate | float | None = None,
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

    >>> import torch
    >>> sampled_inputs(torch.zeros(5, 2)).n
    5
    """
    rows, layout = input_rows(x)
    n = len(rows)
    _check_number(n)
    y = check_labels(n, labels)
    seen: SampleKind = "discrete" if entropy is not None else seen_kind(rows, layout)
    known = known_entropy(entropy)
    return Inputs(kind or seen, lambda size: slices(rows, y, None, size, layout), known, chains, n)


def _check_number(n: int) -> None:
    if n < 2:
        raise InputError(
            f"{n} sample; entropies of sampled inputs need many (at least 2): give more, or "
            "describe a finite set with finite_inputs"
        )


@dataclass(frozen=True)
class _Arrays:
    """Inputs as arrays.

    Args:
        x: (n, ...) inputs in memory; or, on the disk, the shape and data type of them and how to
            read some.
        y: (n,) labels, or None.
        p: (n,) probabilities of the rows, or None.
    """

    x: Any
    y: Any = None
    p: Any = None


@dataclass(frozen=True)
class _OnDisk:
    """Rows that stay in a file.

    Args:
        shape: (n, ...).
        dtype: Of the numbers.
        read: Rows from a start to a stop.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[int, int], NDArray[Any] | Tensor]

    def __len__(self) -> int:
        return self.shape[0]


@dataclass(frozen=True)
class _Said:
    """What the caller says of the rows."""

    kind: InputKind | None
    entropy: Estimate | None
    chains: int | Literal["independent"] | None

    def of(self, x: Any) -> SampleKind:
        """Kind of samples: as said, else discrete where H(X) is given or no number is a float."""
        if self.kind is not None and self.kind != "finite":
            return self.kind
        if self.entropy is not None:
            return "discrete"
        if isinstance(x, _OnDisk):
            return "continuous" if x.dtype.kind == "f" else "discrete"
        return seen_kind(*input_rows(x))

    def marked(self, inputs: Inputs) -> Inputs:
        """Rows with the chains that were said, and whether nothing was."""
        if self.chains is None:
            return replace(inputs, assumed=True)
        number = None if self.chains == "independent" else self.chains
        if number is not None and (number < 1 or (inputs.n or 0) % number):
            raise InputError(
                f"{inputs.n} rows of {number} chains; expected a number of chains >= 1 that "
                "divides them, since row i is of chain i mod chains"
            )
        return replace(inputs, chains=number)

    def refuse(self, what: str) -> None:
        """Refuse what the data say themselves."""
        for name in ("kind", "entropy", "chains"):
            if getattr(self, name) is not None:
                raise InputError(f"{name} was given beside {what}; leave it out")


def inputs_of(
    data: Any,
    labels: Any = None,
    *,
    kind: InputKind | None = None,
    entropy: Estimate | float | None = None,
    chains: int | Literal["independent"] | None = None,
    select: Selection | None = None,
) -> Inputs:
    """Whatever holds inputs of a network, as the distribution it is measured on.

    Numbers are taken as they are: whole numbers stay whole, and nothing is rounded or put to
    another scale. What is on the disk is read batch by batch, but a `.npz` and a finite set.

    Args:
        data: A path: `.npy`; `.npz` or HDF5 with inputs `x` (n, ...), and labels `y` and
            probabilities `p` (n,) where there are some; any file that `rsmi.storage.open_samples`
            reads. Or `Samples`, a numpy or torch array, a tuple of inputs and labels, an object
            of xarray or pandas, a dict of what the network takes (labels among it), a DataLoader
            or a list of batches. `Inputs` are passed on.
        labels: (n,) whole numbers >= 0, or a `.npy` file of them, where the data hold none.
        kind: `finite` where the rows are every input there is, with the probabilities `p` or
            equal ones; `discrete` or `continuous` samples. Without, floats are continuous
            samples unless the entropy is given, and other numbers discrete ones.
        entropy: Known H(X) of discrete samples, in nats.
        chains: The rows are interleaved from so many Markov chains, or `independent`. Without,
            rows of arrays are taken as independent, and are refused where they are seen not to
            be; files of samples know their chains, as do the dimensions `chain` and `draw`.
        select: Which samples of a file that holds several.

    Raises:
        InputError: For what cannot be read, does not fit together, or cannot be told.

    >>> inputs_of(np.array([[0, 1], [1, 1], [0, 0]])).kind
    'discrete'
    """
    known = known_entropy(entropy)
    said = _Said(kind, known, chains)
    if isinstance(data, str | os.PathLike):
        return _file(Path(data), labels, said, select)
    if select is not None and select != Selection():
        raise InputError("select chooses samples of a file, and the data are none; leave it out")
    if isinstance(data, Inputs):
        if said.kind not in (None, data.kind):
            raise InputError(
                f"{said.kind} inputs were declared, the data are {data.kind}; make them agree"
            )
        replace(said, kind=None).refuse("inputs that bring their own")
        _no_labels(labels, "inputs that bring their own")
        return data
    if hasattr(data, "chains") and hasattr(data, "read"):
        return _samples(data, labels, said, data.source)
    return _in_memory(data, labels, said)


def _in_memory(data: Any, labels: Any, said: _Said) -> Inputs:
    if hasattr(data, "data_vars"):  # of xarray, whose coordinates may be called x and y too
        held = data.data_vars
        if "x" not in held:
            raise InputError(f"the data set holds {list(held)} and no x; name the inputs x")
        x, chains = _array_of(held["x"])
        y, p = (_array_of(held[name])[0] if name in held else None for name in ("y", "p"))
        return _arrays(_Arrays(x, y, p), labels, _told(said, chains), "the data set")
    if hasattr(data, "to_numpy"):
        data, chains = _array_of(data)
        said = _told(said, chains)
    if isinstance(data, Tensor | np.ndarray | tuple | Mapping):
        x, y = parted(data if labels is None else (data, _labels(labels)))
        return _arrays(_Arrays(x, y), None, said, "the inputs")
    _no_labels(labels, "batches that bring their own")
    if said.kind == "finite":
        raise InputError(
            "batches of a loader were declared a finite set; pass finite_inputs(x, labels, "
            "weights) with every input once"
        )
    inputs = loader_inputs(data, kind=said.kind, entropy=said.entropy)
    return said.marked(inputs)


def _array_of(data: Any) -> tuple[NDArray[Any], int | None]:
    """Values of an object of xarray or pandas, and its chains where its dimensions name them."""
    dims = list(getattr(data, "dims", ()))
    if not {"chain", "draw"} <= set(dims):
        return data.to_numpy(), None
    ordered = data.transpose("draw", "chain", ...).to_numpy()
    return ordered.reshape(-1, *ordered.shape[2:]), int(data.sizes["chain"])


def _told(said: _Said, chains: int | None) -> _Said:
    """With the chains that the data name."""
    if chains is None:
        return said
    if said.chains not in (None, chains):
        raise InputError(f"chains is {said.chains!r} and the data have {chains}; leave it out")
    return replace(said, chains=chains)


def _arrays(arrays: _Arrays, labels: Any, said: _Said, source: str) -> Inputs:
    if arrays.y is not None:
        _no_labels(labels, f"{source}, which holds labels y")
    x, y = arrays.x, arrays.y if labels is None else _labels(labels)
    if said.kind == "finite":
        replace(said, kind=None).refuse("a finite set, whose H(X) is counted")
        return finite_inputs(x.read(0, len(x)) if isinstance(x, _OnDisk) else x, y, arrays.p)
    if arrays.p is not None:
        raise InputError(
            f"{source} holds probabilities p, which belong to a finite set; say that its rows are "
            "all inputs there are (kind='finite', --inputs finite), or leave p out"
        )
    if isinstance(x, _OnDisk):
        return said.marked(_streamed(x, y, said.of(x), said.entropy))
    return said.marked(sampled_inputs(x, y, kind=said.of(x), entropy=said.entropy))


def _streamed(x: _OnDisk, labels: Any, kind: SampleKind, entropy: Estimate | None) -> Inputs:
    """Rows read batch by batch."""
    n = len(x)
    _check_number(n)
    y = check_labels(n, labels)

    def stream(size: int) -> Iterator[Batch]:
        for start in range(0, n, size):
            part = slice(start, min(start + size, n))
            rows, _ = input_rows(x.read(part.start, part.stop))
            yield Batch(rows, None if y is None else y[part], None)

    return Inputs(kind, stream, entropy, None, n)


def _file(path: Path, labels: Any, said: _Said, select: Selection | None) -> Inputs:
    """Arrays where the file holds inputs, else configurations."""
    if not path.exists():
        raise InputError(f"there is no file {path}; give a file of inputs")
    chosen = select or Selection()
    arrays = _plain_arrays(path) if chosen == Selection() else None
    if arrays is not None:
        if not arrays.x.shape:
            raise InputError(f"x of {path} is one number; expected (n, ...), one input per row")
        return _arrays(arrays, labels, said, str(path))
    with chosen.open(path) as samples:
        bare = isinstance(samples, ArraySamples) and samples.chains == 1
        told = not bare or chosen.chains is not None
        found = _samples(samples, labels, said, str(path), told)

    def stream(size: int) -> Iterator[Batch]:
        with chosen.open(path) as again:
            yield from _samples(again, labels, said, str(path), told).stream(size)

    return replace(found, stream=stream)


def _samples(samples: Any, labels: Any, said: _Said, source: str, told: bool = True) -> Inputs:
    """Configurations; those of a bare array do not say whether they are of one chain."""
    if said.kind not in (None, "discrete"):
        raise InputError(f"{source} holds configurations, which are discrete, not {said.kind}")
    shape = (samples.n, *samples.shape)
    rows = _OnDisk(shape, np.dtype(np.int8), samples.read)
    inputs = _streamed(rows, _labels(labels), "discrete", said.entropy)
    return (_told(said, samples.chains) if told else said).marked(inputs)


def _plain_arrays(path: Path) -> _Arrays | None:
    """The arrays of a `.npy`, or those named x, y and p; None where configurations are stored."""
    if path.suffix == ".npy":
        return _Arrays(_on_disk(_load(path), path))
    if path.suffix == ".npz":
        return _npz(path)
    if path.suffix not in _HDF5:
        return None
    try:
        with h5py.File(path, "r") as file:
            x = file.get("x")
            if not isinstance(x, h5py.Dataset):
                return None
            y, p = (file[name][()] if name in file else None for name in ("y", "p"))
            return _Arrays(_OnDisk(x.shape, x.dtype, partial(_hdf5_rows, path)), y, p)
    except OSError as error:
        raise InputError(f"{path} is no readable HDF5 file ({error}); write it again") from None


def _hdf5_rows(path: Path, start: int, stop: int) -> NDArray[Any]:
    with h5py.File(path, "r") as file:
        rows: NDArray[Any] = file["x"][start:stop]
        return rows


def _npz(path: Path) -> _Arrays | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if _has_inputs(path, archive):
                return _Arrays(*map(archive.get, ("x", "y", "p")))
    except InputError:
        raise
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is no .npz file of plain arrays ({error}); save it with numpy.savez"
        ) from None
    return None


def _has_inputs(path: Path, archive: Mapping[str, NDArray[Any]]) -> bool:
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


def _load(path: Path) -> NDArray[Any]:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path} is no .npy file of numbers ({error}); save it with numpy.save"
        ) from None
    if not isinstance(found, np.ndarray):
        raise InputError(f"{path} holds several arrays; expected one, as numpy.save writes")
    return found


def _on_disk(array: NDArray[Any], path: Path) -> _OnDisk:
    def read(start: int, stop: int) -> NDArray[Any]:
        return np.array(array[start:stop])

    return _OnDisk(array.shape, array.dtype, read)


def _labels(labels: Any) -> Any:
    """Labels as they are, or those of a file."""
    if isinstance(labels, str | os.PathLike):
        return np.array(_load(Path(labels)))
    return labels


def _no_labels(labels: Any, what: str) -> None:
    if labels is not None:
        raise InputError(f"labels were given beside {what}; leave them out")
