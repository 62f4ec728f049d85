"""What the common estimators say of a layer: a column of its own, marked as estimates.

None of them measures the network as it is. Bins and kernels answer for another network, with
bins or noise that the real one has not; their numbers depend on the scale chosen.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rsmi.information import Estimate
from rsmi.information.binning import fixed_width_bins, range_bins
from rsmi.information.kernel_density import kernel_density_information
from rsmi.information.nearest_neighbour import MAX_COLUMNS, nearest_neighbour_information
from rsmi.information.renyi import renyi_information
from rsmi.layers.counting.entropies import count
from rsmi.layers.counting.hashing import row_ids
from rsmi.layers.counting.labels import Labels, Weights, dense_labels

_PAIRS = 2000  # rows for estimators that take N^2 time
_CUBES = 500  # and for the one that takes N^3


@dataclass(frozen=True)
class Estimators:
    """Which estimators to run, and at which scales.

    Args:
        fixed_widths: Widths of bins, in units of the activations, the same for all layers.
        range_bins: Numbers of bins over a layer's own range.
        kernel_sigmas: Standard deviations of imagined noise.
        nearest_neighbour: I(T;Y) by k nearest neighbours, for layers of at most 8 units.
        renyi: Matrix-based Renyi I(X;T), on 500 rows.
    """

    fixed_widths: tuple[float, ...] = ()
    range_bins: tuple[int, ...] = ()
    kernel_sigmas: tuple[float, ...] = ()
    nearest_neighbour: bool = False
    renyi: bool = False


@dataclass(frozen=True)
class KeptRows:
    """Raw rows of one layer.

    Args:
        activations: (n, width).
        inputs: (n, ...).
        x: (n,) number of each input.
        y: (n,) labels, or None.
        weights: (n,) probabilities summing to 1.
        low: Smallest activation of the layer over all rows.
        high: Largest one.
    """

    activations: Tensor
    inputs: Tensor
    x: Labels
    y: Labels | None
    weights: Weights
    low: float
    high: float


def estimator_column(rows: KeptRows, chosen: Estimators) -> dict[str, Estimate]:
    """All chosen estimators of one layer.

    Args:
        rows: Raw rows; those that take N^2 time use the first 2000 of a fixed shuffle.
        chosen: Which.

    Returns:
        By name, such as `bins(0.07).I(X;T)`; kind `estimate`, nats.
    """
    column: dict[str, Estimate] = {}
    for width in chosen.fixed_widths:
        codes = fixed_width_bins(rows.activations, width)
        column |= _binned(rows, codes, f"bins({width:g})")
    for bins in chosen.range_bins:
        codes = range_bins(rows.activations, bins, rows.low, rows.high)
        column |= _binned(rows, codes, f"range_bins({bins})")
    for sigma in chosen.kernel_sigmas:
        column |= _kernels(rows, sigma)
    narrow = rows.activations.shape[1] <= MAX_COLUMNS
    if chosen.nearest_neighbour and rows.y is not None and narrow:
        t, y = rows.activations.double().numpy(), rows.y
        column["nearest_neighbour.I(T;Y)"] = nearest_neighbour_information(t, y)
    if chosen.renyi:
        subset = _subset(len(rows.x), _CUBES)
        value = renyi_information(rows.inputs.flatten(1)[subset], rows.activations[subset])
        column["renyi.I(X;T)"] = Estimate(value, 0.0, "estimate", n=len(subset))
    return column


def _binned(rows: KeptRows, codes: Tensor, name: str) -> dict[str, Estimate]:
    """Counted entropies of bins; exact statements about the rows, and about nothing else."""
    t = dense_labels(row_ids(codes).numpy())
    labels = np.zeros_like(t) if rows.y is None else rows.y
    found = count(rows.x, labels, t, rows.weights).quantities()
    if rows.y is None:
        found = {q: found[q] for q in ("H(T)", "H(X|T)", "I(X;T)")}
    n = len(t)
    return {f"{name}.{q}": Estimate(max(v, 0.0), 0.0, "estimate", n=n) for q, v in found.items()}


def _kernels(rows: KeptRows, sigma: float) -> dict[str, Estimate]:
    subset = _subset(len(rows.x), _PAIRS)
    t = rows.activations[subset]
    column = dict(zip(_sides(sigma, "I(X;T)"), kernel_density_information(t, sigma), strict=True))
    if rows.y is not None:
        y = torch.from_numpy(rows.y)[subset]
        within = [_within_classes(t, y, sigma, side) for side in (0, 1)]
        for name, whole, part in zip(
            _sides(sigma, "I(T;Y)"), list(column.values()), within, strict=True
        ):
            column[name] = Estimate(whole.value - part, whole.error, "estimate", n=whole.n)
    return column


def _within_classes(t: Tensor, y: Tensor, sigma: float, side: int) -> float:
    """Mean over classes of the pairwise information within a class."""
    total = 0.0
    for label in y.unique():
        rows = t[y == label]
        if len(rows) > 1:
            value = kernel_density_information(rows, sigma)[side].value
            total += value * len(rows) / len(t)
    return total


def _sides(sigma: float, quantity: str) -> tuple[str, str]:
    return f"kernel({sigma:g},lower).{quantity}", f"kernel({sigma:g},upper).{quantity}"


def _subset(n: int, most: int) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))[:most]
