"""Estimators of mutual information that many papers print; none of them bounds the truth.

Each answers for another question than the data pose: bins for a coarser variable, kernels for
noise that is not there, neighbours for smooth densities, Gram matrices for their own width. They
stand beside certified values (see `rsmi.layers`), never in their place.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import digamma
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.estimators.counts import mean_error
from rsmi.information.number import Estimate

MAX_COLUMNS = 8
"""Columns that the nearest-neighbour estimator takes."""
_CHUNK = 512
_MAX_PAIRS = 20_000
_MAX_CUBES = 2000
_LEAST_CUBES = 20
_PARTS = 5
_TINY = 1e-15
_SINGULAR = 1e-10  # share of a column's variance that the others leave to it


def gaussian_information(
    x: Tensor, y: Tensor, groups: Tensor | None = None, seed: int = 0
) -> Estimate:
    r"""I(X;Y) of normal variables from their covariance, with its bias put right.

    .. math:: \hat I = \tfrac12 \ln \frac{\det S_x \det S_y}{\det S}
              - \tfrac12 \Big[\sum_{i=1}^{d_x} + \sum_{i=1}^{d_y} - \sum_{i=1}^{d_x + d_y}\Big]
              \psi\big(\tfrac{n - i}2\big)

    Bias: none for independent rows of normal variables. Of others it answers for the normal
    variables of the same covariance, which may know more or less of each other. Ceiling: none.

    Args:
        x: (n, d_x) floats.
        y: (n, d_y) floats; n at least d_x + d_y + 2.
        groups: (n,) block labels, for the error alone.
        seed: Of the bootstrap.

    Returns:
        Nats, kind `estimate`; the error holds the spread of first order and that of second,
        :math:`\sqrt{d_x d_y / 2} / n`, which is left where X and Y are independent.

    Raises:
        InputError: For too few rows, or columns that determine another one.

    Source: Misra, Singh and Demchuk (2005), doi:10.1016/j.jmva.2003.10.003, for the bias.

    >>> x = torch.linspace(-1, 1, 500, dtype=torch.float64)[:, None]
    >>> round(gaussian_information(x, x.cos() + 0.5 * x).value, 2)
    0.83
    """
    n, d_x, d_y = len(x), x.shape[1], y.shape[1]
    if n < d_x + d_y + 2:
        raise InputError(
            f"{n} rows of {d_x} + {d_y} columns; their covariance needs at least {d_x + d_y + 2}"
        )
    z = torch.cat([x, y], 1).double()
    z = (z - z.mean(0)) / z.std(0)
    parts = [_log_det(z[:, :d_x]), _log_det(z[:, d_x:]), _log_det(z)]
    bias = [float(digamma((n - np.arange(1, d + 1)) / 2).sum()) for d in (d_x, d_y, d_x + d_y)]
    values = [log_det - b for (log_det, _), b in zip(parts, bias, strict=True)]
    # What each row adds: half of its squared Mahalanobis distances.
    terms = (parts[0][1] + parts[1][1] - parts[2][1]) / 2
    first, second = mean_error(terms, groups, seed), math.sqrt(d_x * d_y / 2) / n
    value = (values[0] + values[1] - values[2]) / 2
    return Estimate(value, math.hypot(first, second), "estimate", n=n)


def _log_det(z: Tensor) -> tuple[float, Tensor]:
    """ln det of the scatter of centred rows, and the squared Mahalanobis length of each."""
    covariance = z.T @ z / (len(z) - 1)
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if int(failed) or float(factor.diagonal().min()) ** 2 < _SINGULAR:
        raise InputError(
            f"one of {z.shape[1]} columns is a linear function of the others, so no density "
            "exists; leave it out"
        )
    lengths = torch.linalg.solve_triangular(factor, z.T, upper=False).square().sum(0)
    return 2 * float(factor.diagonal().log().sum()), lengths


def kernel_density_information(
    activations: Tensor, sigma: float, weights: Tensor | None = None
) -> tuple[Estimate, Estimate]:
    r"""Pairwise-distance bounds of I(X; T + noise) for X one of the given rows.

    .. math:: -\sum_i w_i \ln \sum_j w_j e^{-|t_i - t_j|^2 / 8\sigma^2} \le I \le
              -\sum_i w_i \ln \sum_j w_j e^{-|t_i - t_j|^2 / 2\sigma^2}

    The noise is not in the network, so neither number says anything about the network as it
    is; as a statement about these rows it is exact. Bias: of a continuous X the rows are a
    sample, and both values are below those of more rows. Ceiling: the entropy of the weights,
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
    if not 2 <= rows <= _MAX_PAIRS:
        raise InputError(
            f"{rows} rows of activations; the pairwise bounds take N^2 time and accept 2 to "
            f"{_MAX_PAIRS} rows: pass a subset"
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


def nearest_neighbour_information(
    activations: Any, labels: Any, neighbours: int = 3, groups: Tensor | None = None
) -> Estimate:
    r"""I(T;Y) of a few real numbers T and a label or a few real numbers Y, column by column.

    .. math:: I(T;Y) = \sum_{kl} I(T_k; Y_l | T_1 \dots T_{k-1}, Y_1 \dots Y_{l-1})

    Bias: small where the densities are smooth at the distance of the k-th neighbour; downwards
    for heavy tails, many columns, or an I(T;Y) that is large for the number of rows. Ceiling:
    :math:`\psi(n) - \psi(k)`, about ln(n/k), for each term; of a label about H(Y).

    Args:
        activations: (n, d) floats, tensor or array, with d at most 8.
        labels: (n,) integers, or floats (n,) or (n, d) for a real Y, of at most 8 columns with T.
        neighbours: k of the estimator.
        groups: (n,) block labels, for the error alone.

    Returns:
        Nats, kind `estimate`; the error is the spread over five parts of the rows, or of the
        blocks, which knows nothing of the bias.

    Raises:
        InputError: Where `ennemi` is missing, for too many columns, or too few rows.

    Source: Ross (2014), doi:10.1371/journal.pone.0087357, for labels; Kraskov, Stögbauer,
    Grassberger (2004), arXiv:cond-mat/0305641, for real numbers; the package `ennemi`.

    >>> label = torch.arange(400) % 2
    >>> apart = torch.linspace(0, 1, 400)[:, None] + 5 * label[:, None]
    >>> round(nearest_neighbour_information(apart, label).value, 1)
    0.7
    """
    t, y = np.asarray(activations, dtype=np.float64), np.asarray(labels)
    _check_neighbours(t, y, neighbours)
    part = _part_of(groups, len(t)).numpy()
    parts = [_neighbours(t[part == i], y[part == i], neighbours) for i in range(_PARTS)]
    error = float(np.std(parts, ddof=1)) / _PARTS**0.5
    return Estimate(_neighbours(t, y, neighbours), error, "estimate", n=len(y))


def _part_of(groups: Tensor | None, n: int) -> Tensor:
    """Which of the parts, whose spread is the error, each row is in; blocks stay whole."""
    if groups is None:
        return torch.arange(n) % _PARTS
    if len(groups.unique()) < _PARTS:
        raise InputError(
            f"{len(groups.unique())} independent blocks; the error is the spread over {_PARTS} "
            f"parts, so at least {_PARTS} are needed"
        )
    return groups.unique(return_inverse=True)[1] % _PARTS


def _check_neighbours(t: NDArray[Any], labels: NDArray[Any], neighbours: int) -> None:
    columns = t.shape[1] + (labels.shape[1] if labels.ndim == 2 else 0) if t.ndim == 2 else 0
    if not 0 < columns <= MAX_COLUMNS:
        raise InputError(
            f"activations have shape {list(t.shape)} and labels {list(labels.shape)}; the "
            f"nearest-neighbour estimator takes (n, d) with d <= {MAX_COLUMNS}: choose a narrower "
            "layer, or fewer columns"
        )
    if labels.shape[:1] != t.shape[:1] or len(labels) < 20 * _PARTS * neighbours:
        raise InputError(
            f"labels of shape {list(labels.shape)} for {len(t)} rows; expected one each and at "
            f"least {20 * _PARTS * neighbours} rows"
        )


def _neighbours(t: NDArray[Any], labels: NDArray[Any], neighbours: int) -> float:
    try:
        from ennemi import estimate_mi
    except ImportError:
        raise InputError(
            "the nearest-neighbour estimator needs the package ennemi; pip install ennemi, or "
            "leave it out"
        ) from None
    total, discrete = 0.0, labels.dtype.kind != "f"
    y = labels.reshape(len(labels), -1)
    for place in range(t.shape[1] * y.shape[1]):
        column, row = divmod(place, y.shape[1])
        known = np.concatenate([t[:, :column], y[:, :row]], 1) if place else None
        part = estimate_mi(y[:, row], t[:, column], k=neighbours, cond=known, discrete_y=discrete)
        total += float(part.item())
    return total


def renyi_information(
    x: Tensor,
    t: Tensor,
    alpha: float = 1.01,
    weights: Tensor | None = None,
    groups: Tensor | None = None,
) -> Estimate:
    r"""Matrix-based Renyi mutual information of paired rows.

    .. math:: I_\alpha = S_\alpha(A) + S_\alpha(B) - S_\alpha(A \circ B / \mathrm{tr}), \quad
              S_\alpha(A) = \tfrac{1}{1-\alpha} \ln \mathrm{tr}\,A^\alpha

    A and B are Gaussian Gram matrices :math:`\sqrt{w_i w_j}\, k(x_i, x_j)` of unit trace. Bias:
    their width is Scott's, so the value depends on that choice and on the number of rows, and is
    no property of the distributions alone. Ceiling: ln N. Takes N^3 time.

    Args:
        x: (N, d_x) floats or numbers, N at most 2000.
        t: (N, d_t).
        alpha: Order, not 1.
        weights: (N,) probabilities of the rows, normalised here, which are then all that X can
            be; without, rows are samples, at least 20.
        groups: (N,) block labels of samples, for the error alone.

    Returns:
        Nats, kind `estimate`; of samples the error is the spread over five parts of the rows,
        or of the blocks, which knows nothing of the bias.

    Raises:
        InputError: For too few or too many rows, rows that do not pair, or alpha = 1.

    Source: Sanchez Giraldo, Rao and Principe (2015), arXiv:1211.2459.

    >>> x = torch.tensor([[0.0], [1.0]])
    >>> print(renyi_information(x, x, weights=torch.ones(2)))
    0.62272246 nats
    """
    least = _LEAST_CUBES if weights is None else 2
    if len(x) != len(t) or not least <= len(x) <= _MAX_CUBES or alpha == 1:
        raise InputError(
            f"{len(x)} and {len(t)} rows with alpha {alpha}; expected as many of both, {least} to "
            f"{_MAX_CUBES} (N^3 time), and alpha other than 1"
        )
    if weights is not None:
        return Estimate(_renyi(x, t, alpha, weights), 0.0, "estimate", n=len(x))
    equal, part = torch.ones(len(x)), _part_of(groups, len(x))
    chosen = [part == i for i in range(_PARTS)]
    parts = [_renyi(x[rows], t[rows], alpha, equal[rows]) for rows in chosen]
    error = float(np.std(parts, ddof=1)) / _PARTS**0.5
    return Estimate(_renyi(x, t, alpha, equal), error, "estimate", n=len(x))


def _renyi(x: Tensor, t: Tensor, alpha: float, weights: Tensor) -> float:
    w = weights.double() / weights.sum()
    a, b, root = _kernel(x, w), _kernel(t, w), w.sqrt()
    share = root[:, None] * root
    return (
        _renyi_entropy(share * a, alpha)
        + _renyi_entropy(share * b, alpha)
        - _renyi_entropy(share * a * b, alpha)
    )


def _kernel(rows: Tensor, w: Tensor) -> Tensor:
    """Gaussian kernel of all pairs; Scott's width in units of the mean spread."""
    values = rows.double()
    variance = w @ (values - w @ values).square() * len(values) / (len(values) - 1)
    spread = float(variance.sqrt().mean()) or 1.0
    width = spread * float(w @ w) ** (1 / (4 + values.shape[1]))
    distances = torch.cdist(values, values, compute_mode="donot_use_mm_for_euclid_dist").square()
    return (-distances / (2 * width**2)).exp()


def _renyi_entropy(matrix: Tensor, alpha: float) -> float:
    eigenvalues = torch.linalg.eigvalsh(matrix / matrix.trace()).clamp(min=_TINY)
    return math.log(float((eigenvalues**alpha).sum())) / (1 - alpha)
