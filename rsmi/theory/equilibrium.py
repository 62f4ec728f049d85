"""Scale-invariant weights under weight decay: equilibrium, and when curves may be compared."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, format_with_error
from rsmi.progress import Progress, silent

WITHIN = 0.05
"""How near to its equilibrium a run counts as being there."""

_MEMORY = 5
"""Steps, in units of 1 / (1 - momentum), after which momentum has forgotten its start."""

_SETTLING = 10.0
"""1/e times after which a run that began anywhere near is in equilibrium."""


@dataclass(frozen=True)
class Rate:
    """Learning rate, weight decay and momentum of plain SGD.

    Args:
        rate: Learning rate eta.
        decay: Weight decay lambda, whose gradient is lambda w.
        momentum: mu, without dampening.

    Raises:
        InputError: For values out of range, for which there is no equilibrium.
    """

    rate: float
    decay: float
    momentum: float = 0.0

    def __post_init__(self) -> None:
        usable = self.rate > 0 and self.decay > 0 and 0 <= self.momentum < 1
        if not (usable and self.intrinsic < 1):
            raise InputError(
                f"learning rate {self.rate}, weight decay {self.decay} and momentum "
                f"{self.momentum} have no equilibrium; expected rate and decay above 0, momentum "
                "from 0 to below 1, and rate x decay / (1 - momentum) below 1"
            )

    @property
    def effective(self) -> float:
        """eta / (1 - mu), the step that momentum amounts to."""
        return self.rate / (1 - self.momentum)

    @property
    def intrinsic(self) -> float:
        """The intrinsic learning rate, eta lambda / (1 - mu)."""
        return self.effective * self.decay

    @property
    def steps(self) -> float:
        r"""Steps in which the distance of :math:`\|w\|^4` to equilibrium falls by e."""
        return 1 / (4 * self.intrinsic)

    @property
    def turning(self) -> float:
        r"""Steps in which the direction of w is forgotten to 1/e, :math:`1/(\eta\lambda)`."""
        return 1 / self.intrinsic

    @property
    def angle(self) -> float:
        """Angle in radians by which the weights turn in a step at equilibrium."""
        return math.sqrt(2 * self.rate * self.decay / (1 + self.momentum))

    def fourth_power(self, noise: float) -> float:
        r"""Where :math:`\|w\|^4` goes, for :math:`G = \langle \|g\|^2 \|w\|^2 \rangle`."""
        return self.effective * noise / (2 * self.decay)


def scale_invariant_runs(
    rate: Rate,
    steps: int,
    *,
    runs: int = 10,
    dimension: int = 1000,
    start: float = 1.0,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    r"""Run SGD on a loss that does not depend on the size of w, and has no other structure.

    .. math:: L_t(w) = \xi_t \cdot w / \|w\|, \qquad \xi_t \sim N(0, 1/(d-1)), \qquad G = 1

    Args:
        rate: Learning rate, weight decay, momentum.
        steps: Number of steps.
        runs: Independent runs side by side.
        dimension: d, of w.
        start: :math:`\|w\|^4` at the start, in units of its equilibrium.
        seed: Of the starts and of all gradients.

    Returns:
        (runs, steps + 1) :math:`\|w\|^4` in units of its equilibrium, and (runs, steps) angles in
        radians.

    Raises:
        InputError: For fewer than 2 dimensions, no step, no run, or a start at 0.
    """
    if dimension < 2 or min(steps, runs) < 1 or not start > 0:
        raise InputError(
            f"dimension {dimension}, {steps} steps of {runs} runs, start {start}; expected a "
            "dimension of at least 2, at least 1 step and 1 run, and a start above 0"
        )
    generator = torch.Generator().manual_seed(seed)
    scale = rate.fourth_power(1.0)
    w = _normal((runs, dimension), generator)
    w *= (start * scale) ** 0.25 / w.norm(dim=1, keepdim=True)
    memory, norms, angles = torch.zeros_like(w), [w.norm(dim=1)], []
    for _ in range(steps):
        noise = _normal((runs, dimension), generator) / math.sqrt(dimension - 1)
        unit = w / norms[-1][:, None]
        across = noise - (noise * unit).sum(1, keepdim=True) * unit
        memory = rate.momentum * memory + across / norms[-1][:, None] + rate.decay * w
        w = w - rate.rate * memory
        norms.append(w.norm(dim=1))
        angles.append(turned(unit, w))
    return torch.stack(norms, 1) ** 4 / scale, torch.stack(angles, 1)


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def turned(before: Tensor, after: Tensor) -> Tensor:
    """Angles (...) between vectors (..., d), in radians, exact for small ones."""
    a, b = (F.normalize(one.double(), dim=-1) for one in (before, after))
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))


def relaxation_steps(fourth: Tensor, end: float) -> float:
    r"""Steps in which the distance to the end falls by e: its sum over its start.

    Args:
        fourth: (steps,) :math:`\|w\|^4` from a start away from the end on.
        end: Its value in equilibrium.

    >>> decay = 1 + 8 * torch.exp(-torch.arange(2000) / 50.0)
    >>> round(relaxation_steps(decay, 1.0))
    50
    """
    away = fourth - end
    return float(away.sum() / away[0]) - 0.5


def settled_step(
    fourth: Sequence[float], noise: Sequence[float], rate: Rate, within: float = WITHIN
) -> int | None:
    r"""From which step on weights no longer remember the size they began with.

    .. math:: \Big| \frac{\|w_0\|^4}{\eta G / 2\lambda} - 1 \Big| e^{-4 \eta \lambda t} < \epsilon

    Args:
        fourth: :math:`\|w\|^4` before each step.
        noise: :math:`\|g\|^2 \|w\|^2` of each step, whose mean over the second half is G.
        rate: Of all these steps.
        within: :math:`\epsilon`.

    Returns:
        The step; None where the run is too short for it, or where what follows is farther from
        equilibrium than that on average, as while G still changes.
    """
    u, g = (torch.tensor(one, dtype=torch.float64) for one in (fourth, noise))
    if len(u) < 2:
        return None
    end = rate.fourth_power(float(g[len(g) // 2 :].mean()))
    away = abs(float(u[0]) / end - 1) if end > 0 else math.inf
    step = math.ceil(rate.steps * max(math.log(away / within), 0.0)) if away > 0 else 0
    if not math.isfinite(away) or step >= len(u) - rate.steps:
        return None
    ratio = float(u[step:].mean()) / rate.fourth_power(float(g[step:].mean()))
    return step if abs(ratio - 1) < within else None


def comparable_step(
    rate: Rate, settled: Sequence[int | None], within: float = WITHIN
) -> int | None:
    r"""From which step on curves no longer depend on the start.

    Once their size is settled, weights turn by a random angle in each step, so that the direction
    they had is forgotten as :math:`e^{-\eta\lambda t}`.

    Args:
        rate: Of the run.
        settled: What `settled_step` says of its weights.
        within: What may be left.

    Returns:
        The last of these steps and :math:`\ln(1/\epsilon)/(\eta\lambda)` more; None where one is.

    >>> comparable_step(Rate(0.1, 0.01), [500, 700])
    3696
    """
    known = [step for step in settled if step is not None]
    if not known or len(known) < len(settled):
        return None
    return max(known) + math.ceil(rate.turning * math.log(1 / within))


@dataclass(frozen=True)
class NormalisedNet:
    """Two networks whose hidden weights have no size that matters, with one intrinsic rate.

    Args:
        width: Hidden units, each normalised over the batch.
        inputs: Numbers of an input.
        batch: Rows of a step.
        ratio: Learning rate of the second network over that of the first; its weight decay is
            smaller by as much.
        times: Length of the training, in 1/e times of the first rate.
    """

    width: int = 32
    inputs: int = 16
    batch: int = 32
    ratio: float = 16.0
    times: float = 28.0

    def __post_init__(self) -> None:
        if min(self.width, self.inputs) < 1 or self.batch < 2 or not self.ratio > 0:
            raise InputError(
                f"width {self.width}, inputs {self.inputs}, batch {self.batch}, ratio "
                f"{self.ratio}; expected at least 1, 1, 2 and a ratio above 0"
            )


@dataclass(frozen=True)
class Intrinsic:
    """Which processes are looked at.

    Args:
        rates: Learning rate, weight decay and momentum of each.
        start: Of the norm to the fourth power, in units of its equilibrium.
        times: Length of a run, in 1/e times.
        dimension: Of the weights.
        seeds: Runs of each, at least 2.
        network: Two networks with one intrinsic rate; none with null.
        seed: Of everything that is drawn.
    """

    rates: tuple[Rate, ...] = (Rate(0.1, 0.01), Rate(0.4, 0.0025), Rate(0.05, 0.01, 0.5))
    start: float = 10.0
    times: float = 20.0
    dimension: int = 500
    seeds: int = 10
    network: NormalisedNet | None = field(default_factory=NormalisedNet)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.rates or self.seeds < 2 or not self.times > _SETTLING:
            raise InputError(
                f"{len(self.rates)} rates, {self.seeds} seeds, {self.times} times; expected at "
                f"least 1 rate, 2 seeds, and more than {_SETTLING:g} times 1/(4 eta lambda)"
            )


@dataclass(frozen=True, repr=False)
class IntrinsicResult(Outcome):
    """Equilibria of scale-invariant weights beside the theory.

    Args:
        runs: By rate, (seeds, steps + 1) norms to the fourth power in units of the equilibrium.
        fourth: Their mean in equilibrium; the theory says 1.
        angle: Radians that the weights turn in a step there.
        steps: In which the distance to equilibrium falls by e.
        losses: Of the two networks, (seeds, steps).
        settled: From which step on each network is in equilibrium, seed by seed.
        settings: What was asked for.
    """

    runs: Mapping[Rate, Tensor]
    fourth: Mapping[Rate, Estimate]
    angle: Mapping[Rate, Estimate]
    steps: Mapping[Rate, Estimate]
    losses: Mapping[Rate, Tensor]
    settled: Mapping[Rate, Sequence[int | None]]
    settings: Intrinsic

    @property
    def comparable(self) -> int | None:
        """From which step on the curves of the two networks may be compared; None if never."""
        steps = [comparable_step(rate, own) for rate, own in self.settled.items()]
        known = [step for step in steps if step is not None]
        end = min((len(one[0]) for one in self.losses.values()), default=0)
        return max(known) if len(known) == len(steps) and known and max(known) < end else None

    def quantities(self) -> list[Quantity]:
        """What each rate leads to beside the theory, and losses before and after equilibrium."""
        name, found = "theory.intrinsic", list[Quantity]()
        for rate in self.runs:
            about = {"rate": rate.rate, "decay": rate.decay, "momentum": rate.momentum}
            for what, own, law in (
                ("fourth", self.fourth, 1.0), ("angle", self.angle, rate.angle),
                ("steps", self.steps, rate.steps),
            ):  # fmt: skip
                found.append(Quantity.of(f"{name}.{what}", own[rate], law, **about))
        if self.comparable is not None:
            found.append(Quantity(f"{name}.comparable", self.comparable, 0, "estimate", "steps"))
            for when, change in self.differences().items():
                found.append(Quantity.of(f"{name}.difference", change, None, when=when))
        return found

    def differences(self) -> dict[str, Estimate]:
        """Ratio of the losses of the two networks, less 1, before and after they are comparable."""
        step = self.comparable
        if step is None:
            return {}
        a, b = self.losses.values()
        parts = {"before": slice(0, step // 4), "after": slice(step, None)}
        return {
            when: _mean(b[:, part].mean(1) / a[:, part].mean(1) - 1, "1")
            for when, part in parts.items()
        }

    def sheets(self) -> list[Sheet]:
        """One row a rate, then the two networks."""
        columns = [
            "eta, lambda, momentum",
            "|w|^4 / theory",
            "angle",
            "theory",
            "1/e steps",
            "theory",
        ]
        rows = [
            [
                f"{r.rate:g}, {r.decay:g}, {r.momentum:g}", _short(self.fourth[r]),
                _short(self.angle[r]), f"{r.angle:.5f}", _short(self.steps[r]), f"{r.steps:.1f}",
            ]
            for r in self.runs
        ]  # fmt: skip
        caption = f"angles in radians for each step; {self.settings.seeds} runs of each"
        found = [Sheet("Scale-invariant weights in equilibrium", columns, rows, caption)]
        return found if not self.losses else [*found, self._network_sheet()]

    def _network_sheet(self) -> Sheet:
        rows = [
            [
                f"{rate.rate:g}, {rate.decay:g}",
                ", ".join(
                    "never" if step is None else f"{step}" for step in sorted(own, key=_last)
                ),
            ]
            for rate, own in self.settled.items()
        ]
        told = [f"{when}: {_short(change)}" for when, change in self.differences().items()]
        caption = (
            f"curves may be compared from step {self.comparable} on; the loss of the second over "
            f"that of the first, less 1: {', '.join(told)}"
            if told
            else "the curves may not be compared yet: give the networks more `times`"
        )
        return Sheet(
            "Two networks of one intrinsic rate",
            ["eta, lambda", "settled from step"],
            rows,
            caption,
        )


def _last(step: int | None) -> float:
    return math.inf if step is None else step


def _short(value: Estimate) -> str:
    return format_with_error(value.value, value.error)


def _mean(values: Tensor, unit: str) -> Estimate:
    error = float(values.std() / math.sqrt(len(values)))
    return Estimate(float(values.mean()), error, "estimate", unit, len(values))


def study_intrinsic(settings: Intrinsic, progress: Progress = silent) -> IntrinsicResult:
    """Run scale-invariant weights to equilibrium, beside the theory.

    Args:
        settings: Which rates, and whether two networks are trained.
        progress: Told how many rates of how many are done.

    Source: Li, Lyu and Arora (2020), arXiv:2010.02916; with momentum Kosson, Messmer and Jaggi
    (2023), arXiv:2305.17212.
    """
    runs, fourth, angle, steps = {}, {}, {}, {}
    for done, rate in enumerate(settings.rates):
        count = math.ceil(settings.times * rate.steps)
        runs[rate], angles = scale_invariant_runs(
            rate, count, runs=settings.seeds, dimension=settings.dimension,
            start=settings.start, seed=settings.seed + done,
        )  # fmt: skip
        after = math.ceil(_SETTLING * rate.steps)
        ends = runs[rate][:, after:].mean(1)
        fourth[rate], angle[rate] = _mean(ends, "1"), _mean(angles[:, after:].mean(1), "rad")
        begun = round(_MEMORY / (1 - rate.momentum))
        away = [relaxation_steps(run[begun : begun + after], 1.0) for run in runs[rate]]
        steps[rate] = _mean(torch.tensor(away, dtype=torch.float64), "steps")
        progress(done + 1, len(settings.rates) + 1)
    losses, settled = _trained(settings)
    progress(len(settings.rates) + 1, len(settings.rates) + 1)
    return IntrinsicResult(runs, fourth, angle, steps, losses, settled, settings)


def _trained(
    settings: Intrinsic,
) -> tuple[dict[Rate, Tensor], dict[Rate, list[int | None]]]:
    """Losses and first steps of equilibrium of two networks with one intrinsic rate."""
    losses: dict[Rate, Tensor] = {}
    settled: dict[Rate, list[int | None]] = {}
    net = settings.network
    if net is None:
        return losses, settled
    first = settings.rates[0]
    for ratio in (1.0, net.ratio):
        rate = Rate(first.rate * ratio, first.decay / ratio)
        found, fourth, noise = _train(net, rate, settings.seeds, settings.seed)
        losses[rate] = found
        settled[rate] = [
            settled_step(u.tolist(), g.tolist(), rate) for u, g in zip(fourth, noise, strict=True)
        ]
    return losses, settled


def _train(net: NormalisedNet, rate: Rate, seeds: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """(seeds, steps) losses on fresh rows, norms to the fourth power, and gradient norms.

    A teacher of the same kind labels the rows with noise; output weights stay as drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (seeds, net.inputs, net.width)
    teacher, w = _normal(shape, generator), _normal(shape, generator) / net.inputs**0.5
    out = _normal((seeds, net.width, 1), generator) / net.width**0.5
    rows: list[list[Tensor]] = [[], [], []]
    for _ in range(math.ceil(net.times * rate.steps)):
        x = _normal((seeds, net.batch, net.inputs), generator)
        goal = _answer(x, teacher, out) + 0.5 * _normal((seeds, net.batch, 1), generator)
        w.requires_grad_(True)
        loss = (_answer(x, w, out) - goal).square().mean((1, 2))
        (gradient,) = torch.autograd.grad(loss.sum(), w)
        w = w.detach()
        size = w.flatten(1).norm(dim=1)
        for row, value in zip(
            rows,
            (loss.detach(), size**4, (gradient.flatten(1).norm(dim=1) * size) ** 2),
            strict=True,
        ):
            row.append(value)
        w = (1 - rate.rate * rate.decay) * w - rate.rate * gradient
    losses, fourth, noise = (torch.stack(row, 1) for row in rows)
    return losses, fourth, noise


def _answer(x: Tensor, w: Tensor, out: Tensor) -> Tensor:
    """Hidden sums normalised over the batch, ReLU, and fixed output weights."""
    z = x @ w
    z = (z - z.mean(1, keepdim=True)) / (z.var(1, keepdim=True, unbiased=False) + 1e-12).sqrt()
    return z.relu() @ out
