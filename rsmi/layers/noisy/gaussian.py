"""Information through a linear layer with Gaussian noise, in closed form."""

import torch
from torch import Tensor


def linear_gaussian_information(weight: Tensor, sigma: float, covariance: Tensor) -> float:
    r"""I(X;T) of T = W X + noise for Gaussian X, exactly.

    .. math:: I(X;T) = \tfrac12 \ln\det(1 + W \Sigma_X W^T / \sigma^2)

    Args:
        weight: W, (d_t, d_x).
        sigma: Standard deviation of the noise on each entry of T.
        covariance: Of X, (d_x, d_x).

    Returns:
        Nats.

    >>> one = torch.eye(1)
    >>> round(linear_gaussian_information(one, 1.0, one), 6)
    0.346574
    """
    w, c = weight.double(), covariance.double()
    signal = w @ c @ w.T / sigma**2
    return 0.5 * float(torch.linalg.slogdet(torch.eye(len(w), dtype=torch.float64) + signal)[1])
