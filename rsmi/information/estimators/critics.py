"""Small networks behind bounds: critics of pairs, conditional densities, predictors of letters.

Each is trained on one part of the rows, its best state chosen by a second, and what it says of a
third is reported. Whatever it has learned, a bound stays one: it is only less tight.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.information.contrastive import BOUNDS, ContrastiveBound, contrastive_bound
from rsmi.information.estimators.pairs import Pairs
from rsmi.information.number import Estimate
from rsmi.information.predictive import predictive_information

CriticName = Literal["joint", "separable"]

_HIDDEN, _EMBEDDED = 48, 32
_BATCH = {"joint": 48, "separable": 256}  # rows to a step; a joint critic pays for every pair
POOL, _TOGETHER, _AT_ONCE = 256, 1024, 32  # rows that meet in a batch, of y at once
_STEPS, _EPOCHS, _EVERY, _PATIENCE = 1000, 4, 25, 6  # at most so many steps, or epochs
_LONGER = 10  # times as many steps, for many rows
_RATE, _DECAY = 3e-3, 1e-3
_ROWS = 8192  # of the reported part, at most: pairs are as many as their square
_SMOOTHING = 0.5  # counts added to every letter of a table

Score = Callable[[Tensor, Tensor], Tensor]
"""Features (..., a, d_y) of y and (..., b, d_x) of x -> (..., a, b), entry (i, j) of (y_i, x_j)."""


class Layers(nn.Module):
    """Linear layers with ReLU between them, drawn from a generator of their own."""

    def __init__(self, sizes: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        shapes = list(pairwise(sizes))
        self.weights = nn.ParameterList(_drawn((b, a), a, generator) for a, b in shapes)
        self.shifts = nn.ParameterList(_drawn((b,), a, generator) for a, b in shapes)

    def forward(self, x: Tensor) -> Tensor:
        """(..., d) -> (..., last size)."""
        last = len(self.weights) - 1
        for place, (weight, shift) in enumerate(zip(self.weights, self.shifts, strict=True)):
            x = F.linear(x, weight, shift)
            x = x if place == last else x.relu()
        return x


def _drawn(shape: tuple[int, ...], inputs: int, generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter((2 * torch.rand(shape, generator=generator) - 1) / math.sqrt(inputs))


class Critic(nn.Module):
    """f(x, y): a bilinear form beside a network.

    Args:
        d_x: Features of x.
        d_y: Features of y.
        kind: `separable`, a product of an embedding of x and one of y; or `joint`, one network
            that sees both.
        generator: Of the first weights.
    """

    def __init__(self, d_x: int, d_y: int, kind: CriticName, generator: torch.Generator) -> None:
        super().__init__()
        self.joint = kind == "joint"
        width = _HIDDEN if self.joint else _EMBEDDED + 1
        self.x = Layers((d_x, _HIDDEN, width) if not self.joint else (d_x, width), generator)
        self.y = Layers((d_y, _HIDDEN, width) if not self.joint else (d_y, width), generator)
        self.head = Layers((_HIDDEN, _HIDDEN, 1), generator)
        self.form = nn.Parameter(torch.zeros(d_y, d_x))
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """(..., a, b) scores of all pairs of rows (..., a, d_y) and (..., b, d_x)."""
        bilinear = y @ self.form @ x.mT + self.shift
        a, b = self.y(y), self.x(x)
        if self.joint:
            seen = (a[..., :, None, :] + b[..., None, :, :]).relu()
            return bilinear + self.head(seen)[..., 0]
        alone = a[..., :, None, -1] + b[..., None, :, -1]
        return bilinear + a[..., :-1] @ b[..., :-1].mT / math.sqrt(_EMBEDDED) + alone


class Conditional(nn.Module):
    """ln q(y|x) of features: independent normals whose means and spreads are a network of x."""

    def __init__(self, d_x: int, d_y: int, generator: torch.Generator) -> None:
        super().__init__()
        self.net = Layers((d_x, _HIDDEN, 2 * d_y), generator)
        self.linear = Layers((d_x, d_y), generator)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """(..., a, b), up to a constant of y that cancels in differences."""
        mean, log_scale = self.net(x).chunk(2, -1)
        mean, log_scale = mean + self.linear(x), log_scale.clamp(-6, 6)
        apart = (y[..., :, None, :] - mean[..., None, :, :]) / log_scale.exp()[..., None, :, :]
        return -(apart.square() / 2).sum(-1) - log_scale.sum(-1)[..., None, :]


def trained(
    net: nn.Module,
    gain: Callable[[Tensor], Tensor],
    choose: Callable[[], float],
    pairs: Pairs,
    batch: int = _BATCH["separable"],
) -> None:
    """Train until what the validation part says stops growing, and go back to the best state.

    Args:
        net: Trained in place.
        gain: What rows of the training part, drawn for a step, are to make large.
        choose: What the validation part says of the network as it is.
        pairs: Rows; those to learn from are `pairs.parts[0]`.
        batch: Rows to a step.
    """
    rows, generator = pairs.parts[0], pairs.generator(4)
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY, fused=True)
    best, kept, waited = -math.inf, dict(net.state_dict()), 0
    for step in range(_STEPS * max(1, min(_EPOCHS * len(rows) // (batch * _STEPS), _LONGER))):
        if step % _EVERY == 0:
            with torch.no_grad():
                value = choose()
            waited = 0 if value > best else waited + 1
            if value > best:
                best, kept = value, {k: v.clone() for k, v in net.state_dict().items()}
            if waited == _PATIENCE or not math.isfinite(value):
                break
        drawn = rows[torch.randperm(len(rows), generator=generator)[:batch]]
        optimizer.zero_grad(set_to_none=True)
        (-gain(drawn)).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
    net.load_state_dict(kept)
    net.eval()


@dataclass(frozen=True)
class Objective:
    """How a critic is trained, and what is read off it.

    Args:
        gain: Bound that is made large on the training part, and by which the state is chosen.
        value: What is reported.
        shift: Whether f is moved by a constant that the validation part gives, so that exp(f)
            averages to exp(`shift`) over independent pairs; none moves it not.
        pool: Rows that meet in a batch of the reported part.
    """

    gain: ContrastiveBound
    value: ContrastiveBound
    shift: float | None = None
    pool: int = _TOGETHER


def critic_information(pairs: Pairs, chosen: Objective, kind: CriticName) -> Estimate:
    """Train a critic and report what it says of rows that it never saw.

    Args:
        pairs: Rows.
        chosen: How it is trained, and what is reported.
        kind: Of the critic.
    """
    training, validation, _ = pairs.parts
    x, y = pairs.x.features(training), pairs.y.features(training)
    net = Critic(x.shape[1], y.shape[1], kind, pairs.generator(3))

    def gain(rows: Tensor) -> Tensor:
        return _value(net(y[rows], x[rows])[None], chosen.gain)

    def choose() -> float:
        return float(_value(pooled(net, y, x, validation, POOL), chosen.gain))

    trained(net, gain, choose, pairs, _BATCH[kind])
    shift = 0.0
    if chosen.shift is not None:
        scores = pooled(net, y, x, validation, chosen.pool)
        mean = _value(scores, BOUNDS["dv"]) - scores.diagonal(dim1=1, dim2=2).mean()
        shift = chosen.shift + float(mean)
    return _reported(lambda rows: pooled(net, y, x, rows, chosen.pool) + shift, pairs, chosen.value)


def _value(scores: Tensor, bound: ContrastiveBound) -> Tensor:
    return bound.value(scores, scores.new_zeros(scores.shape[:2])).mean()


def _reported(
    scores: Callable[[Tensor], Tensor], pairs: Pairs, bound: ContrastiveBound
) -> Estimate:
    rows = pairs.parts[2][:_ROWS]
    found = scores(rows)
    used = rows[: len(found) * found.shape[1]]
    return contrastive_bound(found, bound, pairs.groups[used], pairs.seed)


@torch.no_grad()
def pooled(score: Score, y: Tensor, x: Tensor, rows: Tensor, most: int) -> Tensor:
    """(batches, K, K) scores of rows that meet in batches of about equal size, at most `most`.

    Args:
        score: Of pairs.
        y: Features of all rows of Y.
        x: Features of all rows of X.
        rows: Which of them; a few are left over.
        most: Rows to a batch.
    """
    batches = -(-len(rows) // most)
    cut = rows[: len(rows) // batches * batches].reshape(batches, -1)
    return torch.stack(
        [torch.cat([score(part, x[batch]) for part in y[batch].split(_AT_ONCE)]) for batch in cut]
    )


def batch_of(pairs: Pairs, most: int, held_out: bool = True) -> int:
    """K of the batches in which rows meet: of the reported part, or of all rows.

    Args:
        pairs: Rows.
        most: Largest K.
        held_out: Whether only rows that nothing was fitted to are reported.
    """
    rows = min(len(pairs.parts[2] if held_out else pairs), _ROWS)
    return rows // -(-rows // min(most, rows))


def known_information(pairs: Pairs, bound: ContrastiveBound, pool: int) -> Estimate:
    """A bound from the true ln p(y|x), which nothing has to be learned for: all rows count.

    Args:
        pairs: Rows, with their conditional density.
        bound: `infonce`, `leave_one_out` or `club`.
        pool: Rows to a batch.
    """
    known = pairs.log_conditional
    assert known is not None, "the registry asks for it"
    order = torch.randperm(len(pairs), generator=pairs.generator(3))[:_ROWS]
    scores = pooled(known, pairs.y.rows, pairs.x.rows, order, pool)
    used = order[: len(scores) * scores.shape[1]]
    return contrastive_bound(scores, bound, pairs.groups[used], pairs.seed)


def club_information(pairs: Pairs) -> Estimate:
    """CLUB of a learned normal conditional: an estimate, since only the true one bounds.

    Args:
        pairs: Rows.
    """
    training, validation, _ = pairs.parts
    x, y = pairs.x.features(training), pairs.y.features(training)
    net = Conditional(x.shape[1], y.shape[1], pairs.generator(3))

    def gain(rows: Tensor) -> Tensor:
        return net(y[rows], x[rows]).diagonal().mean()

    trained(net, gain, lambda: float(gain(validation[:_TOGETHER])), pairs)
    bound = ContrastiveBound(BOUNDS["club"].value, "estimate")
    return _reported(lambda rows: pooled(net, y, x, rows, _TOGETHER), pairs, bound)


def predictive_network(pairs: Pairs) -> Estimate:
    """Barber-Agakov bound: the letters of one variable predicted from the other.

    Y is predicted where both are letters of as many kinds, else the one of fewer. A table of the
    training rows and a network compete on the validation part.

    Args:
        pairs: Rows; at least one variable holds letters.
    """
    target, given = (pairs.x, pairs.y) if _x_is_told(pairs) else (pairs.y, pairs.x)
    training, validation, test = pairs.parts
    label, k = target.letters, target.size
    seen = given.features(training)
    net = Layers((seen.shape[1], _HIDDEN, k), pairs.generator(3))
    _begin_with(net, (label[training].bincount(minlength=k) + 1.0) / (len(training) + k))

    def score(rows: Tensor) -> Tensor:
        return -F.cross_entropy(net(seen[rows]), label[rows])

    trained(net, score, lambda: float(score(validation)), pairs)
    with torch.no_grad():
        guesses = [net(seen).log_softmax(1).double()]
    if given.discrete and given.size * k <= 4 * len(training):
        guesses.append(_table(given.letters, label, (given.size, k), training))
    rows = torch.arange(len(pairs))
    best = max(guesses, key=lambda q: float(q[rows, label][validation].mean()))
    told = F.one_hot(label[test], k)
    return predictive_information(told, best[test], pairs.groups[test], pairs.seed)


@torch.no_grad()
def _begin_with(net: Layers, shares: Tensor) -> None:
    """Let a predictor begin near what is known without looking at the other variable."""
    net.shifts[-1].copy_(shares.log())
    net.weights[-1].mul_(0.1)


def _x_is_told(pairs: Pairs) -> bool:
    if pairs.x.discrete and pairs.y.discrete:
        return pairs.x.size < pairs.y.size
    return pairs.x.discrete


def _table(given: Tensor, label: Tensor, shape: tuple[int, int], training: Tensor) -> Tensor:
    """(n, K) ln q(label|given) of counts on the training rows, a half added to each letter."""
    share = label[training].bincount(minlength=shape[1]).double() / len(training)
    counts = torch.zeros(shape, dtype=torch.float64)
    one = torch.ones(len(training), dtype=torch.float64)
    counts.index_put_((given[training], label[training]), one, accumulate=True)
    # Letters seen rarely are told by the shares of all of them.
    counts += _SMOOTHING * shape[1] * (share + 1e-6) / (1 + 1e-6 * shape[1])
    return (counts / counts.sum(1, keepdim=True)).log()[given]
