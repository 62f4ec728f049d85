"""Every input of a finite set, with its probability."""

from typing import Any

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.counting.entropies import label_entropy
from rsmi.layers.counting.hashing import row_ids
from rsmi.layers.counting.labels import dense_labels
from rsmi.layers.inputs.batches import Inputs, check_labels, input_rows, slices


def finite_inputs(x: Any, labels: Any = None, weights: Tensor | None = None) -> Inputs:
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
    y = check_labels(rows, labels)
    h = label_entropy(dense_labels(row_ids(rows).numpy()), w.numpy())
    known = Estimate(h, 0.0, "exact")
    return Inputs("finite", lambda size: slices(rows, y, w, size, layout), known, n=len(rows))


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
    exact = weights.double()
    return exact / exact.sum()
