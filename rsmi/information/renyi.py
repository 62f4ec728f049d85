"""Matrix-based Renyi entropies, for comparison with papers that use them."""

import math

import torch
from torch import Tensor

from rsmi.errors import InputError

_MAX_ROWS = 2000
_TINY = 1e-15


def renyi_information(
    x: Tensor, t: Tensor, alpha: float = 1.01, weights: Tensor | None = None
) -> float:
    r"""Matrix-based Renyi mutual information of paired rows.

    .. math:: I_\alpha = S_\alpha(A) + S_\alpha(B) - S_\alpha(A \circ B / \mathrm{tr}), \quad
              S_\alpha(A) = \tfrac{1}{1-\alpha} \ln \mathrm{tr}\,A^\alpha

    A and B are Gaussian Gram matrices :math:`\sqrt{w_i w_j}\, k(x_i, x_j)` of unit trace whose
    width is Scott's, so the value depends on that choice and is no property of the distributions
    alone. Takes N^3 time.

    Args:
        x: (N, d_x) floats or numbers, N at most 2000.
        t: (N, d_t).
        alpha: Order, not 1.
        weights: (N,) probabilities of the rows, normalised here; equal without.

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
    w = torch.ones(len(x)) if weights is None else weights
    w = w.double() / w.sum()
    a, b, root = _kernel(x, w), _kernel(t, w), w.sqrt()
    share = root[:, None] * root
    return _entropy(share * a, alpha) + _entropy(share * b, alpha) - _entropy(share * a * b, alpha)


def _kernel(rows: Tensor, w: Tensor) -> Tensor:
    """Gaussian kernel of all pairs; Scott's width in units of the mean spread."""
    values = rows.double()
    variance = w @ (values - w @ values).square() * len(values) / (len(values) - 1)
    spread = float(variance.sqrt().mean()) or 1.0
    width = spread * float(w @ w) ** (1 / (4 + values.shape[1]))
    distances = torch.cdist(values, values, compute_mode="donot_use_mm_for_euclid_dist").square()
    return (-distances / (2 * width**2)).exp()


def _entropy(matrix: Tensor, alpha: float) -> float:
    eigenvalues = torch.linalg.eigvalsh(matrix / matrix.trace()).clamp(min=_TINY)
    return math.log(float((eigenvalues**alpha).sum())) / (1 - alpha)
