"""What Lightning trains beside the theory: births and deaths of units, and weights at rest."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, format_with_error
from rsmi.theory.equilibrium import WITHIN, Rate, comparable_step, settled_step, turned
from rsmi.theory.measure_dynamics import check_count, kept_places

_INVARIANT = 1e-3
"""Largest share of a gradient along its weights at which they count as scale-invariant."""


class BirthDeath(pl.Callback):
    r"""Copy hidden units that lower the loss by growing, and remove those that raise it.

    Of a network :math:`f(x) = \sum_i c_i\, \phi(w_i \cdot x + b_i)` trained by any optimiser, the
    rate of unit i is :math:`-\alpha\, n \sum_o c_{oi}\, \partial L / \partial c_{oi}`, which is
    :math:`\alpha\, c_i V(y_i)` of `rsmi.theory.train_measure`; units are struck after each step of
    the optimiser with probability :math:`1 - e^{-|r|}`, and their number is kept. What the
    optimiser remembers of a unit, such as its momentum, goes with it.

    Args:
        hidden: Name of the first `Linear` in the LightningModule, such as `net.0`.
        output: Name of the second, which takes the units as they are.
        rate: alpha, for each step.
        seed: Of the draws.

    Raises:
        InputError: At the start of a fit, for names that are no such layers, or one hidden unit.

    Source: Rotskoff, Jelassi, Bruna and Vanden-Eijnden (2019), arXiv:1902.01843.
    """

    def __init__(self, hidden: str, output: str, rate: float = 0.05, seed: int = 0) -> None:
        if not rate >= 0:
            raise InputError(f"rate is {rate}; expected at least 0")
        self.hidden, self.output, self.rate = hidden, output, rate
        self.generator = torch.Generator().manual_seed(seed)
        self.replaced = 0
        self._rates: Tensor | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the layers."""
        first, second = self._layers(pl_module)
        check_count(first.out_features)
        if second.in_features != first.out_features:
            raise InputError(
                f"{self.output} takes {second.in_features} values and {self.hidden} has "
                f"{first.out_features} units; expected the two layers of one network"
            )

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any
    ) -> None:
        """Read the rates off the gradient."""
        _, second = self._layers(pl_module)
        if second.weight.grad is None:
            return
        gain = -(second.weight * second.weight.grad).detach().sum(0)
        self._rates = self.rate * second.in_features * gain

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        """Replace units, once for each step of the optimiser."""
        rates, self._rates = self._rates, None
        if rates is None:
            return
        chance = -torch.expm1(-rates.abs().cpu())
        struck = torch.rand(len(rates), generator=self.generator) < chance
        if not struck.any():
            return
        up = rates.cpu() > 0
        born = (struck & up).nonzero()[:, 0]
        kept = kept_places(born, ~(struck & ~up), self.generator)
        self.replaced += int(struck.sum())
        self._take(trainer, pl_module, kept)

    def _take(self, trainer: pl.Trainer, module: pl.LightningModule, kept: Tensor) -> None:
        first, second = self._layers(module)
        axes = {first.weight: 0, second.weight: 1}
        if first.bias is not None:
            axes[first.bias] = 0
        remembered = [state for one in trainer.optimizers for state in one.state.items()]
        with torch.no_grad():
            for parameter, axis in axes.items():
                parameter.copy_(parameter.index_select(axis, kept.to(parameter.device)))
            for parameter, memory in remembered:
                if parameter not in axes:
                    continue
                for value in memory.values():
                    if torch.is_tensor(value) and value.shape == parameter.shape:
                        own = value.index_select(axes[parameter], kept.to(value.device))
                        value.copy_(own)

    def _layers(self, module: pl.LightningModule) -> tuple[nn.Linear, nn.Linear]:
        found = []
        for name in (self.hidden, self.output):
            try:
                layer = module.get_submodule(name)
            except AttributeError:
                layer = None
            if not isinstance(layer, nn.Linear):
                linear = [n for n, one in module.named_modules() if isinstance(one, nn.Linear)]
                raise InputError(
                    f"{name!r} is no Linear of this module; expected one of "
                    f"{', '.join(linear) or 'none, for it has none'}"
                )
            found.append(layer)
        return found[0], found[1]


class IntrinsicRate(Outcome, pl.Callback):
    r"""Follow scale-invariant weights of a network to their equilibrium under weight decay.

    Weights before a normalisation have a size that changes nothing, so
    :math:`g \cdot w = 0`. Under SGD with rate :math:`\eta` and weight decay :math:`\lambda`

    .. math:: \|w\|^4 \to \frac{\eta G}{2 \lambda}, \qquad
              \mathrm{angle\ per\ step} \to \sqrt{2 \eta \lambda}, \qquad
              G = \langle \|g\|^2 \|w\|^2 \rangle

    within :math:`1/(4\eta\lambda)` steps, whatever the start; directions are forgotten within
    :math:`1/(\eta\lambda)`. Curves of two runs differ by their starts until then
    (`comparable_from`). With momentum :math:`\mu` the rate is :math:`\eta/(1-\mu)`, and the angle
    :math:`\sqrt{2\eta\lambda/(1+\mu)}`.

    Args:
        names: Weights to follow, such as `net.0.weight`; without, every matrix or kernel whose
            first gradient says that its size changes nothing.

    Raises:
        InputError: At the start of a fit for another optimiser than SGD with weight decay, or a
            name that is no parameter; after the first step for weights that are not
            scale-invariant, or where there are none.

    Source: Li, Lyu and Arora (2020), arXiv:2010.02916; with momentum Kosson, Messmer and Jaggi
    (2023), arXiv:2305.17212.
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self.names = None if names is None else list(names)
        self.rate: Rate | None = None
        self.started = 0
        self.fourth: dict[str, list[float]] = {}
        self.noise: dict[str, list[float]] = {}
        self.angles: dict[str, list[float]] = {}
        self._before: dict[str, Tensor] = {}
        self._weights: dict[str, Tensor] = {}
        self._steps = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the optimiser and the names."""
        known = {n: p for n, p in pl_module.named_parameters() if p.requires_grad}
        if self.names is not None and (unknown := [n for n in self.names if n not in known]):
            raise InputError(
                f"{unknown[0]!r} is no trained parameter of this module; expected some of "
                f"{', '.join(known)}"
            )
        asked = [n for n, p in known.items() if p.dim() > 1] if self.names is None else self.names
        self._weights = {name: known[name] for name in asked}
        self._rate_of(trainer)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any
    ) -> None:
        """Keep size and gradient of each weight; forget all of another rate."""
        rate = self._rate_of(trainer)
        if rate != self.rate:
            self.rate, self.started = rate, self._steps
            self.fourth, self.noise, self.angles = {}, {}, {}
        for name in self._chosen():
            w, g = self._weights[name].detach(), self._weights[name].grad
            if g is None:
                continue
            size = float(w.double().norm())
            self.fourth.setdefault(name, []).append(size**4)
            self.noise.setdefault(name, []).append((float(g.double().norm()) * size) ** 2)
            self._before[name] = w.clone()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        """Keep the angle by which each weight has turned, and tell the loggers of it."""
        if not self._before:
            return
        self._steps += 1
        for name, before in self._before.items():
            angle = float(turned(before.flatten(), self._weights[name].detach().flatten()))
            self.angles.setdefault(name, []).append(angle)
        self._before = {}
        if self._steps % getattr(trainer, "log_every_n_steps", 1) == 0:
            metrics = {f"intrinsic/{n}/norm4": v[-1] for n, v in self.fourth.items()}
            metrics |= {f"intrinsic/{n}/angle": v[-1] for n, v in self.angles.items()}
            for logger in trainer.loggers:
                logger.log_metrics(metrics, step=trainer.global_step)

    @property
    def settled(self) -> dict[str, int | None]:
        """From which step on each weight is in equilibrium at the last rate; None if not yet."""
        rate = self._known()
        steps = {n: settled_step(u, self.noise[n], rate) for n, u in self.fourth.items()}
        return {n: None if s is None else s + self.started for n, s in steps.items()}

    @property
    def comparable_from(self) -> int | None:
        """From which step on curves may be compared with those of another run; None if not yet."""
        step = comparable_step(self._known(), list(self.settled.values()))
        return step if step is not None and step < self._steps else None

    def quantities(self) -> list[Quantity]:
        """Size and angle of each weight in equilibrium beside the theory, and from when on."""
        found: list[Quantity] = []
        if self.rate is None:
            return found
        rate = self.rate
        for name, step in self.settled.items():
            about = {"weight": name, "step": step}
            first = len(self.angles[name]) // 2 if step is None else step - self.started
            noise = _averaged(self.noise[name][first:], rate)
            size = _averaged(self.fourth[name][first:], rate)
            end = rate.fourth_power(noise.value)
            ratio = Estimate(size.value / end, size.error / end, "estimate", "1", size.n)
            angle = _averaged(self.angles[name][first:], rate)
            turn = Estimate(angle.value, angle.error, "estimate", "rad", angle.n)
            found.append(Quantity.of("theory.intrinsic.fourth", ratio, 1.0, **about))
            found.append(Quantity.of("theory.intrinsic.angle", turn, rate.angle, **about))
        if self.comparable_from is not None:
            found.append(
                Quantity("theory.intrinsic.comparable", self.comparable_from, 0, "exact", "steps")
            )
        return found

    def sheets(self) -> list[Sheet]:
        """One row a weight."""
        rate = self._known()
        values = {
            (q.context.get("weight"), q.name.rpartition(".")[2]): q for q in self.quantities()
        }
        rows = []
        for name, step in self.settled.items():
            own = [values[name, what] for what in ("fourth", "angle")]
            cells = [format_with_error(one.value, one.error) for one in own]
            rows.append(
                [name, *cells, f"{rate.angle:.5f}", "not yet" if step is None else f"{step}"]
            )
        columns = ["weight", "|w|^4 / theory", "angle", "theory", "settled from step"]
        when = self.comparable_from
        caption = (
            f"eta {rate.rate:g}, lambda {rate.decay:g}, momentum {rate.momentum:g}; "
            f"{self._steps} steps, of which the last {self._steps - self.started} at this rate; "
            "curves may "
            + ("not yet be compared" if when is None else f"be compared from step {when} on")
            + f" with those of another run (less than {WITHIN:.0%} of the start is then left)"
        )
        return [Sheet("Scale-invariant weights", columns, rows, caption)]

    def _known(self) -> Rate:
        if self.rate is None:
            raise InputError("no step was taken yet; give the callback to a Trainer and fit first")
        return self.rate

    def _rate_of(self, trainer: pl.Trainer) -> Rate:
        """Rate, decay and momentum of the optimiser, which all weights share."""
        groups = [
            group
            for one in trainer.optimizers
            for group in one.param_groups
            if any(p is w for p in group["params"] for w in self._weights.values())
        ]
        plain = all(isinstance(one, torch.optim.SGD) for one in trainer.optimizers)
        usable = plain and all(not (g["nesterov"] or g["dampening"]) for g in groups)
        found = {(g["lr"], g["weight_decay"], g["momentum"]) for g in groups if usable}
        if len(found) != 1:
            kinds = ", ".join(type(one).__name__ for one in trainer.optimizers)
            raise InputError(
                f"the optimiser is {kinds} with {len(found)} sets of rates for these weights; "
                "expected one torch.optim.SGD with weight_decay, without nesterov or dampening"
            )
        return Rate(*found.pop())

    def _chosen(self) -> list[str]:
        """The weights followed; chosen by their first gradients."""
        if self.fourth or self._steps > self.started:
            return list(self.fourth)
        along = {name: _along(w) for name, w in self._weights.items() if w.grad is not None}
        chosen = [name for name, share in along.items() if share < _INVARIANT]
        if self.names is not None and len(chosen) < len(along):
            name = next(n for n in along if n not in chosen)
            raise InputError(
                f"{name!r} is not scale-invariant: {along[name]:.1%} of its gradient is along it; "
                "expected weights right before a normalisation, such as those of BatchNorm"
            )
        if not chosen:
            raise InputError(
                "no weight of this network is scale-invariant, so it has no such equilibrium; put "
                "a normalisation (BatchNorm, LayerNorm) right behind a layer without a bias"
            )
        return chosen


def _along(weight: Tensor) -> float:
    """Share of a gradient that lies along its weight."""
    w, g = weight.detach().double().flatten(), weight.grad
    assert g is not None
    size = float(w.norm() * g.double().norm())
    return abs(float(w @ g.double().flatten())) / size if size > 0 else 1.0


def _averaged(values: Sequence[float], rate: Rate) -> Estimate:
    """Mean of a run with the error of blocks of its memory."""
    own = torch.tensor(values, dtype=torch.float64)
    size = min(max(round(rate.steps), 1), max(len(own) // 2, 1))
    blocks = own[: len(own) // size * size].reshape(-1, size).mean(1)
    error = float(blocks.std() / len(blocks) ** 0.5) if len(blocks) > 1 else 0.0
    return Estimate(float(own.mean()), error, "estimate", "1", len(blocks))
