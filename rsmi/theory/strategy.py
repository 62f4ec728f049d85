"""Births and deaths of hidden units while Lightning trains a two-layer network."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.theory.measure_dynamics import check_count, kept_places


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
