"""What a layer is trained for: an entropy, a prediction of the labels, or both at a price."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.changes import GaussianNoise, Quantise

MOST_CODES = 1024
"""Codes of a layer that are told apart; the units of one with more are taken in groups."""

Coded = Quantise | GaussianNoise

_LEAST, _MOST = 1.05, 100.0
_SPEED = 0.01
_VIOLATED = 20.0
_REGRESSED = 512
_HIDDEN, _WIDE = 32, 64
_TINY = 1e-12


@dataclass(frozen=True)
class Goal:
    r"""What is asked of each layer; a way of training uses what concerns it.

    Args:
        slack: `entropy`: largest H(Y|T) in nats.
        multiplier: `entropy`: price of H(Y|T) in the first step.
        beta: `bottleneck`: price of H(Y|T) all along; at most 1 is refused, since a constant
            layer is then the best one.
        penalty: `nonlinear_ib`: price of the squared information about X.
        sigma: `gaussian_process`: standard deviation of the noise on the labels.

    Raises:
        InputError: For a number out of range.
    """

    slack: float = 0.01
    multiplier: float = 4.0
    beta: float = 5.0
    penalty: float = 0.02
    sigma: float = 0.1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            least = 1.0 if name in ("beta", "multiplier") else 0.0
            open_end = name != "penalty"
            if not math.isfinite(value) or value < least or (open_end and value == least):
                raise InputError(
                    f"goal.{name} is {value}; expected a number "
                    f"{'above' if open_end else 'of at least'} {least:g}{_WHY.get(name, '')}"
                )


_WHY = {
    "beta": ": H(T) rises by at least what H(Y|T) falls, so that at a price of 1 or less a layer "
    "that tells nothing is the best one",
    "slack": ": only then can H(Y|T) be brought below it",
}


@dataclass(frozen=True)
class View:
    """What an objective sees of one layer for a batch.

    Args:
        layer: The quantising or noisy module.
        before: (n, units) activations that it was given.
        after: (n, units) its output: hard, with gradients that pass straight through.
        groups: p(code|x) of groups of units, each (n, codes); none of a noisy layer.
        labels: (n, classes) p(y|x).
        weights: (n,) probabilities of the rows, which add up to 1.
    """

    layer: Coded
    before: Tensor
    after: Tensor
    groups: Sequence[Tensor]
    labels: Tensor
    weights: Tensor

    def soft(self) -> Tensor:
        """(n, units) mean level of each unit under p(code|x); of noisy units their output."""
        if isinstance(self.layer, GaussianNoise):
            return self.after
        parts = [
            p @ code_values(self.layer, units).to(p)
            for p, units in zip(self.groups, group_sizes(self.layer, self.after.shape[1]),
                                strict=True)
        ]  # fmt: skip
        return torch.cat(parts, 1)


@dataclass(frozen=True)
class Terms:
    """What an objective says of one layer.

    Args:
        loss: To be lowered.
        rate: H(T), or I(X;T) of a noisy layer, in nats.
        unknown: H(Y|T) in nats, by the head.
        merit: What is compared on held-out rows: the lower, the better.
    """

    loss: Tensor
    rate: Tensor
    unknown: Tensor
    merit: Tensor


def group_sizes(layer: Quantise, units: int) -> list[int]:
    """How many units stand in each group of at most `MOST_CODES` codes.

    >>> group_sizes(Quantise(2, -1.0, 1.0), 24)
    [10, 10, 4]
    """
    most = max(int(math.log(MOST_CODES) / math.log(layer.levels) + 1e-9), 1)
    return [min(most, units - start) for start in range(0, units, most)]


def code_values(layer: Quantise, units: int) -> Tensor:
    """(levels**units, units) levels of every code, the last unit running fastest."""
    levels = layer.low + layer.step * torch.arange(layer.levels, dtype=torch.float32)
    return torch.cartesian_prod(*[levels] * units).reshape(-1, units)


def soft_codes(layer: Quantise, before: Tensor, softness: float) -> list[Tensor]:
    r"""Probabilities of the codes of a layer, which become its hard codes as softness falls to 0.

    .. math:: p(t|x) = \prod_i p(t_i|x), \qquad
              p(t_i = l_j|x) \propto e^{-(a_i - l_j)^2 / 2 s^2 \Delta^2}

    Args:
        layer: With levels l_j at a distance Delta.
        before: (n, units) activations a.
        softness: s; 0 for hard codes.

    Returns:
        One (n, codes) tensor for each group of units.

    >>> soft_codes(Quantise(2, -1.0, 1.0), torch.tensor([[0.9, -0.2]]), 0.0)[0].tolist()
    [[0.0, 0.0, 1.0, 0.0]]
    """
    if softness == 0:
        p = F.one_hot(layer.codes(before), layer.levels).to(before)
    else:
        place = (before - layer.low) / layer.step
        levels = torch.arange(layer.levels, dtype=before.dtype, device=before.device)
        p = (-(place[..., None] - levels).square() / (2 * softness**2)).softmax(-1)
    return [_product(part) for part in p.split(group_sizes(layer, before.shape[1]), 1)]


def _product(p: Tensor) -> Tensor:
    """(n, levels**units) of (n, units, levels)."""
    joint = p[:, 0]
    for unit in range(1, p.shape[1]):
        joint = (joint[:, :, None] * p[:, None, unit]).flatten(1)
    return joint


def pairwise_information(mean: Tensor, sigma: float, weights: Tensor) -> Tensor:
    r"""Upper bound of I(X;T) for T = f(X) with Gaussian noise and X one of n rows.

    .. math:: I(X;T) \le -\sum_i w_i \ln \sum_j w_j\, e^{-|f_i - f_j|^2 / 2\sigma^2}

    Args:
        mean: (n, units) f of each row.
        sigma: Standard deviation of the noise.
        weights: (n,) probabilities.

    Returns:
        Nats, at most the entropy of the rows.

    Source: Kolchinsky and Tracey (2017), arXiv:1706.02419.

    >>> apart = torch.tensor([[0.0], [100.0]])
    >>> round(float(pairwise_information(apart, 1.0, torch.tensor([0.5, 0.5]))), 6)
    0.693147
    """
    scaled = mean.flatten(1) / sigma
    norms = scaled.square().sum(1)
    apart = (norms[:, None] + norms - 2 * scaled @ scaled.T).clamp(min=0)
    log_w = weights.clamp(min=_TINY).log()
    return -(weights * (log_w - 0.5 * apart).logsumexp(1)).sum()


@dataclass(frozen=True)
class Shape:
    """Sizes of a layer and of its labels.

    Args:
        units: Activations per input.
        codes: Values that the layer can take; None for too many, or a noisy layer.
        labels: Classes of the labels, or numbers of a configuration.
        configurations: Whether the labels are configurations.
        whole: Whether each batch is the whole distribution.
    """

    units: int
    codes: int | None
    labels: int
    configurations: bool = False
    whole: bool = False


class Head(nn.Module):
    """q(y|t) from the levels of a layer: discarded once the layer is trained.

    Args:
        units: Of the layer.
        classes: Of the labels.
    """

    def __init__(self, units: int, classes: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(units, _HIDDEN), nn.Tanh(), nn.Linear(_HIDDEN, classes)
        )  # fmt: skip

    def forward(self, t: Tensor) -> Tensor:
        """Logits (n, classes)."""
        return self.net(t)


class Objective(nn.Module):
    r"""Cross entropy of the labels given a layer, :math:`H(Y|T) \le \langle -\ln q(y|t) \rangle`.

    Where the codes of the layer can be listed, the average over p(t|x) is exact; where the batch
    holds every input that there is, so is q(y|t), and no head is needed.

    Args:
        shape: Of the layer and of the labels.
        goal: Prices and limits.
        head: Maps the layer's output (n, units) to logits of the labels; one of its own without.

    Raises:
        InputError: For labels that are configurations, which only `Environment` can use.
    """

    multiplier: Tensor

    def __init__(self, shape: "Shape", goal: Goal, head: nn.Module | None = None) -> None:
        super().__init__()
        if shape.configurations and not isinstance(self, Environment):
            raise InputError(
                "the labels are configurations (n, numbers), which only the method rsmi can use; "
                "give labels (n,) of whole numbers >= 0"
            )
        self.goal, self.shape = goal, shape
        self.counted = shape.whole and head is None  # one that is given is to be trained
        self.head = head or Head(shape.units, shape.labels)
        self.register_buffer("multiplier", torch.tensor(goal.multiplier))

    def forward(self, view: View) -> Terms:
        """The terms of a batch."""
        rate, unknown = self.rate(view), self.unknown(view)
        loss = self.loss(view, rate, unknown)
        return Terms(loss, rate, unknown, self.merit(loss, rate, unknown))

    def loss(self, view: View, rate: Tensor, unknown: Tensor) -> Tensor:
        """What is lowered: here H(Y|T) alone."""
        return unknown

    def merit(self, loss: Tensor, rate: Tensor, unknown: Tensor) -> Tensor:
        """What held-out rows are compared by: here the loss."""
        return loss

    def step(self, unknown: float, progress: float) -> None:
        """Called after each step of the optimiser.

        Args:
            unknown: H(Y|T) of its batch.
            progress: Share of the epochs that are done.
        """

    def rate(self, view: View) -> Tensor:
        """I(X;T), at most the sum over groups of units; H(T) once the codes are hard."""
        if isinstance(view.layer, GaussianNoise):
            return pairwise_information(view.before, view.layer.sigma, view.weights)
        w = view.weights
        return torch.stack([_entropy(w @ p) - w @ _entropy(p) for p in view.groups]).sum()

    def unknown(self, view: View) -> Tensor:
        """H(Y|T), by counting the whole distribution or by the head."""
        if len(view.groups) != 1:
            return -(view.weights * (view.labels * self._log_head(view.after)).sum(1)).sum()
        joint = (view.weights[:, None] * view.groups[0]).T @ view.labels
        if self.counted:
            return _entropy(joint.flatten()) - _entropy(joint.sum(1))
        assert isinstance(view.layer, Quantise), "only these have codes"
        values = code_values(view.layer, view.after.shape[1]).to(joint)
        return -(joint * self._log_head(values)).sum()

    def _log_head(self, t: Tensor) -> Tensor:
        return self.head(t).log_softmax(-1)


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p.clamp(min=_TINY)).sum(-1)


class EntropyGoal(Objective):
    r"""Forget as much of the input as the labels allow.

    .. math:: \max H(X|T) \;\; \mathrm{subject\ to} \;\; H(Y|T) \le \epsilon

    H(X|T) = H(X) - I(X;T), so I(X;T), which is H(T) of hard codes, is lowered in the Lagrangian
    :math:`I(X;T) + \lambda\, (H(Y|T) - \epsilon)`, while lambda ascends the dual,

    .. math:: \lambda \leftarrow \lambda\, e^{\eta\, g}, \qquad
              g = \min(H(Y|T) / \epsilon - 1, 1) .

    The rate eta grows with the square of the epochs done, from nothing: a price that rises before
    the labels are learnt lets redundant units saturate, and they are never merged. It stays above
    1: no layer lowers H(Y|T) by more than it raises I(X;T), so that at a price of 1
    nothing but a constant is left. Where the input fixes the labels the frontier is straight, and
    each price above 1 leads to its end (Kolchinsky, Tracey and Van Kuyk 2019, arXiv:1808.07593).
    """

    def loss(self, view: View, rate: Tensor, unknown: Tensor) -> Tensor:
        """The Lagrangian."""
        return rate + self.multiplier * (unknown - self.goal.slack)

    def merit(self, loss: Tensor, rate: Tensor, unknown: Tensor) -> Tensor:
        """The rate, with a fixed price for what H(Y|T) exceeds the slack."""
        return rate + _VIOLATED * (unknown - self.goal.slack).clamp(min=0)

    def step(self, unknown: float, progress: float) -> None:
        """Dual ascent."""
        excess = min(1.0, unknown / self.goal.slack - 1)
        factor = math.exp(_SPEED * progress**2 * excess)
        self.multiplier.mul_(factor).clamp_(_LEAST, _MOST)


class Bottleneck(Objective):
    r"""The deterministic information bottleneck, :math:`\min H(T) + \beta H(Y|T)`.

    Source: Strouse and Schwab (2017), arXiv:1604.00268; of noisy layers it is the one of Tishby,
    Pereira and Bialek (1999), arXiv:physics/0004057.
    """

    def loss(self, view: View, rate: Tensor, unknown: Tensor) -> Tensor:
        """The trade-off."""
        return rate + self.goal.beta * unknown


class NonlinearBottleneck(Objective):
    r"""Cross entropy with a price on the squared information of a layer with noise.

    .. math:: \min \; H(Y|T) + \beta\, \hat I(X;T)^2

    where the estimate is `pairwise_information`; a quantised layer is taken to have noise of half
    the distance of its levels before it is rounded.

    Source: Kolchinsky, Tracey and Wolpert (2017), arXiv:1705.02436.
    """

    def loss(self, view: View, rate: Tensor, unknown: Tensor) -> Tensor:
        """Cross entropy and penalty."""
        layer = view.layer
        sigma = layer.sigma if isinstance(layer, GaussianNoise) else 0.5 * layer.step
        known = pairwise_information(view.before, sigma, view.weights)
        return unknown + self.goal.penalty * known.square()


class GaussianProcess(Objective):
    r"""How badly a Gaussian process on the layer's output predicts labels that are left out.

    With the kernel :math:`K_{ij} = e^{-|t_i - t_j|^2 / 2 d}` of d units and noise sigma, the
    prediction of row i from all others is in closed form

    .. math:: y_i - \mu_{-i} = [A^{-1} y]_i / [A^{-1}]_{ii}, \qquad A = K + \sigma^2 W^{-1},

    W the probabilities of the rows times their number; the loss is its mean square. At most 512
    rows of a batch enter.

    Source: Ben-David and Ringel (2019), arXiv:1902.02354; leave-one-out of Rasmussen and Williams
    (2006), Gaussian Processes for Machine Learning, eq. 5.12.
    """

    def loss(self, view: View, rate: Tensor, unknown: Tensor) -> Tensor:
        """The mean square of the leave-one-out errors."""
        n = min(len(view.weights), _REGRESSED)
        return left_out_error(
            view.soft()[:n], view.labels[:n], view.weights[:n], self.goal.sigma
        )  # fmt: skip


def left_out_error(t: Tensor, labels: Tensor, weights: Tensor, sigma: float) -> Tensor:
    """Mean square error of a Gaussian process that predicts each row's label from the others.

    Args:
        t: (n, units).
        labels: (n, classes) p(y|x).
        weights: (n,) probabilities of the rows, up to a factor.
        sigma: Of the noise.

    >>> t, y = torch.tensor([[0.0], [0.0], [9.0], [9.0]]), torch.eye(2)[[0, 0, 1, 1]]
    >>> bool(left_out_error(t, y, torch.ones(4), 0.1) < 0.01)
    True
    """
    w = weights / weights.sum()
    t, y, w = t.double(), labels.double(), w.double().clamp(min=_TINY)
    y = y - w @ y
    kernel = (-torch.cdist(t, t).square() / (2 * t.shape[1])).exp()
    inverse = torch.linalg.inv(kernel + torch.diag(sigma**2 / (w * len(t))))
    left = (inverse @ y) / inverse.diagonal()[:, None]
    return (w * left.square().sum(1)).sum().to(labels)


class Environment(Objective):
    r"""RSMI: what the layer tells of its environment, by a prediction of the layer.

    .. math:: I(T;E) \ge H(T) - \Big\langle \sum_t p(t|x)\, [-\ln q(t|e)] \Big\rangle

    for any q (Barber and Agakov 2003). E is a label, and q one number for each code and label,
    counted where the batch is the whole distribution, so that the bound is I(T;E) itself; or E is
    a configuration, and q a network.

    Source: Koch-Janusz and Ringel (2018), arXiv:1704.06279; Gökmen, Ringel, Huber and
    Koch-Janusz (2021), arXiv:2101.11633.
    """

    def __init__(self, shape: "Shape", goal: Goal, head: nn.Module | None = None) -> None:
        super().__init__(shape, goal, head)
        if shape.codes is None:
            raise InputError(
                f"rsmi predicts the codes of a layer from its environment, and these are more "
                f"than {MOST_CODES}, or none (a noisy layer); choose a layer of fewer units or "
                "levels, or another method"
            )
        self.predictor = (
            nn.Sequential(nn.Linear(shape.labels, _WIDE), nn.ReLU(), nn.Linear(_WIDE, shape.codes))
            if shape.configurations
            else nn.Linear(shape.labels, shape.codes)
        )

    def loss(self, view: View, rate: Tensor, unknown: Tensor) -> Tensor:
        """What the prediction leaves open of the layer, less H(T)."""
        if self.shape.whole and not self.shape.configurations:
            return unknown
        p = view.groups[0]
        if self.shape.configurations:
            open_still = -(view.weights[:, None] * p * self._log_q(view.labels)).sum()
        else:
            each = self._log_q(torch.eye(self.shape.labels).to(view.labels))
            open_still = -(((view.weights[:, None] * p).T @ view.labels).T * each).sum()
        return open_still - _entropy(view.weights @ p)

    def unknown(self, view: View) -> Tensor:
        """H(Y|T) of labels; of configurations nothing is known of it."""
        if self.shape.configurations:
            return view.weights.new_tensor(math.nan)
        return super().unknown(view)

    def _log_q(self, environment: Tensor) -> Tensor:
        return self.predictor(environment).log_softmax(-1)
