"""Rows of integers as numbers from 0 upwards, in N log N time."""

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Weights = NDArray[np.float64]


def dense_labels(ids: NDArray[np.int64]) -> Labels:
    """Number the distinct rows of (n, k) integers from 0 upwards, in sorted order.

    >>> dense_labels(np.array([[5, 1], [2, 2], [5, 1]])).tolist()
    [1, 0, 1]
    """
    columns = ids.reshape(len(ids), -1)
    order = np.argsort(columns[:, 0])
    new = _starts(columns, order)
    first = columns[order, 0]
    if (new[1:] & (first[1:] == first[:-1])).any():
        # The first column does not tell all rows apart, which hashed ones hardly ever need.
        order = np.lexsort(columns.T[::-1])
        new = _starts(columns, order)
    labels = np.empty(len(ids), dtype=np.int64)
    labels[order] = np.cumsum(new) - 1
    return labels


def _starts(columns: NDArray[np.int64], order: Labels) -> NDArray[np.bool_]:
    """Where a row differs from the one before it in this order."""
    new = np.ones(len(order), dtype=np.bool_)
    ordered = columns[order]
    new[1:] = (ordered[1:] != ordered[:-1]).any(1)
    return new


def pair(a: Labels, b: Labels) -> Labels:
    """Number the distinct pairs.

    >>> pair(np.array([0, 0, 1]), np.array([1, 1, 0])).tolist()
    [0, 0, 1]
    """
    return np.unique(a * (int(b.max()) + 1) + b, return_inverse=True)[1].astype(np.int64)
