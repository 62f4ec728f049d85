"""Train a rule, and state what it is worth on configurations that it never saw."""

import logging
import math
import signal
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
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
        seconds: Spent in training.
        target: What they are the information of, under `information.exact`: `full` for the whole
            block, or the best rule.
        judge: The module whose predictor values the rule.
        amounts: How many configurations each part had, by its use.
    """

    rule: Rule
    bound: Bound
    curve: list[CurvePoint]
    seconds: float
    target: str
    judge: RSMI
    amounts: Mapping[str, int]

    @property
    def information(self) -> Estimate:
        """Held-out information of the rule, a lower bound in nats."""
        return self.bound.information


def learn(model: RSMI, data: WindowedData, trainer: pl.Trainer) -> Learned:
    """Train until the held-out information stops growing, go back to the best state, test it.

    A rule that is learned together with its predictor is frozen and hardened; another predictor,
    with other weights, then learns it on configurations of which neither rule nor first predictor
    saw one, and values it.

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
    choice, value = parts_for(model, data)
    model.check_rule(choice)
    fit_best(model, choice, trainer)
    _settle(model, choice)
    points, judge, amounts = curve(trainer), model, value.amounts()
    seconds = points[-1].seconds
    if model.chooses:
        judge, again = model.judge(), alike(trainer, "judge")
        fit_best(judge, value, again)
        _settle(judge, value)
        seconds += curve(again)[-1].seconds
        own = {f"rule.{name}": n for name, n in choice.amounts().items() if name != "test"}
        amounts = own | amounts
    bound = held_out_bound(judge, value.test_windows(), judge.rule())
    if not data.shuffle_environments:  # a null is judged as one, see `check_null`
        check_bound(bound.information)
    return Learned(judge.rule(), bound, points, seconds, model.target, judge, amounts)


def learn_null(model: RSMI, learned: Learned, data: WindowedData, trainer: pl.Trainer) -> Bound:
    """Learn once more, each block beside the environment of another chain; the true value is 0.

    Args:
        model: A fresh module like the one that learned. Where it would choose a rule, the rule that
            was learned is valued instead: one that is learned from nothing may keep nothing.
        learned: What it learned.
        data: What it learned from.
        trainer: As for `learn`.
    """
    shuffled = data.shuffled()
    if model.chooses:
        model, shuffled = learned.judge.judge(), shuffled.divided()[1]
    return learn(model, shuffled, trainer).bound.rounded()


def parts_for(model: RSMI, data: WindowedData) -> tuple[WindowedData, WindowedData]:
    """The data on which a module is trained, and those on which its rule is valued."""
    data.setup("fit")
    return data.divided() if model.chooses else (data, data)


def _settle(model: RSMI, data: WindowedData) -> None:
    v, e = zip(*data.val_dataloader(), strict=True)
    model.settle(torch.cat(v), torch.cat(e))


def fit_best(model: RSMI, data: WindowedData, trainer: pl.Trainer) -> None:
    """Train until the held-out information stops growing, and go back to the best state.

    That of the untrained module is one of them: where nothing is to be learned it is the best.

    Raises:
        InputError: As `learn`.
        AnalysisError: Where the loss is no number any more.
    """
    data.setup("fit")
    model.build(data)
    start = deepcopy(model.state_dict())
    train(model, data, trainer)
    best = str(getattr(trainer.checkpoint_callback, "best_model_path", ""))
    if not best:
        raise InputError("training made no step; give max_epochs and steps_per_epoch of at least 1")
    points = [point.information for point in curve(trainer)]
    if max(points[1:]) > points[0]:
        start = torch.load(best, weights_only=True, map_location="cpu")["state_dict"]
    model.load_state_dict(start)
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
    max_steps: int = -1,
    precision: Any = "32-true",
) -> pl.Trainer:
    """A Trainer that logs to `directory` as CSV, keeps the best state and stops early.

    Args:
        directory: Receives `metrics.csv` and the best checkpoint.
        max_epochs: Most validations.
        patience: Validations without a new best value after which training stops.
        accelerator: `auto`, `cpu` or `gpu`.
        progress: Whether to show a progress bar.
        max_steps: Most training steps; -1 for no other limit.
        precision: Of the weights, as for Lightning's Trainer.
    """
    with quiet_lightning():
        return pl.Trainer(
            max_epochs=max_epochs,
            max_steps=max_steps,
            precision=precision,
            accelerator=accelerator,
            devices=1,
            logger=CSVLogger(directory, name="", version=""),
            callbacks=training_callbacks(directory, patience),
            enable_progress_bar=progress,
            **TRAINER_DEFAULTS,
        )


def alike(trainer: pl.Trainer, name: str) -> pl.Trainer:
    """A Trainer that does as much as another, on one device, and logs below its directory."""
    callbacks: list[Callback] = getattr(trainer, "callbacks")  # noqa: B009, set outside __init__
    kept = getattr(trainer.checkpoint_callback, "dirpath", None) or trainer.default_root_dir
    return make_trainer(
        Path(kept) / name,
        trainer.max_epochs or -1,
        next((c.patience for c in callbacks if isinstance(c, EarlyStopping)), 6),
        "gpu" if trainer.strategy.root_device.type == "cuda" else "cpu",
        trainer.progress_bar_callback is not None,
        trainer.max_steps,
        trainer.precision,
    )


def training_callbacks(directory: str | Path, patience: int) -> list[Callback]:
    """The curve, a guard, the best checkpoint and early stopping, on held-out information."""
    return [
        Curve(),
        Finite(directory),
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


class Finite(Callback):
    """Stops a training whose numbers are none any more, and writes the last good state.

    Args:
        directory: Receives `last_good.ckpt`, the weights of the last finite validation.

    Raises:
        AnalysisError: In training, with the step.
    """

    def __init__(self, directory: str | Path) -> None:
        self._path, self._step = Path(directory) / "last_good.ckpt", 0
        self._good: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the weights, or stop."""
        value = float(trainer.callback_metrics[_MONITOR])
        weights = {name: w.detach().cpu().clone() for name, w in pl_module.state_dict().items()}
        if not math.isfinite(value):
            self._stop(trainer, f"the information of the validation part is {value}")
        self._good, self._step = weights, trainer.global_step

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Look at the gradients, which all devices share by now."""
        sums = [p.grad.sum() for p in pl_module.parameters() if p.grad is not None]
        if not bool(torch.stack(sums).isfinite().all()):
            loss = float(trainer.callback_metrics.get("loss", math.nan))
            self._stop(trainer, f"the loss or its gradient is no number any more ({loss})")

    def _stop(self, trainer: pl.Trainer, reason: str) -> NoReturn:
        failed = f"the training failed at step {trainer.global_step}: {reason}"
        if not self._good:
            raise AnalysisError(
                f"{failed} before anything was learned; look for what is no number in a network of "
                "your own, or in its weights"
            )
        if trainer.is_global_zero:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            torch.save({"state_dict": self._good}, self._path)
        raise AnalysisError(
            f"{failed}; the weights of step {self._step}, the last good ones, are in {self._path}; "
            "lower learning_rate"
        )


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
