"""Matrix-based Renyi entropies, for comparison with papers that use them."""

import math

import torch
from torch import Tensor

from rsmi.errors import InputError

_MAX_ROWS = 2000
_TINY = 1e-15


def renyi_information(x: Tensor, t: Tensor, alpha: float = 1.01) -> float:
    r"""Matrix-based Renyi mutual information of paired rows.

    .. math:: I_\alpha = S_\alpha(A) + S_\alpha(B) - S_\alpha(A \circ B / \mathrm{tr}), \quad
              S_\alpha(A) = \tfrac{1}{1-\alpha} \ln \mathrm{tr}\,A^\alpha

    A and B are Gaussian Gram matrices of unit trace whose width is Scott's, so the value
    depends on that choice and is no property of the distributions alone. Takes N^3 time.

    Args:
        x: (N, d_x) floats or numbers, N at most 2000.
        t: (N, d_t).
        alpha: Order, not 1.

    Returns:
        A bare number in nats: it has no error bar that would mean anything.

    Raises:
        InputError: For too many rows, rows that do not pair, or alpha = 1.

    Source: Sanchez Giraldo, Rao and Principe (2015), arXiv:1211.2459.

    >>> x = torch.tensor([[0.0], [1.0]])
    >>> round(renyi_information(x, x), 4)
    0.6227
    """
    if len(x) != len(t) or not 2 <= len(x) <= _MAX_ROWS or alpha == 1:
        raise InputError(
            f"{len(x)} and {len(t)} rows with alpha {alpha}; expected as many of both, 2 to "
            f"{_MAX_ROWS} (N^3 time), and alpha other than 1"
        )
    a, b = _gram(x), _gram(t)
    return _entropy(a, alpha) + _entropy(b, alpha) - _entropy(len(x) * a * b, alpha)


def _gram(rows: Tensor) -> Tensor:
    """Gaussian Gram matrix of trace 1; Scott's width in units of the mean spread."""
    values = rows.double()
    spread = float(values.std(0).mean()) or 1.0
    width = spread * len(values) ** (-1 / (4 + values.shape[1]))
    squares = torch.cdist(values, values, compute_mode="donot_use_mm_for_euclid_dist").square()
    return (-squares / (2 * width**2)).exp() / len(values)


def _entropy(matrix: Tensor, alpha: float) -> float:
    eigenvalues = torch.linalg.eigvalsh(matrix / matrix.trace()).clamp(min=_TINY)
    return math.log(float((eigenvalues**alpha).sum())) / (1 - alpha)
