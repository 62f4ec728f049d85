"""Every input of a finite set, with its probability."""

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.counting.entropies import label_entropy
from rsmi.layers.counting.hashing import row_ids
from rsmi.layers.counting.labels import dense_labels
from rsmi.layers.inputs.batches import Inputs, check_labels, slices


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
    check_labels(x, labels)
    h = label_entropy(dense_labels(row_ids(x).numpy()), w.numpy())
    known = Estimate(h, 0.0, "exact")
    return Inputs("finite", lambda size: slices(x, labels, w, size), known, n=len(x))


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
