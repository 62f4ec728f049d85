"""Fewer environments: equal posteriors merged without loss, similar ones with a known loss."""

import torch
from torch import Tensor

_EXACT_WIDTH = 1e-9
_AXES = 8  # leading principal directions that tell bins apart
_HASH_SEED = 20180101


def merge_equal(posterior: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Merge environments with the same conditional distribution; no information is lost.

    Args:
        posterior: (n, V) float64, row e is p(v|e).
        weights: (n,) float64.

    Returns:
        The distinct rows (m, V) and their added weights (m,).

    >>> rows = torch.tensor([[0.5, 0.5], [0.1, 0.9], [0.5, 0.5]], dtype=torch.float64)
    >>> merge_equal(rows, torch.ones(3, dtype=torch.float64))[1].tolist()
    [1.0, 2.0]
    """
    return _merge(posterior, weights, _cells(posterior.sqrt(), _EXACT_WIDTH))


def equal_rows(rows: Tensor) -> Tensor:
    """Which rows (n, k) are the same distribution: labels (n,) from 0 on.

    >>> labels = equal_rows(torch.tensor([[0.5, 0.5], [0.1, 0.9], [0.5, 0.5]]))
    >>> (labels == labels[0]).tolist()
    [True, False, True]
    """
    return torch.unique(_cells(rows.double().sqrt(), _EXACT_WIDTH), return_inverse=True)[1]


def merge_similar(posterior: Tensor, weights: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Merge environments until at most `bins` are left.

    A function of the environment knows no more than the environment, so every rule loses
    information, but none more than I(V:E) does (data processing): the loss is known. Square
    roots of probabilities are compared, in which equal steps cost equal information.

    Args:
        posterior: (n, V) float64.
        weights: (n,) float64.
        bins: Largest number of rows to keep.

    Returns:
        Posteriors (m, V) and weights (m,) of the merged environments, m <= bins.
    """
    if len(posterior) <= bins:
        return posterior, weights
    points = _principal(posterior.sqrt(), weights)
    width = 2.0**-6
    while len(torch.unique(cells := _cells(points, width))) > bins:
        width *= 2**0.5
    return _merge(posterior, weights, cells)


def _principal(points: Tensor, weights: Tensor) -> Tensor:
    """Coordinates of the points along their leading principal directions."""
    centred = points - weights @ points / weights.sum()
    axes = torch.linalg.eigh(centred.T @ (centred * weights[:, None])).eigenvectors
    return centred @ axes[:, -_AXES:]


def _cells(points: Tensor, width: float) -> Tensor:
    """One 64-bit number per point, equal for points in the same cell of a cubic grid.

    A sum of cell coordinates times random odd numbers, modulo 2**64: different cells share a
    number with probability 2**-64.
    """
    generator = torch.Generator().manual_seed(_HASH_SEED)
    high = torch.iinfo(torch.int64).max
    odd = torch.randint(high, (points.shape[1],), generator=generator) | 1
    return ((points / width).round().long() * odd).sum(1)


def _merge(posterior: Tensor, weights: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    distinct, label = torch.unique(cells, return_inverse=True)
    total = weights.new_zeros(len(distinct)).index_add_(0, label, weights)
    rows = posterior.new_zeros(len(distinct), posterior.shape[1])
    rows.index_add_(0, label, posterior * weights[:, None])
    used = total > 0
    return rows[used] / total[used, None], total[used]
