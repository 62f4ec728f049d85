"""Controls: the same inputs with labels that say nothing, so that the answer must be zero."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.layers.inputs.batches import Batch, Inputs
from rsmi.layers.inputs.finite import finite_inputs

_AT_ONCE = 4096


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
