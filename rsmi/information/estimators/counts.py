"""Information of letters that are counted: corrections of the entropy, and bins of real numbers."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, polygamma
from torch import Tensor

from rsmi.errors import InputError, nearest
from rsmi.information.bootstrap import block_sums, bootstrap_error
from rsmi.information.number import Estimate

Counts = NDArray[np.float64]

_GRID, _ENDS = 240, (-25.0, 12.0)  # points of ln(beta) that NSB integrates over, and their ends
_AT_ONCE, _LEAST = 16, 30.0  # of them at once, and the ln below the largest weight that is left out


def plug_in_entropy(counts: Counts, letters: int) -> float:
    """-sum p ln p of the shares; too low by (letters in use - 1) / 2n in first order."""
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())


def miller_madow_entropy(counts: Counts, letters: int) -> float:
    """Plug-in with its first-order bias put right; Miller (1955)."""
    return plug_in_entropy(counts, letters) + (len(counts) - 1) / (2 * float(counts.sum()))


def grassberger_entropy(counts: Counts, letters: int) -> float:
    r"""ln n - (1/n) sum n_i G(n_i), almost free of bias where letters are seen more than once.

    .. math:: G(n) = \psi(n) + \tfrac12 (-1)^n
              \big[\psi\big(\tfrac{n+1}2\big) - \psi\big(\tfrac n2\big)\big]

    Source: Grassberger (2003, revised 2008), arXiv:physics/0307138.
    """
    n = float(counts.sum())
    sign = np.where(counts % 2 == 0, 1.0, -1.0)
    g = digamma(counts) + sign / 2 * (digamma((counts + 1) / 2) - digamma(counts / 2))
    return math.log(n) - float((counts * g).sum()) / n


def nsb_entropy(counts: Counts, letters: int) -> float:
    r"""Posterior mean of the entropy under a prior that is nearly flat in the entropy.

    .. math:: \hat H = \frac{\int d\beta\, \xi'(\beta)\, p(n|\beta)\, \langle H\rangle_\beta}
              {\int d\beta\, \xi'(\beta)\, p(n|\beta)}, \qquad
              \xi(\beta) = \psi(K\beta + 1) - \psi(\beta + 1)

    over Dirichlet priors of concentration beta on K letters.

    Source: Nemenman, Shafee and Bialek (2002), arXiv:physics/0108025.
    """
    if letters == 1:
        return 0.0
    sizes, times = np.unique(counts, return_counts=True)
    coarse = np.linspace(*_ENDS, _GRID)
    weight = _nsb(sizes, times, letters, coarse)[0]
    # Many letters make the weight narrower than these steps: a second look at where it is large.
    (large,) = np.nonzero(weight > weight.max() - _LEAST)
    low, high = coarse[max(large[0] - 1, 0)], coarse[min(large[-1] + 1, _GRID - 1)]
    weight, mean = _nsb(sizes, times, letters, np.linspace(low, high, _GRID))
    weight = np.exp(weight - weight.max())
    return float((weight * mean).sum() / weight.sum())


def _nsb(sizes: Counts, times: NDArray[Any], k: int, steps: Counts) -> tuple[Counts, Counts]:
    """ln of the weight of each beta in steps of ln(beta), and the mean entropy there."""
    cut = np.array_split(steps, len(steps) // _AT_ONCE)
    parts = [_weighed(sizes, times, k, np.exp(part)) for part in cut]
    return np.concatenate([w for w, _ in parts]), np.concatenate([h for _, h in parts])


def _weighed(sizes: Counts, times: NDArray[Any], k: int, beta: Counts) -> tuple[Counts, Counts]:
    n, seen = float((sizes * times).sum()), int(times.sum())
    b = beta[:, None]
    weight = gammaln(k * beta) - gammaln(n + k * beta)
    weight += ((gammaln(sizes + b) - gammaln(b)) * times).sum(1)
    weight += np.log(beta * np.clip(_slope(beta, k), 1e-300, None))
    share = (sizes + b) * digamma(sizes + b + 1)
    absent = (k - seen) * beta * digamma(beta + 1)
    mean = digamma(n + k * beta + 1) - ((share * times).sum(1) + absent) / (n + k * beta)
    return weight, mean


def _slope(beta: Counts, k: int) -> Counts:
    """How fast the entropy expected before any data grows with beta."""
    slope: Counts = k * polygamma(1, k * beta + 1) - polygamma(1, beta + 1)
    return slope


Entropy = Callable[[Counts, int], float]

CORRECTIONS: Mapping[str, Entropy] = {
    "plug_in": plug_in_entropy,
    "miller_madow": miller_madow_entropy,
    "grassberger": grassberger_entropy,
    "nsb": nsb_entropy,
}
"""Entropy in nats of counts above 0 of so many letters, by name."""


def counted_information(
    x: Tensor,
    y: Tensor,
    correction: str = "plug_in",
    groups: Tensor | None = None,
    seed: int = 0,
) -> Estimate:
    r"""I(X;Y) of letters from their counts.

    .. math:: \hat I = \hat H(X) + \hat H(Y) - \hat H(X, Y)

    Bias: that of the entropies; of the plug-in upwards by :math:`(K_{xy} - K_x - K_y + 1) / 2n`
    (Miller 1955), of the others far less as long as most pairs come more than once. All count
    rows as independent. Ceiling: the entropies, at most ln n.

    Args:
        x: (n,) or (n, d) whole numbers; a row is one letter.
        y: As x.
        correction: `plug_in`, `miller_madow`, `grassberger` or `nsb`.
        groups: (n,) block labels, for the error alone.
        seed: Of the bootstrap.

    Returns:
        Nats, kind `estimate`. The error holds the spread of first order, which vanishes for
        independent X and Y, and that of second order, :math:`\sqrt{\nu/2}/n` for
        :math:`\nu = (K_x - 1)(K_y - 1)` of independent letters; it knows nothing of the bias.

    Raises:
        InputError: For rows that do not pair, fewer than two, or an unknown correction.

    Source: see `CORRECTIONS` and Archer, Park and Pillow (2013), doi:10.3390/e15051738.

    >>> x = torch.arange(400) % 2
    >>> round(counted_information(x, x).value, 4)
    0.6931
    """
    if correction not in CORRECTIONS:
        raise InputError(
            f"unknown correction {correction!r}; {nearest(correction, CORRECTIONS)}expected one "
            f"of {', '.join(CORRECTIONS)}"
        )
    _check_rows(x, y)
    labels = _joint(letters(x), letters(y))
    counts = [label.bincount().double().numpy() for label in labels]
    sizes = [len(counts[0]), len(counts[1]), len(counts[0]) * len(counts[1])]
    entropy = CORRECTIONS[correction]
    h_x, h_y, h_xy = (entropy(c, k) for c, k in zip(counts, sizes, strict=True))
    error = _error(labels, counts, groups, seed)
    return Estimate(h_x + h_y - h_xy, error, "estimate", n=len(x))


def _check_rows(x: Tensor, y: Tensor) -> None:
    if len(x) != len(y) or len(x) < 2:
        raise InputError(f"{len(x)} and {len(y)} rows; expected as many of both, at least 2")


def letters(rows: Tensor) -> Tensor:
    """(n,) number of each row among the different ones."""
    return rows.reshape(len(rows), -1).unique(dim=0, return_inverse=True)[1]


def _joint(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return a, b, (a * (int(b.max()) + 1) + b).unique(return_inverse=True)[1]


def _error(
    labels: tuple[Tensor, ...], counts: list[Counts], groups: Tensor | None, seed: int
) -> float:
    """Of first order from the rows or blocks of them, of second order from the letters in use."""
    n = len(labels[0])
    log_p = [torch.from_numpy(c / n).log()[label] for label, c in zip(labels, counts, strict=True)]
    terms = log_p[2] - log_p[0] - log_p[1]
    first = mean_error(terms, groups, seed)
    alone = float(terms.std()) / math.sqrt(n)
    # Rows of a chain count for fewer: as many fewer as the variance of their mean says.
    fewer = (first / alone) ** 2 if alone > 0 else 1.0
    freedom = (len(counts[0]) - 1) * (len(counts[1]) - 1)
    return math.hypot(first, math.sqrt(min(freedom, n) / 2) / n * max(fewer, 1.0))


def mean_error(terms: Tensor, groups: Tensor | None, seed: int) -> float:
    """Standard error of the mean of rows, or of blocks of them."""
    if groups is None:
        return float(terms.std()) / math.sqrt(len(terms))
    sums = block_sums(terms[:, None], groups)
    return bootstrap_error(sums, lambda s: s[:, 0] / s[:, 1], seed=seed)


def binned_information(
    x: Tensor, y: Tensor, bins: int = 30, groups: Tensor | None = None
) -> Estimate:
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
        groups: (n,) block labels, for the error alone.

    Returns:
        Nats, kind `estimate`, with the error of `counted_information`, which knows no bias.

    Raises:
        InputError: For rows that do not pair, fewer than two of them, or no bin.

    Source: Shwartz-Ziv and Tishby (2017), arXiv:1703.00810, of layers of networks.

    >>> x = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    >>> round(binned_information(x, 1 - x, bins=2).value, 4)
    0.6931
    """
    _check_rows(x, y)
    return counted_information(_numbered(x, bins), _numbered(y, bins), groups=groups)


def _numbered(rows: Tensor, bins: int) -> Tensor:
    """The bins of each row; whole numbers as they are."""
    if rows.is_floating_point():
        return range_bins(rows, bins, float(rows.min()), float(rows.max()))
    return rows


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
