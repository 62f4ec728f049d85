"""Measure the layers of a network while Lightning trains it."""

from collections.abc import Sequence

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import nn

from rsmi.errors import InputError
from rsmi.layers.analyse import analyse_layers
from rsmi.layers.inputs.batches import Inputs
from rsmi.layers.interval import Interval
from rsmi.layers.network.selection import Selector
from rsmi.layers.options import Options
from rsmi.layers.report import LayerReport
from rsmi.layers.setting import Setting


class LayerCallback(Callback):
    """Measures chosen layers before training, at chosen epochs, and keeps the reports.

    The data are the callback's own, so that under DDP every process holds the same network and
    the first one measures it alone. Values are logged as `layers/<name>/<quantity>`, intervals
    with `/lower` and `/upper`.

    Args:
        inputs: What to measure on.
        epochs: After which epochs, counted from 1; 0 is the untrained network. Without, 0 and
            every power of two.
        layers: As in `select_layers`, of the module or of `attribute`.
        attribute: Name of the network inside the LightningModule; the module itself without.
        setting: As in `analyse_layers`.
        options: As in `analyse_layers`.

    Raises:
        InputError: For a negative epoch.
    """

    def __init__(
        self,
        inputs: Inputs,
        *,
        epochs: Sequence[int] | None = None,
        layers: Selector | Sequence[Selector] | None = None,
        attribute: str | None = None,
        setting: Setting | None = None,
        options: Options | None = None,
    ) -> None:
        if epochs is not None and any(epoch < 0 for epoch in epochs):
            raise InputError(f"epochs are {list(epochs)}; expected numbers >= 0")
        self.inputs, self.layers, self.attribute = inputs, layers, attribute
        self.setting, self.options = setting, options
        self.epochs = None if epochs is None else frozenset(epochs)
        self.reports: list[tuple[int, LayerReport]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure the untrained network (or, after a resumption, nothing)."""
        if trainer.current_epoch == 0:
            self._measure(trainer, pl_module, 0)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure after this epoch where it is one of those chosen."""
        self._measure(trainer, pl_module, trainer.current_epoch + 1)

    def _measure(self, trainer: pl.Trainer, pl_module: pl.LightningModule, epoch: int) -> None:
        if not (self._due(epoch) and trainer.is_global_zero):
            return
        report = analyse_layers(
            self._network(pl_module),
            self.inputs,
            layers=self.layers,
            setting=self.setting,
            options=self.options,
        )
        self.reports.append((epoch, report))
        for logger in trainer.loggers:
            logger.log_metrics(_metrics(report), step=trainer.global_step)

    def _due(self, epoch: int) -> bool:
        if self.epochs is None:
            return epoch & (epoch - 1) == 0
        return epoch in self.epochs

    def _network(self, module: pl.LightningModule) -> nn.Module:
        if self.attribute is None:
            return module
        network = getattr(module, self.attribute, None)
        if not isinstance(network, nn.Module):
            names = ", ".join(name for name, _ in module.named_children())
            raise InputError(
                f"the LightningModule has no network '{self.attribute}'; it has {names}"
            )
        return network


def _metrics(report: LayerReport) -> dict[str, float]:
    metrics = {}
    for row in report.rows:
        for name, value in row.quantities.items():
            key = f"layers/{row.name}/{name}"
            if isinstance(value, Interval) and not value.is_exact:
                metrics[f"{key}/lower"] = value.lower.value
                metrics[f"{key}/upper"] = value.upper.value
            else:
                metrics[key] = value.lower.value if isinstance(value, Interval) else value.value
        metrics |= {f"layers/{row.name}/{k}": e.value for k, e in row.estimators.items()}
    return metrics
