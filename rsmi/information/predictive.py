"""Information of discrete coarse variables from a predictor: the Barber-Agakov bound."""

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.bootstrap import block_sums, bootstrap_error
from rsmi.information.discrete import check_posterior, entropy
from rsmi.information.number import Estimate, Kind


def predictive_information(
    rule_probabilities: Tensor,
    log_prediction: Tensor,
    groups: Tensor | None = None,
    seed: int = 0,
) -> Estimate:
    r"""Certified lower bound of I(H:E) on held-out pairs (v, e).

    .. math:: I(H:E) \ge H(\bar p) + \Big\langle \sum_h p(h|v) \ln q(h|e) \Big\rangle

    The sum over h is exact and H is as hard as the rule is; the bound is tight where the
    predictor q(h|e) is the true conditional.

    Args:
        rule_probabilities: (n, K), p(h|v) of the visible blocks.
        log_prediction: (n, K), ln q(h|e) of their environments, normalised over h.
        groups: (n,) int64 block labels (see `block_labels`), one independent block per label.
        seed: Of the bootstrap.

    Returns:
        The bound with a block-bootstrap error; n is the number of blocks.

    Raises:
        InputError: If shapes differ or a prediction is not normalised.

    Source: Barber and Agakov, NIPS 2003; Poole et al. (2019), arXiv:1905.06922.

    >>> p = torch.eye(2, dtype=torch.float64).repeat(50, 1)
    >>> print(predictive_information(p, (0.98 * p + 0.01).log()))
    0.683(6) nats (lower bound)
    """
    return predictive_estimate(
        predictive_sums(rule_probabilities, log_prediction, groups), seed=seed
    )


def predictive_sums(
    rule_probabilities: Tensor, log_prediction: Tensor, groups: Tensor | None = None
) -> Tensor:
    """Sufficient statistics of `predictive_information`, to be added up over batches.

    Args:
        rule_probabilities: (n, K), as there.
        log_prediction: (n, K), as there.
        groups: (n,) int64 block labels.

    Returns:
        (G, K + 2) float64 per block: sums of p(h|v), of the scores, and the count.

    Raises:
        InputError: If shapes differ or a prediction is not normalised.

    >>> half = torch.full((3, 2), 0.5)
    >>> predictive_sums(half, half.log(), torch.zeros(3, dtype=torch.int64)).shape
    torch.Size([1, 4])
    """
    p, log_q = rule_probabilities.double(), log_prediction.double()
    if p.dim() != 2 or p.shape != log_q.shape:
        raise InputError(
            f"rule probabilities of shape {list(p.shape)} and log predictions of shape "
            f"{list(log_q.shape)}; expected the same (n, K) for both"
        )
    if not torch.allclose(log_q.exp().sum(1), log_q.new_ones(()), atol=1e-4):
        raise InputError(
            "the predictions are not normalised over h, so the value would be no bound; "
            "pass log_softmax outputs"
        )
    score = torch.where(p > 0, p * log_q, 0.0).sum(1, keepdim=True)
    return block_sums(torch.cat([p, score], 1), groups)


def predictive_estimate(sums: Tensor, kind: Kind = "lower", seed: int = 0) -> Estimate:
    """Turn the sums of `predictive_sums` into a value with its block-bootstrap error.

    Args:
        sums: (G, K + 2) float64.
        kind: What the value claims to be; `lower` for a learned predictor.
        seed: Of the bootstrap.

    Returns:
        Nats; n is the number of blocks.

    Raises:
        InputError: With fewer than two blocks of data.
    """
    value = float(predictive_bound(sums.sum(0, keepdim=True)))
    error = bootstrap_error(sums, predictive_bound, seed=seed)
    return Estimate(value, error, kind, n=int((sums[:, -1] > 0).sum()))


def sampled_information(
    posterior: Tensor, table: Tensor, groups: Tensor | None = None, seed: int = 0
) -> Estimate:
    r"""I(H:E) of a rule from exact conditionals p(v|e) of sampled environments.

    Only the average over e is sampled; the full I(V:E) is the identity rule, `torch.eye(V)`.

    Args:
        posterior: (n, V) float64, exact p(v|e) of the sampled environments.
        table: (V, K), the rule p(h|v).
        groups: (n,) int64 block labels.
        seed: Of the bootstrap.

    Returns:
        An `estimate` with block-bootstrap error.

    Raises:
        InputError: If shapes do not match or rows are no distributions.

    >>> posterior = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64).repeat(500, 1)
    >>> print(sampled_information(posterior, torch.eye(2)))
    0.3681(4) nats
    """
    check_posterior(posterior, None)
    p = posterior @ table.double()
    return predictive_estimate(predictive_sums(p, p.log(), groups), "estimate", seed)


def rule_prediction(log_posterior: Tensor, table: Tensor) -> Tensor:
    r"""Predictor of any rule from one predictor of block states.

    .. math:: \ln q(h|e) = \ln \sum_v p(h|v)\, q(v|e)

    Args:
        log_posterior: (n, V), ln q(v|e).
        table: (V, K), the rule p(h|v).

    Returns:
        (n, K) float64; -inf for a symbol that cannot occur.

    >>> rule_prediction(torch.zeros(1, 1), torch.tensor([[0.25, 0.75]])).exp().tolist()
    [[0.25, 0.75]]
    """
    return (log_posterior.double().exp() @ table.double()).log()


def predictive_bound(sums: Tensor) -> Tensor:
    """The bound of samples given by their sums.

    Args:
        sums: (R, K + 2) float64, rows as from `predictive_sums`, added up over blocks.

    Returns:
        (R,) nats.
    """
    means = sums[:, :-1] / sums[:, -1:]
    return entropy(means[:, :-1]) + means[:, -1]
