"""How much a held-out value would gain from more configurations."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.information import Estimate, Outcome, Quantity
from rsmi.learning.data import WindowData
from rsmi.learning.learn import Learned

PIECES = (8, 4, 2)
"""The curve is measured on these parts of the training configurations, and on all of them."""

_SUBSETS = 4  # most that are taken of each size
_POWERS = torch.linspace(0.2, 2.0, 37, dtype=torch.float64)
_TINY = 1e-9  # nats
_SEEN = 3.0  # standard errors from which on the value is said to grow


@dataclass(frozen=True)
class Amount:
    """Held-out values that were learned from so many configurations, on the same test windows.

    Args:
        n: Training configurations.
        values: One for each subset, in nats; no two subsets share a configuration.
    """

    n: int
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the subsets, in nats."""
        return sum(self.values) / len(self.values)


@dataclass(frozen=True)
class Fit:
    r"""What the points of a learning curve say of more configurations.

    .. math:: I(n) = I_\infty - c\, n^{-a}, \quad .2 \le a \le 2

    Means and standard deviations over all powers, each with its likelihood; nats.

    Args:
        limit: I_infinity without the error of the test part, which all points share.
        power: a, a pure number.
        gain: What endless configurations would add to the value of all that there are.
        doubled: What twice as many would add.
        reason: Why the points determine none of these; empty where they do.
    """

    limit: Estimate
    power: Estimate
    gain: Estimate
    doubled: Estimate
    reason: str = ""


@dataclass(frozen=True, repr=False)
class LearningCurve(Outcome):
    """Held-out values against the number of training configurations.

    Args:
        amounts: Increasing in n; all that there are come last.
        statistical: Error by the number of test windows, which all points share.
        fit: What they say of more.
    """

    amounts: tuple[Amount, ...]
    statistical: float
    fit: Fit

    def quantities(self) -> list[Quantity]:
        """The points, then the limit and what more would give where the points determine it."""
        name, errors = "information.learned.curve", _errors(self.amounts)
        points = [
            Quantity.of(
                f"{name}.{point.n}",
                Estimate(point.mean, math.hypot(error, self.statistical), "lower"),
                subsets=len(point.values), training=error, statistical=self.statistical,
            )
            for point, error in zip(self.amounts, errors.tolist(), strict=True)
        ]  # fmt: skip
        if self.fit.reason:
            return points
        limit = self.fit.limit
        total = Estimate(limit.value, math.hypot(limit.error, self.statistical), "estimate")
        return [
            *points,
            Quantity.of(f"{name}.limit", total, training=limit.error, statistical=self.statistical),
            Quantity.of(f"{name}.power", self.fit.power),
            Quantity.of(f"{name}.gain", self.fit.gain),
            Quantity.of(f"{name}.doubled", self.fit.doubled),
        ]

    def __str__(self) -> str:
        n = self.amounts[-1].n
        if self.fit.reason:
            return self.fit.reason
        return (
            f"twice the {n} training configurations would add {self.fit.doubled} to the held-out "
            f"value, endless ones {self.fit.gain}"
        )


def grow(
    train: Callable[[WindowData, str], Learned], data: WindowData, learned: Learned
) -> LearningCurve:
    """Train again on an eighth, a quarter and a half of the training configurations.

    The subsets of one size are pieces of the training part that have no configuration in common,
    four at most; those of different sizes are nested. All values are taken on the same windows.

    Args:
        train: Learns from data, and logs under a name.
        data: What `learned` was learned from.
        learned: The outcome with all of it.

    Raises:
        InputError: For too few configurations.
    """
    found = []
    for pieces in PIECES:
        parts = data.shared(pieces)
        values = [
            train(part, f"curve{pieces}.{i}").information.value
            for i, part in enumerate(parts[:_SUBSETS])
        ]
        found.append(Amount(parts[0].amounts()["training"], tuple(values)))
    found.append(Amount(data.amounts()["training"], (learned.information.value,)))
    return LearningCurve(tuple(found), learned.bound.statistical, fit_growth(found))


def fit_growth(amounts: Sequence[Amount]) -> Fit:
    """Fit a learning curve, see `Fit`.

    What a predictor loses falls as 1/n, and so does the scatter of that; the standard deviation of
    a value by the choice of its configurations is taken as s/n, with s from all subsets.

    >>> values = [(n, 0.46 - 2 / n) for n in (100, 200, 400, 800)]
    >>> points = [Amount(n, (value - 1e-5, value + 1e-5)) for n, value in values]
    >>> print(fit_growth(points).limit)
    0.460000(12) nats
    """
    n = torch.tensor([point.n for point in amounts], dtype=torch.float64)
    values = torch.tensor([point.mean for point in amounts], dtype=torch.float64)
    errors = _errors(amounts)
    scaled = n / n[-1]
    design = torch.stack([torch.ones_like(scaled).expand(len(_POWERS), -1), -_grown(scaled)], -1)
    weighted, y = design / errors[:, None], values / errors
    covariance = torch.linalg.inv(weighted.mT @ weighted)
    best = (covariance @ weighted.mT @ y[:, None]).squeeze(-1)
    residual = ((weighted @ best[..., None]).squeeze(-1) - y).square().sum(-1)
    chance = (-0.5 * residual).softmax(0)

    def averaged(*along: Tensor) -> Estimate:
        """Of a linear function of I_infinity and c N^-a, whose slopes may depend on a."""
        slope = torch.stack(along, -1)
        own = (slope * best).sum(-1)
        mean = (chance * own).sum()
        inner = (slope[:, None] @ covariance @ slope[..., None]).flatten()
        error = (chance * (inner + (own - mean).square())).sum().sqrt()
        return Estimate(float(mean), float(error), "estimate")

    power = float((chance * _POWERS).sum())
    spread = float((chance * (_POWERS - power).square()).sum().sqrt())
    none, one = torch.zeros_like(_POWERS), torch.ones_like(_POWERS)
    gain, doubled = averaged(none, one), averaged(none, 1 - 2**-_POWERS)
    rise = Estimate(
        float(values[-1] - values[0]), math.hypot(float(errors[0]), float(errors[-1])), "estimate"
    )
    flat = (values - (values / errors**2).sum() / (1 / errors**2).sum()) / errors
    seen = float(flat.square().sum() - residual.min()) ** 0.5
    span = f"from {amounts[0].n} to {amounts[-1].n} training configurations"
    reason = _undetermined(f"{span} the held-out value rises by {rise}", seen, rise, gain)
    return Fit(averaged(one, none), Estimate(power, spread, "estimate", "1"), gain, doubled, reason)


def _undetermined(span: str, seen: float, rise: Estimate, gain: Estimate) -> str:
    """Why points do not determine a limit; empty where they do.

    Args:
        span: What was measured, in words.
        seen: By how many errors a growth describes the points better than none.
        rise: From the fewest configurations to all.
        gain: What endless ones would add.
    """
    if rise.value <= 0 or seen < _SEEN:
        return (
            f"{span}; that it grows is seen by {seen:.1f} errors of the scatter between trainings, "
            f"fewer than three, so no limit is fitted; endless ones might add {gain}"
        )
    if gain.error > rise.value:
        return (
            f"{span}, and endless ones would add {gain}, known worse than that: no limit is "
            "quoted; bring more configurations"
        )
    return ""


def _grown(scaled: Tensor) -> Tensor:
    """(n / N)^-a for all powers, (powers, points)."""
    return scaled ** -_POWERS[:, None]


def _errors(amounts: Sequence[Amount]) -> Tensor:
    """Standard errors of the means by the choice of configurations, with the spread of all."""
    squares = sum(
        point.n**2 * sum((v - point.mean) ** 2 for v in point.values) for point in amounts
    )
    freedom = sum(len(point.values) - 1 for point in amounts)
    # The factor widens the errors as Student's t does, since few subsets tell the spread.
    variance = squares / max(freedom - 2, 1)
    counts = [point.n**2 * len(point.values) for point in amounts]
    return (variance / torch.tensor(counts, dtype=torch.float64)).sqrt().clamp(min=_TINY)
