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
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.number import Estimate

MAX_COLUMNS = 8
"""Columns that the nearest-neighbour estimator takes."""
_CHUNK = 512
_MAX_PAIRS = 20_000
_MAX_CUBES = 2000
_LEAST_CUBES = 20
_PARTS = 5
_TINY = 1e-15


def binned_information(x: Tensor, y: Tensor, bins: int = 30) -> Estimate:
    r"""Mutual information of the bins that paired rows fall into, counted.

    .. math:: \hat I = \sum_{ab} \frac{n_{ab}}{n} \ln \frac{n\, n_{ab}}{n_a n_b}

    Bias: upwards by about :math:`(K_{xy} - K_x - K_y + 1) / 2n` with K the numbers of bins in use
    (Miller 1955), and downwards by what the bins merge. Ceiling: the entropies of the bins in
    use, so ln n at most.

    Args:
        x: (n, ...) floats, cut into bins over their own range; whole numbers are taken as they
            are.
        y: (n, ...) as x.
        bins: Over the range of all numbers of x, and of y.

    Returns:
        Nats, kind `estimate`; the error is that of the average over rows, without the bias.

    Raises:
        InputError: For rows that do not pair, fewer than two of them, or no bin.

    Source: Shwartz-Ziv and Tishby (2017), arXiv:1703.00810, of layers of networks.

    >>> x = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    >>> print(binned_information(x, 1 - x, bins=2))
    0.69314718 nats
    """
    if len(x) != len(y) or len(x) < 2:
        raise InputError(f"{len(x)} and {len(y)} rows; expected as many of both, at least 2")
    a, b = _numbered(x, bins), _numbered(y, bins)
    both = _numbered(torch.stack([a, b], 1), bins)
    n = len(x)
    log_p = [(label.bincount()[label].double() / n).log() for label in (a, b, both)]
    terms = log_p[2] - log_p[0] - log_p[1]
    return Estimate(float(terms.mean()), float(terms.std()) / math.sqrt(n), "estimate", n=n)


def _numbered(rows: Tensor, bins: int) -> Tensor:
    """(n,) number of the bins of each row among those in use."""
    if rows.is_floating_point():
        rows = range_bins(rows, bins, float(rows.min()), float(rows.max()))
    return rows.reshape(len(rows), -1).unique(dim=0, return_inverse=True)[1]


def fixed_width_bins(activations: Tensor, width: float) -> Tensor:
    """Number the bin of each activation, the same bins for every layer.

    The entropy of the result grows with the scale of the activations, so a layer that only
    multiplies by two gains entropy.

    Args:
        activations: (n, d) floats.
        width: Of a bin, in units of the activations.

    Returns:
        (n, d) int64, bin k covers [k width, (k + 1) width).

    Raises:
        InputError: For a width that is not positive.

    >>> fixed_width_bins(torch.tensor([[-0.1, 0.3]]), 0.25).tolist()
    [[-1, 1]]
    """
    if not (math.isfinite(width) and width > 0):
        raise InputError(f"the bin width is {width}; expected a finite number > 0")
    return (activations / width).floor().long()


def range_bins(activations: Tensor, bins: int, low: float, high: float) -> Tensor:
    """Number the bin of each activation when a layer's own range is cut into equal bins.

    Rescaling a layer moves nothing, which also hides a real change of scale against noise.

    Args:
        activations: (n, d) floats.
        bins: How many, over the whole layer.
        low: Lower end of the range, that of the layer.
        high: Upper end; values beyond fall into the outer bins.

    Returns:
        (n, d) int64 in 0..bins-1; all 0 for a constant layer.

    Raises:
        InputError: For fewer than one bin or a range that is reversed.

    >>> range_bins(torch.tensor([[-1.0, 0.0, 1.0]]), 2, -1.0, 1.0).tolist()
    [[0, 1, 1]]
    """
    if bins < 1 or not low <= high:
        raise InputError(f"{bins} bins over [{low}, {high}]; expected at least 1 and low <= high")
    if low == high:
        return torch.zeros_like(activations, dtype=torch.int64)
    return ((activations - low) * (bins / (high - low))).floor().long().clamp_(0, bins - 1)


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


def nearest_neighbour_information(activations: Any, labels: Any, neighbours: int = 3) -> Estimate:
    r"""I(T;Y) of a few real numbers T and a label or one real number Y, column by column of T.

    .. math:: I(T;Y) = \sum_k I(T_k; Y | T_1 \dots T_{k-1})

    Bias: small where the densities are smooth at the distance of the k-th neighbour; downwards
    for heavy tails, many columns, or an I(T;Y) that is large for the number of rows. Ceiling:
    :math:`\psi(n) - \psi(k)`, about ln(n/k); of a label about H(Y).

    Args:
        activations: (n, d) floats, tensor or array, with d at most 8.
        labels: (n,) integers, or floats for a real Y.
        neighbours: k of the estimator.

    Returns:
        Nats, kind `estimate`; the error is the spread over five parts of the rows, which
        knows nothing of the bias.

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
    parts = [_neighbours(t[i::_PARTS], y[i::_PARTS], neighbours) for i in range(_PARTS)]
    error = float(np.std(parts, ddof=1)) / _PARTS**0.5
    return Estimate(_neighbours(t, y, neighbours), error, "estimate", n=len(y))


def _check_neighbours(t: NDArray[Any], labels: NDArray[Any], neighbours: int) -> None:
    if t.ndim != 2 or t.shape[1] > MAX_COLUMNS:
        raise InputError(
            f"activations have shape {list(t.shape)}; the nearest-neighbour estimator "
            f"takes (n, d) with d <= {MAX_COLUMNS}: choose a narrower layer"
        )
    if labels.shape != t.shape[:1] or len(labels) < 20 * _PARTS * neighbours:
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
    for column in range(t.shape[1]):
        known = t[:, :column] if column else None
        part = estimate_mi(labels, t[:, column], k=neighbours, cond=known, discrete_y=discrete)
        total += float(part.item())
    return total


def renyi_information(
    x: Tensor, t: Tensor, alpha: float = 1.01, weights: Tensor | None = None
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

    Returns:
        Nats, kind `estimate`; of samples the error is the spread over five parts of the rows,
        which knows nothing of the bias.

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
    equal = torch.ones(len(x))
    parts = [_renyi(x[i::_PARTS], t[i::_PARTS], alpha, equal[i::_PARTS]) for i in range(_PARTS)]
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
