"""Bounds of mutual information from the scores of all pairs of each batch."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.errors import InputError, nearest
from rsmi.information.bootstrap import block_sums, bootstrap_error
from rsmi.information.number import Estimate, Kind

Value = Callable[[Tensor, Tensor], Tensor]
"""Scores (batches, K, K) and ln of the weights (batches, K) of the rows -> (batches,) nats."""


def infonce(scores: Tensor, seed: int = 0) -> Estimate:
    r"""InfoNCE lower bound from the scores of all pairs of each batch.

    .. math:: I(X:Y) \ge \Big\langle \ln \frac{e^{f(x_i, y_i)}}
              {\frac1K \sum_j e^{f(x_i, y_j)}} \Big\rangle

    The value never exceeds `infonce_ceiling(K)`.

    Args:
        scores: (batches, K, K), entry (b, i, j) is f(x_i, y_j); true pairs on the diagonal.
        seed: Of the bootstrap over batches.

    Returns:
        Nats; n is the number of batches.

    Raises:
        InputError: For another shape, or fewer than two batches.

    Source: van den Oord, Li and Vinyals (2018), arXiv:1807.03748.

    >>> infonce(torch.zeros(4, 8, 8)).value
    0.0
    """
    return _average(infonce_terms(scores).mean(1), "lower", seed)


def infonce_terms(scores: Tensor) -> Tensor:
    """What each true pair adds to `infonce`, (batches, K) nats; arguments as there."""
    _check(scores)
    f = scores.double()
    return _true(f) - f.logsumexp(2) + infonce_ceiling(f.shape[1])


def infonce_ceiling(batch: int) -> float:
    """Largest value InfoNCE can take with `batch` pairs, ln(batch) in nats.

    >>> round(infonce_ceiling(256), 4)
    5.5452
    """
    return math.log(batch)


def leave_one_out(log_conditional: Tensor, seed: int = 0) -> Estimate:
    r"""Upper bound where the conditional density of y given x is known.

    .. math:: I(X:Y) \le \Big\langle \ln \frac{p(y_i|x_i)}
              {\frac1{K-1} \sum_{j \ne i} p(y_i|x_j)} \Big\rangle

    Args:
        log_conditional: (batches, K, K), entry (b, i, j) is ln p(y_i|x_j).
        seed: Of the bootstrap over batches.

    Returns:
        Nats; n is the number of batches.

    Raises:
        InputError: For another shape, or fewer than two batches.

    Source: Poole et al. (2019), arXiv:1905.06922, section 2.3.

    >>> leave_one_out(torch.zeros(4, 8, 8)).value
    0.0
    """
    return _average(leave_one_out_terms(log_conditional).mean(1), "upper", seed)


def leave_one_out_terms(log_conditional: Tensor) -> Tensor:
    """What each pair adds to `leave_one_out`, (batches, K) nats; arguments as there."""
    _check(log_conditional)
    log_p = log_conditional.double()
    return _true(log_p) - _others(log_p).logsumexp(2) + math.log(log_p.shape[1] - 1)


def _infonce(f: Tensor, u: Tensor) -> Tensor:
    return (u.exp() * (infonce_terms(f + u[:, None]) - u)).mean(1)


def _leave_one_out(f: Tensor, u: Tensor) -> Tensor:
    return (u.exp() * (leave_one_out_terms(f + u[:, None]) - u)).mean(1)


def _nwj(f: Tensor, u: Tensor) -> Tensor:
    return (u.exp() * _true(f)).mean(1) - (_log_mean(f, u) - 1).exp()


def _donsker_varadhan(f: Tensor, u: Tensor) -> Tensor:
    return (u.exp() * _true(f)).mean(1) - _log_mean(f, u)


def _smile(f: Tensor, u: Tensor, clip: float) -> Tensor:
    return (u.exp() * _true(f)).mean(1) - _log_mean(f.clamp(-clip, clip), u)


def _jensen_shannon(f: Tensor, u: Tensor) -> Tensor:
    apart = _off_diagonal(F.softplus(f)) * (u[:, :, None] + u[:, None]).exp()
    k = f.shape[1]
    return -(u.exp() * F.softplus(-_true(f))).mean(1) - apart.sum((1, 2)) / (k * (k - 1))


def _club(f: Tensor, u: Tensor) -> Tensor:
    apart = _off_diagonal(f) * (u[:, :, None] + u[:, None]).exp()
    k = f.shape[1]
    return (u.exp() * _true(f)).mean(1) - apart.sum((1, 2)) / (k * (k - 1))


def _interpolated(f: Tensor, u: Tensor, alpha: float) -> Tensor:
    r"""Of K + 1 rows, each y meets K of x: with its own among them, and without.

    The mean over x of the second kind is independent of y, as the bound asks for.
    """
    k = f.shape[1] - 1
    weighted = f + u[:, None]
    apart = _others(weighted).logsumexp(2)
    left_out = torch.eye(k + 1, dtype=torch.bool, device=f.device).roll(1, 1)
    within = weighted.masked_fill(left_out, -math.inf).logsumexp(2)
    base = math.log1p(-alpha) if alpha < 1 else -math.inf
    first = _true(f) - torch.logaddexp(within + math.log(alpha / k), torch.full_like(within, base))
    log_m = apart - math.log(k)
    second = log_m - torch.logaddexp(log_m + math.log(alpha), torch.full_like(log_m, base))
    return (u.exp() * (1 + first - second.exp())).mean(1)


@dataclass(frozen=True)
class ContrastiveBound:
    """A number that scores of pairs give.

    Args:
        value: Of each batch.
        kind: What it claims on rows that the scores were not fitted to.
        ceiling: Largest value with K rows to a batch, where there is one.
    """

    value: Value
    kind: Kind
    ceiling: Callable[[int], float | None] = lambda _: None


def interpolated_bound(alpha: float) -> ContrastiveBound:
    r"""The bound between NWJ (alpha near 0) and InfoNCE (alpha = 1), with baseline 1.

    .. math:: I \ge 1 + \Big\langle \ln\frac{e^{f(x_1,y)}}{\alpha m(y) + 1 - \alpha}\Big\rangle_{p(x_1,y)}
              - \Big\langle \frac{m(y)}{\alpha m(y) + 1 - \alpha} \Big\rangle_{p(x) p(y)}, \quad
              m(y) = \tfrac1K \sum_i e^{f(x_i, y)}

    Args:
        alpha: Share of the mean over the batch in the baseline, above 0, at most 1.

    Raises:
        InputError: For another alpha.

    Source: Poole et al. (2019), arXiv:1905.06922, equation 15.
    """  # noqa: E501
    if not 0 < alpha <= 1:
        raise InputError(f"alpha is {alpha:g}; expected a number above 0 and at most 1")
    return ContrastiveBound(
        lambda f, u: _interpolated(f, u, alpha), "lower", lambda k: math.log((k - 1) / alpha)
    )


def smile_value(clip: float) -> ContrastiveBound:
    """Donsker-Varadhan with the scores of the product clipped, which makes it no bound.

    Args:
        clip: Largest size of a score in the average over independent pairs, above 0.

    Raises:
        InputError: For another clip.

    Source: Song and Ermon (2020), arXiv:1910.06222.
    """
    if not clip > 0:
        raise InputError(f"the scores are clipped at {clip:g}; expected a number above 0")
    return ContrastiveBound(lambda f, u: _smile(f, u, clip), "estimate")


BOUNDS: Mapping[str, ContrastiveBound] = {
    "infonce": ContrastiveBound(_infonce, "lower", infonce_ceiling),
    "nwj": ContrastiveBound(_nwj, "lower"),
    # The logarithm of a sampled average lies below the logarithm of the average: the value is
    # too high on average by half its relative variance, so it bounds nothing.
    "dv": ContrastiveBound(_donsker_varadhan, "estimate"),
    "js": ContrastiveBound(_jensen_shannon, "estimate"),
    "leave_one_out": ContrastiveBound(_leave_one_out, "upper"),
    "club": ContrastiveBound(_club, "upper"),
}
"""By name; `js` is what its critic is trained for, and no number of nats of information."""


def contrastive_bound(
    scores: Tensor,
    bound: str | ContrastiveBound = "infonce",
    groups: Tensor | None = None,
    seed: int = 0,
) -> Estimate:
    r"""Any contrastive bound, with an error that counts rows as members of several pairs.

    The value is that of a weighted sample, :math:`L(w)`; row a adds its influence
    :math:`\psi_a = L + K\,\partial L / \partial \ln w_a`, whose mean is L and whose spread over
    independent blocks gives the error.

    Args:
        scores: (batches, K, K), entry (b, i, j) is f(x_j, y_i), or ln p(y_i|x_j).
        bound: `infonce`, `nwj`, `dv`, `leave_one_out` or `club`, or one of `interpolated_bound`
            and `smile_value`.
        groups: (batches * K,) int64 block labels of the rows, one independent block per label;
            each row is its own without.
        seed: Of the bootstrap.

    Returns:
        Nats; n is the number of blocks. `upper` holds for the true ln p(y|x) only.

    Raises:
        InputError: For another shape, an unknown name, or fewer than two blocks.

    >>> contrastive_bound(torch.eye(8).expand(4, 8, 8), "nwj").value > 0.6
    True
    """
    chosen = _bound(bound) if isinstance(bound, str) else bound
    _check(scores)
    terms = torch.stack([influences(batch, chosen.value) for batch in scores])
    sums = block_sums(terms.reshape(-1, 1), groups)
    error = bootstrap_error(sums, lambda s: s[:, 0] / s[:, 1], seed=seed)
    return Estimate(float(terms.mean()), error, chosen.kind, n=int((sums[:, -1] > 0).sum()))


def influences(scores: Tensor, value: Value) -> Tensor:
    """What each row of a batch adds to its value, which is their mean: (K,) float64.

    Args:
        scores: (K, K).
        value: See `ContrastiveBound`.
    """
    k = len(scores)
    with torch.enable_grad():
        u = torch.zeros(1, k, dtype=torch.float64, requires_grad=True)
        found = value(scores.detach().double()[None], u.log_softmax(1) + math.log(k))
        (slope,) = torch.autograd.grad(found.sum(), u)
    terms: Tensor = found.detach() + k * slope[0]
    return terms


def _bound(name: str) -> ContrastiveBound:
    if name not in BOUNDS:
        raise InputError(
            f"unknown bound {name!r}; {nearest(name, BOUNDS)}expected one of {', '.join(BOUNDS)}"
        )
    return BOUNDS[name]


def _true(f: Tensor) -> Tensor:
    return f.diagonal(dim1=1, dim2=2)


def _diagonal(f: Tensor) -> Tensor:
    return torch.eye(f.shape[1], dtype=torch.bool, device=f.device)


def _others(f: Tensor) -> Tensor:
    """Scores with -inf for true pairs."""
    return f.masked_fill(_diagonal(f), -math.inf)


def _off_diagonal(f: Tensor) -> Tensor:
    return f.masked_fill(_diagonal(f), 0.0)


def _log_mean(f: Tensor, u: Tensor) -> Tensor:
    """ln of the mean of exp(f) over independent pairs of rows of the given weights."""
    k = f.shape[1]
    weighted = _others(f + u[:, None] + u[:, :, None])
    return weighted.flatten(1).logsumexp(1) - math.log(k * (k - 1))


def _average(batches: Tensor, kind: Kind, seed: int) -> Estimate:
    sums = block_sums(batches[:, None])
    error = bootstrap_error(sums, lambda s: s[:, 0] / s[:, 1], seed=seed)
    return Estimate(float(batches.mean()), error, kind, n=len(batches))


def _check(scores: Tensor) -> None:
    if scores.dim() != 3 or scores.shape[1] != scores.shape[2] or scores.shape[1] < 2:
        raise InputError(
            f"scores have shape {list(scores.shape)}; expected (batches, K, K) with K >= 2, "
            "true pairs on the diagonal"
        )
