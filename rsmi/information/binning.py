"""Activations cut into bins: what many papers call information, marked here as an estimate."""

import math

import torch
from torch import Tensor

from rsmi.errors import InputError


def fixed_width_bins(activations: Tensor, width: float) -> Tensor:
    """Number the bin of each activation, the same bins for every layer.

    The entropy of the result grows with the scale of the activations, so a layer that only
    multiplies by two gains entropy.

    Args:
        activations: (n, d) floats.
        width: Of a bin, in units of the activations.

    Returns:
        (n, d) int64, bin k covers [k width, (k + 1) width).

    Raises:
        InputError: For a width that is not positive.

    >>> fixed_width_bins(torch.tensor([[-0.1, 0.3]]), 0.25).tolist()
    [[-1, 1]]
    """
    if not (math.isfinite(width) and width > 0):
        raise InputError(f"the bin width is {width}; expected a finite number > 0")
    return (activations / width).floor().long()


def range_bins(activations: Tensor, bins: int, low: float, high: float) -> Tensor:
    """Number the bin of each activation when a layer's own range is cut into equal bins.

    Rescaling a layer moves nothing, which also hides a real change of scale against noise.

    Args:
        activations: (n, d) floats.
        bins: How many, over the whole layer.
        low: Lower end of the range, that of the layer.
        high: Upper end; values beyond fall into the outer bins.

    Returns:
        (n, d) int64 in 0..bins-1; all 0 for a constant layer.

    Raises:
        InputError: For fewer than one bin or a range that is reversed.

    >>> range_bins(torch.tensor([[-1.0, 0.0, 1.0]]), 2, -1.0, 1.0).tolist()
    [[0, 1, 1]]
    """
    if bins < 1 or not low <= high:
        raise InputError(f"{bins} bins over [{low}, {high}]; expected at least 1 and low <= high")
    if low == high:
        return torch.zeros_like(activations, dtype=torch.int64)
    return ((activations - low) * (bins / (high - low))).floor().long().clamp_(0, bins - 1)
