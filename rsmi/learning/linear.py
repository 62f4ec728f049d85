"""What is linear between a block and its environment, in closed form: where training begins."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.information import predictive_bound, predictive_sums
from rsmi.learning.rules import most_probable
from rsmi.learning.trainable import LinearRule

_CUT = 1e-5  # directions whose share of the variance is smaller count as constraints
_ROWS = 1 << 20  # entries of a prediction from which its confidence is found
_NEWTON = 6
_TINY = 1e-12
_UNSEEN = 0.5  # samples by which each value counts more than it came
_TRIES, _STEPS, _NEAR = 48, 16, 0.2  # mixtures of canonical functions, then steps from the best
_TRIED = 1 << 13  # windows that tell the best
_MORE = 4  # functions of the environment that tell it, beyond those of the rule
_SHARP = 4.0  # standard deviations of the fields of a rule


@dataclass(frozen=True)
class Canonical:
    r"""Pairs of linear functions of x and y, each pair correlated with itself alone.

    .. math:: \Sigma_{xx}^{-1/2} \Sigma_{xy} \Sigma_{yy}^{-1/2} = U \rho V^T, \qquad
              a = U^T \Sigma_{xx}^{-1/2} (x - \bar x)

    Args:
        weights: (n_x, D) float64, of the functions a of x, which have variance 1.
        mean: (n_x,) of x.
        correlations: (D,) of each pair, falling.

    Source: Hotelling (1936), Biometrika 28, 321; for the information that a linear function of
    Gaussian variables keeps, Chechik et al. (2005), J. Mach. Learn. Res. 6, 165.
    """

    weights: Tensor
    mean: Tensor
    correlations: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor, most: int) -> "Canonical":
        """The leading pairs of samples.

        Args:
            x: (n, n_x).
            y: (n, n_y).
            most: How many pairs there are at most.

        >>> x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> Canonical.of(x, x[:, 1:], 1).weights.abs().tolist()
        [[0.0], [2.0]]
        """
        mean = x.mean(0)
        a, b = x - mean, y - y.mean(0)
        root = _power(_covariance(a, a), -0.5)
        u, rho, _ = torch.linalg.svd(root @ _covariance(a, b) @ _power(_covariance(b, b), -0.5))
        rank = min(most, len(rho))
        return cls(root @ u[:, :rank], mean.double(), rho[:rank])


def discriminant(x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    r"""Weights and bias of a linear prediction of a discrete variable.

    .. math:: \ln q(s|x) = c \Big(\mu_s \Sigma^{-1} (x - \bar x)
              - \tfrac12 \mu_s \Sigma^{-1} \mu_s\Big) + \ln p(s) - \ln Z(x)

    with the means :math:`\mu_s` of x under each value and the covariance about them. The confidence
    c is that of the largest likelihood, 1 for Gaussian x; means that are known from few samples are
    shrunk (James and Stein 1961).

    Args:
        x: (n, d).
        p: (n, S) how probable each value is in each sample.

    Returns:
        (d, S) and (S,) float32.

    Source: Fisher (1936), Annals of Eugenics 7, 179.

    >>> x = torch.tensor([[1.0], [2.0], [3.0], [4.0]]).repeat(100, 1)
    >>> p = torch.eye(2)[[0, 1, 0, 1]].repeat(100, 1)
    >>> weight, bias = discriminant(x, p)
    >>> bool(weight[0, 1] > weight[0, 0]), weight.shape, bias.shape
    (True, torch.Size([1, 2]), torch.Size([2]))
    """
    count = p.sum(0).double() + _UNSEEN
    mean = x.mean(0)
    centred = x - mean
    means = (p.T @ centred).double() / count[:, None]
    within = _covariance(centred, centred) - means.T @ (count[:, None] / len(x) * means)
    weight = means @ _power(within, -1.0)
    length = (weight * means).sum(1)
    weight *= (1 - x.shape[1] / (count * length).clamp(min=_TINY)).clamp(min=0)[:, None]
    weight, bias = weight.T.float(), -0.5 * (weight * means).sum(1).float()
    prior = (count / count.sum()).log().float()
    step = -(-len(x) * p.shape[1] // _ROWS)
    confidence = _confidence(centred[::step] @ weight + bias, p[::step], prior)
    weight = (confidence * weight).contiguous()
    return weight, confidence * bias + prior - mean @ weight


def linear_information(x: Tensor, p: Tensor) -> float:
    """The bound of I(S:X) by a linear prediction, on the samples that it was made from; nats."""
    weight, bias = discriminant(x, p)
    none = torch.zeros(len(x), dtype=torch.int64)
    return float(predictive_bound(predictive_sums(p, F.log_softmax(x @ weight + bias, -1), none)))


def begin_rule(rule: LinearRule, v: Tensor, e: Tensor, seed: int = 0) -> None:
    """Make a rule of the leading canonical functions of block and environment.

    There are as many functions as a rule has bits, and of some mixtures of them the one is taken
    whose symbols a linear prediction tells best.

    Args:
        rule: Gets the weights.
        v: (n, n_v) letters of blocks.
        e: (n, n_e) letters of their environments.
        seed: Of the mixtures.
    """
    values, columns = rule.alphabet.values, rule.spread.shape[1]
    x, y = (values[part.long()].flatten(1) for part in (v, e))
    pairs = columns if columns < rule.n_symbols else columns - 1
    own, around = Canonical.of(x, y, pairs), Canonical.of(y, x, pairs + _MORE)
    few = slice(None, None, -(-len(v) // _TRIED))
    seen, blocks = (y[few] - around.mean).float() @ around.weights.float(), v[few]

    def value(mixing: Tensor) -> float:
        _mix(rule, own, mixing)
        with torch.no_grad():
            return linear_information(seen, most_probable(rule.log_prob(blocks).exp()))

    generator = torch.Generator().manual_seed(seed)
    best = max(_mixings(columns, own.correlations, generator), key=value)
    near = best + _NEAR * torch.randn(_STEPS, *best.shape, generator=generator)
    _mix(rule, own, max([best, *near], key=value))


def _mix(rule: LinearRule, canonical: Canonical, mixing: Tensor) -> None:
    weight = (canonical.weights @ mixing.T).T
    with torch.no_grad():
        rule.weight.copy_(_SHARP * weight.view(rule.weight.shape))
        rule.bias.copy_(-_SHARP * weight @ canonical.mean)


def _mixings(columns: int, correlations: Tensor, generator: torch.Generator) -> Tensor:
    """Ways (tries, columns, pairs) to mix functions, those that tell more with more weight."""
    pairs = len(correlations)
    centred = torch.eye(columns, dtype=torch.float64)
    if pairs < columns:  # the corners of a simplex, one for each symbol
        centred = torch.linalg.eigh(centred - 1 / columns)[1][:, -pairs:]
    drawn = torch.randn(_TRIES, pairs, pairs, generator=generator, dtype=torch.float64)
    tries = drawn * correlations / correlations[0].clamp(min=_TINY)
    return torch.cat([centred[None], centred @ F.normalize(tries, dim=-1)])


def _confidence(score: Tensor, p: Tensor, prior: Tensor) -> Tensor:
    """By which scores (n, S) tell a variable best: a concave likelihood, by Newton's method."""
    confidence = torch.full((), 0.5)
    for _ in range(_NEWTON):
        q = F.softmax(confidence * score + prior, -1)
        mean = (q * score).sum(1)
        slope = ((p * score).sum(1) - mean).mean()
        bend = ((q * score.square()).sum(1) - mean.square()).mean()
        confidence = (confidence + slope / bend.clamp(min=_TINY)).clamp(0, 2)
    return confidence


def _covariance(x: Tensor, y: Tensor) -> Tensor:
    return (x.T @ y).double() / len(x)


def _power(matrix: Tensor, power: float) -> Tensor:
    """A power of a covariance, without its constraints."""
    size, direction = torch.linalg.eigh(matrix)
    kept = size > _CUT * size[-1]
    return (direction[:, kept] * size[kept] ** power) @ direction[:, kept].T
