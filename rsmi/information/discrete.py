"""Entropy and mutual information of distributions given as tables, in nats."""

import torch
from torch import Tensor

from rsmi.errors import InputError

_CHUNK = 1 << 22  # entries of p(h|e) held at once


def entropy(p: Tensor) -> Tensor:
    r"""Shannon entropy over the last axis.

    .. math:: H = -\sum_i p_i \ln p_i

    Args:
        p: (..., k) probabilities; zeros are allowed.

    Returns:
        (...) nats.

    >>> round(entropy(torch.tensor([0.5, 0.5])).item(), 6)
    0.693147
    """
    return torch.special.entr(p).sum(-1)


def mutual_information(joint: Tensor) -> Tensor:
    r"""Mutual information of a joint distribution.

    .. math:: I(X:Y) = H(X) + H(Y) - H(X, Y)

    Args:
        joint: (..., n_x, n_y) probabilities or counts, normalised here.

    Returns:
        (...) nats.

    Raises:
        InputError: For negative entries or a table without weight.

    >>> round(mutual_information(torch.eye(2)).item(), 6)
    0.693147
    """
    total = joint.sum((-2, -1), keepdim=True)
    if not bool((joint >= 0).all() and (total > 0).all()):
        raise InputError(
            "the joint table has a negative entry or no weight at all; expected probabilities "
            "or counts >= 0 with a positive sum"
        )
    p = joint.double() / total
    return entropy(p.sum(-1)) + entropy(p.sum(-2)) - entropy(p.flatten(-2))


def rule_information(posterior: Tensor, table: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""Information that coarse variables keep about the environment.

    .. math:: I(H:E) = H\Big(\sum_e w_e\, p(h|e)\Big) - \sum_e w_e\, H(p(h|e)), \qquad
              p(h|e) = \sum_v p(h|v)\, p(v|e)

    Args:
        posterior: (n, V) float64, row e is p(v|e).
        table: (..., V, K) rules p(h|v); leading axes are a batch of rules.
        weights: (n,) weights of the rows, normalised here; equal without.

    Returns:
        (...) float64 nats.

    Raises:
        InputError: If shapes do not match or rows are no distributions.

    >>> posterior = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    >>> round(rule_information(posterior, torch.eye(2)).item(), 6)
    0.368064
    """
    w = check_posterior(posterior, weights)
    if table.dim() < 2 or table.shape[-2] != posterior.shape[1]:
        raise InputError(
            f"a rule of shape {list(table.shape)} does not fit a posterior over "
            f"{posterior.shape[1]} block states; expected (..., {posterior.shape[1]}, K)"
        )
    rules = table.double().reshape(-1, *table.shape[-2:])
    step = max(1, _CHUNK // (len(posterior) * table.shape[-1]))
    values = [_information(posterior, w, rules[i : i + step]) for i in range(0, len(rules), step)]
    return torch.cat(values).reshape(table.shape[:-2])


def check_posterior(posterior: Tensor, weights: Tensor | None) -> Tensor:
    """Validate a table of conditional distributions and normalise its weights.

    Args:
        posterior: (n, V) float64, rows sum to 1.
        weights: (n,) weights >= 0, or None for equal ones.

    Returns:
        (n,) float64 weights summing to 1.

    Raises:
        InputError: For wrong shapes, rows that do not sum to 1 or unusable weights.
    """
    rows = posterior.dim() == 2 and len(posterior) > 0 and posterior.dtype == torch.float64
    if not (rows and bool((posterior >= 0).all() and ((posterior.sum(1) - 1).abs() < 1e-6).all())):
        raise InputError(
            f"the posterior has shape {list(posterior.shape)} and dtype {posterior.dtype}; "
            "expected (n, V) float64 whose rows are >= 0 and sum to 1"
        )
    if weights is None:
        return torch.full((len(posterior),), 1 / len(posterior), dtype=torch.float64)
    usable = weights.shape == posterior.shape[:1] and bool((weights >= 0).all())
    if not (usable and float(weights.sum()) > 0):
        raise InputError(
            f"the weights have shape {list(weights.shape)}; expected ({len(posterior)},), "
            "one weight >= 0 per row of the posterior and a positive sum"
        )
    return weights.double() / weights.sum()


def _information(posterior: Tensor, weights: Tensor, rules: Tensor) -> Tensor:
    """`rule_information` of rules (b, V, K) that fit in memory at once."""
    b, v, k = rules.shape
    p = (posterior @ rules.permute(1, 0, 2).reshape(v, b * k)).clamp_(min=0)
    spread = entropy((weights @ p).reshape(b, k))
    return spread - (weights @ torch.special.entr(p)).reshape(b, k).sum(-1)
