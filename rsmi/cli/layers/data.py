"""Inputs of a network from a user's files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers import Batch, Inputs, file_inputs, finite_inputs, sampled_inputs
from rsmi.layers.reading import has_inputs
from rsmi.storage import Selection

InputKind = Literal["finite", "discrete", "continuous"]
_HDF5 = (".h5", ".hdf5")


@dataclass(frozen=True)
class Arrays:
    """What a file holds.

    Args:
        x: (n, ...) inputs; an array, or an open HDF5 data set.
        y: (n,) labels, or None.
        p: (n,) probabilities of the rows, or None.
    """

    x: Any
    y: NDArray[Any] | None = None
    p: NDArray[Any] | None = None


def read_inputs(
    path: str,
    dtype: torch.dtype,
    labels: str | None = None,
    kind: InputKind | None = None,
    entropy: float | None = None,
    select: Selection = Selection(),  # noqa: B008, it is frozen
) -> Inputs:
    """Inputs of a network from a file.

    Args:
        path: `.npz` or HDF5 with `x`, `y`, `p`; `.npy`; or configurations of spins.
        dtype: What the network takes.
        labels: `.npy` file of labels.
        kind: As in `Inputs`; seen from the numbers without.
        entropy: Known H(X) in nats.
        select: Which samples of a collection or an mcising file.

    Raises:
        InputError: For a file that is missing or damaged, or arrays that do not fit.
    """
    known = None if entropy is None else Estimate(entropy, 0.0, "exact")
    file = Path(path)
    if not file.is_file():
        raise InputError(f"there is no file {path}; give --data a file of inputs")
    arrays = _hdf5(file) if file.suffix in _HDF5 else _numpy(file)
    if arrays is None:
        return _spins(path, labels, kind, known, select)
    y = arrays.y if labels is None else _load(Path(labels))
    if arrays.x.ndim < 1 or not len(arrays.x):
        raise InputError(
            f"x of {path} has shape {list(arrays.x.shape)}; expected (n, ...), one input per row"
        )
    seen = kind or ("continuous" if np.issubdtype(arrays.x.dtype, np.floating) else "discrete")
    if seen == "finite":
        p = None if arrays.p is None else torch.from_numpy(arrays.p).double()
        return finite_inputs(_tensor(arrays.x[:], dtype), _labels(y), p)
    if arrays.p is not None:
        raise InputError(
            f"{path} holds probabilities p, which belong to a finite set; add --inputs finite"
        )
    if isinstance(arrays.x, h5py.Dataset):
        return _streamed(path, arrays.x, _labels(y), dtype, seen, known)
    return sampled_inputs(
        _tensor(arrays.x, dtype), _labels(y), kind=seen, entropy=known, chains=None
    )


def _numpy(path: Path) -> Arrays | None:
    if path.suffix == ".npy":
        return Arrays(_load(path))
    try:
        with np.load(path, allow_pickle=False) as file:
            if has_inputs(path, file):
                return Arrays(*map(file.get, ("x", "y", "p")))
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is no .npz file of plain arrays ({error}); save it with numpy.savez"
        ) from None
    return None


def _hdf5(path: Path) -> Arrays | None:
    """Arrays `x`, `y`, `p` of a plain HDF5 file; x stays on the disk."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path} is no readable HDF5 file ({error})") from None
    if not isinstance(file.get("x"), h5py.Dataset):
        file.close()
        return None
    y, p = (file[name][:] if name in file else None for name in ("y", "p"))
    return Arrays(file["x"], y, p)


def _load(path: Path) -> NDArray[Any]:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path} is no .npy file of numbers ({error}); save it with numpy.save"
        ) from None
    if not isinstance(found, np.ndarray):
        raise InputError(f"{path} holds several arrays; expected one, as numpy.save writes")
    return found


def _spins(
    path: str,
    labels: str | None,
    kind: InputKind | None,
    entropy: Estimate | None,
    select: Selection,
) -> Inputs:
    if kind not in (None, "discrete"):
        raise InputError(f"{path} holds samples of spins, which are discrete, not {kind}")
    if labels is not None:
        raise InputError(
            f"{path} is a file of configurations without labels; to measure with labels, save x "
            "and y in one .npz"
        )
    return file_inputs(path, entropy, vars(select))


def _streamed(
    path: str,
    x: h5py.Dataset,
    labels: Tensor | None,
    dtype: torch.dtype,
    kind: InputKind,
    entropy: Estimate | None,
) -> Inputs:
    """Rows read batch by batch."""
    n = len(x)
    if n < 2:
        raise InputError(f"{n} sample in {path}; entropies of sampled inputs need many: give more")
    if labels is not None and len(labels) != n:
        raise InputError(f"{len(labels)} labels for {n} inputs in {path}; expected one per input")

    def stream(size: int) -> Iterator[Batch]:
        for start in range(0, n, size):
            part = slice(start, start + size)
            y = None if labels is None else labels[part]
            yield Batch(_tensor(x[part], dtype), y, None)

    return Inputs(kind, stream, entropy, None, n)


def _tensor(x: NDArray[Any], dtype: torch.dtype) -> Tensor:
    try:
        return torch.from_numpy(np.ascontiguousarray(x)).to(dtype)
    except TypeError:
        raise InputError(f"x has dtype {x.dtype}; expected numbers") from None


def _labels(y: NDArray[Any] | None) -> Tensor | None:
    if y is None:
        return None
    if np.issubdtype(y.dtype, np.floating) and not (y == np.round(y)).all():
        raise InputError(f"labels have dtype {y.dtype} and fractions; expected whole numbers >= 0")
    return torch.from_numpy(y.astype(np.int64))
