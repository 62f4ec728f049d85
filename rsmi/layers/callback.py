"""Measure the layers of a network while Lightning trains it."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.analyse import Options, analyse_layers
from rsmi.layers.counting import row_ids
from rsmi.layers.inputs import input_rows, parted
from rsmi.layers.reading import inputs_of
from rsmi.layers.report import Finding, LayerReport, value_ends
from rsmi.layers.selection import Selector
from rsmi.layers.setting import Setting

_AT_ONCE = 4096


class LayerCallback(Callback):
    """Measures chosen layers before training, at chosen epochs, and keeps the reports.

    Training goes on as if nobody had measured: weights, random numbers and the mode of the
    network are the same with and without the callback.

    Give it rows that the network is not trained on. Of those it is trained on, I(T;Y) is what
    the network remembers of them, up to H(Y) even where labels are chance; where samples are
    among the rows of the first epoch, the callback warns and adds a finding to its reports.

    The data are the callback's own, so that under DDP every process holds the same network and
    the first one measures it alone. Every logger of the trainer gets `layers/epoch` and the values
    as `layers/<name>/<quantity>`, those that are not exact with `/lower`, `/upper` and `/error`;
    `rsmi.layers.information_plane` takes `reports`, or what CSVLogger wrote.

    Args:
        data: What to measure on, as in `inputs_of`; more than once, so no generator.
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
        data: Any,
        *,
        epochs: Sequence[int] | None = None,
        layers: Selector | Sequence[Selector] | None = None,
        attribute: str | None = None,
        setting: Setting | None = None,
        options: Options | None = None,
    ) -> None:
        if epochs is not None and any(epoch < 0 for epoch in epochs):
            raise InputError(f"epochs are {list(epochs)}; expected numbers >= 0")
        self.inputs, self.layers, self.attribute = inputs_of(data), layers, attribute
        self.setting, self.options = setting, options
        self.epochs = None if epochs is None else frozenset(epochs)
        self.reports: list[tuple[int, LayerReport]] = []
        self._rows: list[int] = []
        self._trained: set[int] = set()
        self._findings: list[Finding] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure the untrained network (or, after a resumption, nothing)."""
        if self.inputs.kind != "finite" and trainer.is_global_zero:
            with torch.random.fork_rng(devices=[]):  # a loader that shuffles draws a seed
                for batch in self.inputs.stream(_AT_ONCE):
                    self._rows += _codes(trainer, batch.x)
        if trainer.current_epoch == 0:
            self._measure(trainer, pl_module, 0)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """In the first epoch, remember which of the rows measured are trained on."""
        if self._rows:
            try:
                rows, _ = input_rows(parted(batch)[0])
            except InputError:  # a batch of another form than any we measure on
                return
            self._trained.update(_codes(trainer, rows))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure after this epoch where it is one of those chosen."""
        self._judge_rows()
        self._measure(trainer, pl_module, trainer.current_epoch + 1)

    def _judge_rows(self) -> None:
        """Warn, after the first epoch, if rows measured on were trained on."""
        found = sum(row in self._trained for row in self._rows)
        if found:
            text = (
                f"{found} of the {len(self._rows)} rows measured on are trained on; I(T;Y) of "
                "these is what the network remembers of them and says nothing about others: give "
                "the callback rows that are held out"
            )
            self._findings = [Finding("training rows", "all", text)]
            warnings.warn(f"LayerCallback: {text}", UserWarning, stacklevel=2)
        self._rows, self._trained = [], set()

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
        report = replace(report, findings=[*report.findings, *self._findings])
        self.reports.append((epoch, report))
        for logger in trainer.loggers:
            logger.log_metrics(_metrics(epoch, report), step=trainer.global_step)

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


def _codes(trainer: pl.Trainer, rows: Tensor) -> list[int]:
    """A number for every row, as training sees it under its precision."""
    seen: Tensor = trainer.precision_plugin.convert_input(rows)
    first: list[int] = row_ids(seen.float())[:, 0].tolist()
    return first


def _metrics(epoch: int, report: LayerReport) -> dict[str, float]:
    metrics = {"layers/epoch": float(epoch)}
    for row in report.rows:
        for name, value in row.quantities.items():
            key, ends = f"layers/{row.name}/{name}", value_ends(value)
            for end in ends:
                metrics[key if end.kind == "exact" else f"{key}/{end.kind}"] = end.value
            if error := max(end.error for end in ends):
                metrics[f"{key}/error"] = error
        metrics |= {f"layers/{row.name}/{k}": e.value for k, e in row.estimators.items()}
    return metrics
