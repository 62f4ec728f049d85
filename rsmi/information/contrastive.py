"""Contrastive bounds of mutual information, for continuous variables and for comparison."""

import math

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.bootstrap import block_sums, bootstrap_error
from rsmi.information.number import Estimate, Kind


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
    return f.diagonal(dim1=1, dim2=2) - f.logsumexp(2) + infonce_ceiling(f.shape[1])


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
    true = log_p.diagonal(dim1=1, dim2=2)
    others = log_p - torch.diag_embed(log_p.new_full((log_p.shape[1],), math.inf))
    return true - others.logsumexp(2) + math.log(log_p.shape[1] - 1)


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
