"""Information between a deterministic layer and its input when Gaussian noise is imagined."""

import math

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.estimate import Estimate

_CHUNK = 512
_MAX_ROWS = 20_000


def kernel_density_information(activations: Tensor, sigma: float) -> tuple[Estimate, Estimate]:
    r"""Pairwise-distance bounds of I(X; T + noise) for X uniform on the given rows.

    .. math:: -\frac1N \sum_i \ln \frac1N \sum_j e^{-|t_i - t_j|^2 / 8\sigma^2} \le I \le
              -\frac1N \sum_i \ln \frac1N \sum_j e^{-|t_i - t_j|^2 / 2\sigma^2}

    The noise is not in the network, so neither number says anything about the network as it
    is; as a statement about N rows it is exact and never exceeds ln N. Takes N^2 time.

    Args:
        activations: (N, d) floats, at most 20 000 rows.
        sigma: Standard deviation of the imagined noise, in units of the activations.

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
    lower, upper = (
        torch.cat([_log_mean_kernel(part, t, scale) for part in t.split(_CHUNK)])
        for scale in (8 * sigma**2, 2 * sigma**2)
    )
    return _mean(-lower), _mean(-upper)


def _log_mean_kernel(part: Tensor, all_rows: Tensor, scale: float) -> Tensor:
    squares = torch.cdist(part, all_rows, compute_mode="donot_use_mm_for_euclid_dist").square()
    return (-squares / scale).logsumexp(1) - math.log(len(all_rows))


def _mean(values: Tensor) -> Estimate:
    error = float(values.std()) / math.sqrt(len(values))
    return Estimate(float(values.mean()), error, "estimate", n=len(values))
