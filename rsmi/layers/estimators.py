"""What the common estimators say of a layer: a column of its own, marked as estimates.

None of them measures the network as it is. Bins and kernels answer for another network, with
bins or noise that the real one has not; their numbers depend on the scale chosen.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rsmi.information import (
    Estimate,
    fixed_width_bins,
    kernel_density_information,
    nearest_neighbour_information,
    range_bins,
    renyi_information,
)
from rsmi.information.estimators.density import MAX_COLUMNS
from rsmi.layers.counting import Labels, Weights, count, dense_labels, row_ids

PAIRS = 2000  # rows for estimators that take N^2 time
CUBES = 500  # and for the one that takes N^3


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


@dataclass(frozen=True)
class Used:
    """The rows that an estimator of N^2 or N^3 time works on.

    Args:
        index: (n,) which of the rows kept, as often as they were drawn.
        weights: (n,) their probabilities, where they are every row of a finite set and differ.
    """

    index: Tensor
    weights: Tensor | None = None

    @property
    def limit(self) -> float:
        """Entropy of the rows themselves, which no estimate of their information exceeds."""
        times = self.index.bincount().double() / len(self.index)
        return float(torch.special.entr(times if self.weights is None else self.weights).sum())


def used(weights: Weights, most: int) -> Used:
    """All rows, or `most` of them: of a fixed shuffle, or drawn by unequal probabilities.

    Args:
        weights: (n,) probabilities of the rows kept.
        most: Largest number.
    """
    w, generator = torch.from_numpy(weights), torch.Generator().manual_seed(0)
    if weighted(weights):
        if len(w) <= most:
            return Used(torch.arange(len(w)), w)
        return Used(w.multinomial(most, True, generator=generator))
    return Used(torch.randperm(len(w), generator=generator)[:most])


def weighted(weights: Weights) -> bool:
    """Whether rows have probabilities of their own."""
    return bool(weights.max() > weights.min() * (1 + 1e-9))


def estimator_limits(weights: Weights, chosen: Estimators) -> dict[str, tuple[str, float]]:
    """What estimates of I(X;T) cannot exceed, with its name, by pattern of the estimator.

    Args:
        weights: (n,) probabilities of the rows kept.
        chosen: Estimators that were run.
    """
    kept, pairs, cubes = (used(weights, most) for most in (len(weights), PAIRS, CUBES))
    limits = {"*bins(*.H(T)": kept, "*bins(*.I(X;T)": kept}
    if chosen.kernel_sigmas:
        limits["kernel(*.I(X;T)"] = pairs
    if chosen.renyi:
        limits["renyi.*"] = cubes
    what = "the entropy of the rows" if weighted(weights) else "ln N"
    return {
        name: (f"{what} (N = {len(rows.index)} rows used)", rows.limit)
        for name, rows in limits.items()
    }


def estimators_refused(rows: KeptRows, chosen: Estimators) -> dict[str, str]:
    """Estimators that were chosen and cannot be run on these rows, with the reason."""
    if not chosen.nearest_neighbour or rows.y is None:
        return {}
    name = "nearest_neighbour.I(T;Y)"
    if rows.activations.shape[1] > MAX_COLUMNS:
        return {name: f"takes layers of at most {MAX_COLUMNS} units"}
    if weighted(rows.weights):
        return {name: "takes rows as equally likely, and these have probabilities of their own"}
    return {}


def estimator_column(rows: KeptRows, chosen: Estimators) -> dict[str, Estimate]:
    """All chosen estimators of one layer, but those of `estimators_refused`.

    Args:
        rows: Raw rows, of which those that take N^2 time use 2000 and Renyi's 500, see `used`.
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
    refused = estimators_refused(rows, chosen)
    if chosen.nearest_neighbour and rows.y is not None and not refused:
        column["nearest_neighbour.I(T;Y)"] = nearest_neighbour_information(rows.activations, rows.y)
    if chosen.renyi:
        some = used(rows.weights, CUBES)
        x, t = rows.inputs.flatten(1)[some.index], rows.activations[some.index]
        column["renyi.I(X;T)"] = renyi_information(x, t, weights=some.weights)
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
    some = used(rows.weights, PAIRS)
    t = rows.activations[some.index]
    found = kernel_density_information(t, sigma, some.weights)
    column = dict(zip(_sides(sigma, "I(X;T)"), found, strict=True))
    if rows.y is not None:
        y = torch.from_numpy(rows.y)[some.index]
        within = [_within_classes(t, y, some.weights, sigma, side) for side in (0, 1)]
        for name, whole, part in zip(_sides(sigma, "I(T;Y)"), found, within, strict=True):
            column[name] = Estimate(whole.value - part, whole.error, "estimate", n=whole.n)
    return column


def _within_classes(t: Tensor, y: Tensor, weights: Tensor | None, sigma: float, side: int) -> float:
    """Mean over classes of the pairwise information within a class."""
    w = torch.full((len(t),), 1 / len(t), dtype=torch.float64) if weights is None else weights
    total = 0.0
    for label in y[w > 0].unique():
        own = y == label
        if int(own.sum()) > 1:
            value = kernel_density_information(t[own], sigma, w[own])[side].value
            total += value * float(w[own].sum())
    return total


def _sides(sigma: float, quantity: str) -> tuple[str, str]:
    return f"kernel({sigma:g},lower).{quantity}", f"kernel({sigma:g},upper).{quantity}"
