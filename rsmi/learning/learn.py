"""Train a rule, and state what it is worth on configurations that it never saw."""

import logging
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.learning.held_out import Bound, check_bound, held_out_bound
from rsmi.learning.rsmi import RSMI
from rsmi.learning.rules import Rule
from rsmi.learning.windowed import WindowedData

_MONITOR = "information/validation"

_ADVICE = (
    ".*does not have many workers.*",
    ".*`__len__` defined.*",
    ".*LeafSpec.*",
    ".*is not empty.*",
    ".*args parameter is intended.*",
    ".*in eval mode at the start of training.*",
)

TRAINER_DEFAULTS: dict[str, Any] = {
    "enable_model_summary": False,
    "log_every_n_steps": 1,
    "num_sanity_val_steps": 0,
}
"""What our training asks of Lightning's Trainer beyond its own defaults."""


@dataclass(frozen=True)
class CurvePoint:
    """Held-out information during training.

    Args:
        step: Training steps done.
        seconds: Since training began.
        information: Of the whole block with a posterior, of the hard rule with a joint module, on
            the validation part, in nats.
    """

    step: int
    seconds: float
    information: float


@dataclass(frozen=True)
class Learned:
    """The outcome of a training.

    Args:
        rule: The hard rule.
        bound: Its held-out information, a lower bound, with the parts of its error.
        curve: Validation values during training.
        target: What they are the information of, under `information.exact`: `full` for the whole
            block, or the best rule.
        seconds: Spent in training.
    """

    rule: Rule
    bound: Bound
    curve: list[CurvePoint]
    seconds: float
    target: str

    @property
    def information(self) -> Estimate:
        """Held-out information of the rule, a lower bound in nats."""
        return self.bound.information


def learn(model: RSMI, data: WindowedData, trainer: pl.Trainer) -> Learned:
    """Train until the held-out information stops growing, go back to the best state, test it.

    Args:
        model: A fresh module; trained in place.
        data: Windows of the same geometry, from a file or from a sampler.
        trainer: From `make_trainer`, or one of your own with `training_callbacks`.

    Returns:
        The rule of the best validation, with its value on the test part.

    Raises:
        InputError: Where the trainer makes no step, or the data break a symmetry that the module
            imposes.
        AnalysisError: Where the training failed: its bound lies below 0.
    """
    data.setup("fit")
    model.check_rule(data)
    fit_best(model, data, trainer)
    v, e = zip(*data.val_dataloader(), strict=True)
    model.settle(torch.cat(v), torch.cat(e))
    bound = held_out_bound(model, data.test_windows(), model.rule())
    if not data.shuffle_environments:  # a null may lie below 0: its predictor knows too much
        check_bound(bound.information)
    points = curve(trainer)
    return Learned(model.rule(), bound, points, points[-1].seconds, model.target)


def fit_best(model: RSMI, data: WindowedData, trainer: pl.Trainer) -> None:
    """Train until the held-out information stops growing, and go back to the best state.

    Raises:
        InputError: As `learn`.
    """
    train(model, data, trainer)
    best = str(getattr(trainer.checkpoint_callback, "best_model_path", ""))
    if not best:
        raise InputError("training made no step; give max_epochs and steps_per_epoch of at least 1")
    state = torch.load(best, weights_only=True, map_location="cpu")
    model.load_state_dict(state["state_dict"])
    model.cpu().eval()


def train(model: RSMI, data: WindowedData, trainer: pl.Trainer) -> None:
    """Train; all that a process has to do that helps another one to learn.

    Args:
        model: A fresh module; trained in place.
        data: Windows of the same geometry.
        trainer: As for `learn`.
    """
    data.setup("fit")
    model.build(data)
    try:
        with quiet_lightning():
            trainer.validate(model, data, verbose=False)  # untrained: where the curve begins
            trainer.fit(model, data)
    except SIGTERMException:  # a SystemExit without a code, which would be success
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        data.teardown("fit")  # after an exception Lightning leaves the thread that draws ahead


def make_trainer(
    directory: str | Path,
    max_epochs: int = 12,
    patience: int = 6,
    accelerator: str = "auto",
    progress: bool = True,
) -> pl.Trainer:
    """A Trainer that logs to `directory` as CSV, keeps the best state and stops early.

    Args:
        directory: Receives `metrics.csv` and the best checkpoint.
        max_epochs: Most validations.
        patience: Validations without a new best value after which training stops.
        accelerator: `auto`, `cpu` or `gpu`.
        progress: Whether to show a progress bar.
    """
    with quiet_lightning():
        return pl.Trainer(
            max_epochs=max_epochs,
            accelerator=accelerator,
            devices=1,
            logger=CSVLogger(directory, name="", version=""),
            callbacks=training_callbacks(directory, patience),
            enable_progress_bar=progress,
            **TRAINER_DEFAULTS,
        )


def training_callbacks(directory: str | Path, patience: int) -> list[Callback]:
    """The curve, the best checkpoint and early stopping, on held-out information."""
    return [
        Curve(),
        ModelCheckpoint(
            directory, "best", monitor=_MONITOR, mode="max", enable_version_counter=False
        ),
        EarlyStopping(_MONITOR, mode="max", patience=patience),
    ]


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's advice that no user of ours can act on, while inside."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        for message in _ADVICE:
            warnings.filterwarnings("ignore", message)
        try:
            yield
        finally:
            logger.setLevel(level)


def curve(trainer: pl.Trainer) -> list[CurvePoint]:
    """Validation values of a training with `training_callbacks`."""
    callbacks: list[Callback] = getattr(trainer, "callbacks")  # noqa: B009, set outside __init__
    return next(c for c in callbacks if isinstance(c, Curve)).points


class Curve(Callback):
    """Records the validation value against steps and time."""

    def __init__(self) -> None:
        self.points: list[CurvePoint] = []
        self._start: float | None = None

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock at the first validation, before any training."""
        self._start = self._start or time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take down one point."""
        value = float(trainer.callback_metrics[_MONITOR])
        seconds = time.perf_counter() - (self._start or 0.0)
        self.points.append(CurvePoint(trainer.global_step, seconds, value))
