"""Information between a deterministic layer and its input when Gaussian noise is imagined."""

import math

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.estimate import Estimate

_CHUNK = 512
_MAX_ROWS = 20_000


def kernel_density_information(
    activations: Tensor, sigma: float, weights: Tensor | None = None
) -> tuple[Estimate, Estimate]:
    r"""Pairwise-distance bounds of I(X; T + noise) for X one of the given rows.

    .. math:: -\sum_i w_i \ln \sum_j w_j e^{-|t_i - t_j|^2 / 8\sigma^2} \le I \le
              -\sum_i w_i \ln \sum_j w_j e^{-|t_i - t_j|^2 / 2\sigma^2}

    The noise is not in the network, so neither number says anything about the network as it
    is; as a statement about these rows it is exact and never exceeds the entropy of the weights,
    ln N where they are equal. Takes N^2 time.

    Args:
        activations: (N, d) floats, at most 20 000 rows.
        sigma: Standard deviation of the imagined noise, in units of the activations.
        weights: (N,) probabilities of the rows, normalised here, which are then all that X can
            be; without, rows are samples, and the values have an error.

    Returns:
        Lower and upper value in nats, kind `estimate`.

    Raises:
        InputError: For a noise that is not positive, or too few or too many rows.

    Source: Kolchinsky and Tracey (2017), arXiv:1706.02419.

    >>> low, high = kernel_density_information(torch.tensor([[0.0], [100.0]]), 1.0)
    >>> round(low.value, 4), round(high.value, 4)
    (0.6931, 0.6931)
    """
    rows = len(activations)
    if not (math.isfinite(sigma) and sigma > 0):
        raise InputError(f"the noise has sigma {sigma}; expected a finite number > 0")
    if not 2 <= rows <= _MAX_ROWS:
        raise InputError(
            f"{rows} rows of activations; the pairwise bounds take N^2 time and accept 2 to "
            f"{_MAX_ROWS} rows: pass a subset"
        )
    t = activations.double()
    w = torch.ones(rows) if weights is None else weights
    w = w.double() / w.sum()
    lower, upper = (
        torch.cat([_log_mean_kernel(part, t, w, scale) for part in t.split(_CHUNK)])
        for scale in (8 * sigma**2, 2 * sigma**2)
    )
    sampled = weights is None
    return _mean(-lower, w, sampled), _mean(-upper, w, sampled)


def _log_mean_kernel(part: Tensor, all_rows: Tensor, w: Tensor, scale: float) -> Tensor:
    squares = torch.cdist(part, all_rows, compute_mode="donot_use_mm_for_euclid_dist").square()
    return (w.log() - squares / scale).logsumexp(1)


def _mean(values: Tensor, w: Tensor, sampled: bool) -> Estimate:
    error = float(values.std()) / math.sqrt(len(values)) if sampled else 0.0
    return Estimate(float((w * values).nansum()), error, "estimate", n=len(values))
