"""Nearest-neighbour mutual information between a few real numbers and a label."""

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.information.estimate import Estimate

MAX_COLUMNS = 8
_PARTS = 5


def nearest_neighbour_information(
    activations: NDArray[np.float64], labels: NDArray[np.int64], neighbours: int = 3
) -> Estimate:
    r"""I(T;Y) of real T and a discrete label, column by column of T.

    .. math:: I(T;Y) = \sum_k I(T_k; Y | T_1 \dots T_{k-1})

    Args:
        activations: (n, d) with d at most 8.
        labels: (n,) integers.
        neighbours: k of the estimator.

    Returns:
        Nats, kind `estimate`; the error is the spread over five parts of the rows, which
        knows nothing of the bias.

    Raises:
        InputError: Where `ennemi` is missing, for too many columns, or too few rows.

    Source: Ross (2014), doi:10.1371/journal.pone.0087357; the package `ennemi`.
    """
    _check(activations, labels, neighbours)
    parts = [_value(activations[i::_PARTS], labels[i::_PARTS], neighbours) for i in range(_PARTS)]
    error = float(np.std(parts, ddof=1)) / _PARTS**0.5
    value = _value(activations, labels, neighbours)
    return Estimate(value, error, "estimate", n=len(labels))


def _check(activations: NDArray[np.float64], labels: NDArray[np.int64], neighbours: int) -> None:
    if activations.ndim != 2 or activations.shape[1] > MAX_COLUMNS:
        raise InputError(
            f"activations have shape {list(activations.shape)}; the nearest-neighbour estimator "
            f"takes (n, d) with d <= {MAX_COLUMNS}: choose a narrower layer"
        )
    if len(labels) != len(activations) or len(labels) < 20 * _PARTS * neighbours:
        raise InputError(
            f"{len(labels)} labels for {len(activations)} rows; expected one each and at least "
            f"{20 * _PARTS * neighbours} rows"
        )


def _value(activations: NDArray[np.float64], labels: NDArray[np.int64], neighbours: int) -> float:
    try:
        from ennemi import estimate_mi
    except ImportError:
        raise InputError(
            "the nearest-neighbour estimator needs the package ennemi; pip install ennemi, or "
            "leave it out"
        ) from None
    total = 0.0
    for column in range(activations.shape[1]):
        known = activations[:, :column] if column else None
        part = estimate_mi(
            labels, activations[:, column], k=neighbours, cond=known, discrete_y=True
        )
        total += float(part.item())
    return total
