"""`rsmi fit`: training with all options of model, data and Trainer (LightningCLI)."""

import logging
import signal
import sys
import warnings
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import yaml
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

from rsmi.cli.configs import options_of, with_config
from rsmi.cli.output import Output
from rsmi.cli.parsing import Explaining, input_error
from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import place
from rsmi.learning import save_rule
from rsmi.learning.data import WindowData
from rsmi.learning.growth import LearningCurve, grow
from rsmi.learning.held_out import Bound, null_reason
from rsmi.learning.joint import JointRSMI
from rsmi.learning.learn import (
    TRAINER_DEFAULTS,
    Learned,
    alike,
    learn,
    learn_null,
    parts_for,
    quiet_lightning,
    train,
    training_callbacks,
)
from rsmi.learning.posterior import PosteriorRSMI
from rsmi.learning.predictor import MEMBERS
from rsmi.learning.results import carried
from rsmi.learning.rsmi import RSMI
from rsmi.learning.settings import check_memory_of_learning
from rsmi.runs.result import RULE_NAME
from rsmi.storage import check_lattice
from rsmi.storage.interface import space_of


class _Parser(LightningArgumentParser, Explaining):
    """Lightning's parser with our way of complaining."""

    error = Explaining.error
    known = options_of(WindowData, "data.") | {
        name: option
        for model in (JointRSMI, PosteriorRSMI)
        for prefix in ("model.", "model.init_args.")
        for name, option in options_of(model, prefix).items()
    }


class FitCLI(LightningCLI):
    """Lightning's command line with one window for model and data, and an output directory."""

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Use a parser whose errors are raised."""
        parser = _Parser(**kwargs)
        parser.add_argument("-c", "--config", action="config", help="YAML file of these options")
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what Lightning does not know."""
        parser.link_arguments("data.window", "model.init_args.window")
        parser.link_arguments("seed_everything", "model.init_args.seed", compute_fn=int)
        parser.add_argument("--out", type=str, required=True, help="directory for the results")
        parser.add_argument(
            "--null", type=bool, default=True,
            help="train once more with blocks beside environments of other chains; must give 0",
        )  # fmt: skip
        parser.add_argument(
            "--curve", type=bool, default=False,
            help="train again on an eighth, a quarter and a half of the training configurations",
        )  # fmt: skip
        parser.add_argument("--patience", type=int, default=6, help="early stopping, in epochs")
        parser.add_argument(
            "--resume", action="store_true", help="begin an interrupted training of --out again"
        )

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """A Trainer that also keeps the best state, stops early and logs where it should."""
        given = self.config_init["trainer"]
        directory = Path(self.config["out"]) / "training"
        ours = training_callbacks(directory, self.config["patience"])
        logger = given.get("logger") or CSVLogger(directory, name="", version="")
        return super().instantiate_trainer(
            callbacks=[*(given.get("callbacks") or []), *ours, _Ending()], logger=logger, **kwargs
        )


class _Ending(Callback):
    """Leaves SIGTERM to the command: Lightning's own answer is exit code 0, or to wait for ever."""

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, *_: Any) -> None:
        """Undo what Lightning has just installed."""
        signal.signal(signal.SIGTERM, self._handler)

    def on_validation_start(self, *_: Any) -> None:
        """The same where it validates alone."""
        self.on_train_start()


def main(arguments: Sequence[str]) -> None:
    """Parse, train, save the rule and its held-out information."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    with quiet_lightning(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Lightning's calls of jsonargparse
        cli = _explained(arguments)
    with cli.datamodule.open() as samples:
        check_lattice(samples)
        placed = place(cli.datamodule.window, space_of(samples))
        widths = cli.config["model"]["init_args"]["hidden"]
        check_memory_of_learning(cli.datamodule, widths, placed, samples.n)
    _check_devices(cli)
    if cli.trainer.is_global_zero:
        _lead(cli)
    else:
        _follow(cli)


def _lead(cli: FitCLI) -> None:
    """Learn, and write everything."""
    settings = yaml.safe_load(cli.parser.dump(cli.config))
    resume = settings.pop("resume")
    output = Output("fit", settings, cli.config["out"], resume)
    try:
        with output.stage("learning", "Learning a rule"):
            fresh = deepcopy(cli.model)
            learned = learn(cli.model, cli.datamodule, cli.trainer)
            output.say(cli.datamodule.order)
            output.say(f"symmetries used: {cli.datamodule.symmetry}")
            null, grown = _further(cli, fresh, learned)
    except BaseException:
        if cli.trainer.strategy.launcher is not None:
            cli.trainer.strategy.launcher.kill(signal.SIGKILL)  # they would wait for this one
        raise
    save_rule(learned.rule, Path(cli.config["out"]) / RULE_NAME, {"config": output.settings})
    quantities = carried(learned, cli.datamodule.symmetry, null, grown)
    output.finish(quantities, cli.config["seed_everything"])
    if grown is not None:
        output.say(grown)
    error = learned.information.error
    if null is not None and (reason := null_reason(null.information, error)):
        raise AnalysisError(f"{reason}; all that was found is in {cli.config['out']}")


def _further(
    cli: FitCLI, fresh: RSMI, learned: Learned
) -> tuple[Bound | None, LearningCurve | None]:
    """The null and the learning curve, as far as they were asked for."""
    null = grown = None
    if cli.config["null"] and not cli.datamodule.shuffle_environments:
        null = learn_null(deepcopy(fresh), learned, cli.datamodule, alike(cli.trainer, "null"))
    if cli.config["curve"]:
        grown = grow(
            lambda data, name: learn(deepcopy(fresh), data, alike(cli.trainer, name)),
            cli.datamodule,
            learned,
        )
    return null, grown


def _follow(cli: FitCLI) -> None:
    """Learn with the process that leads, which alone writes and speaks, and ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    train(cli.model, parts_for(cli.model, cli.datamodule)[0], cli.trainer)


def _check_devices(cli: FitCLI) -> None:
    """Refuse a way of sharing the work that would change the numbers, or lose them."""
    strategy, size = cli.trainer.strategy, cli.trainer.world_size
    # A process that was spawned or forked takes the best state and the curve with it.
    launched = isinstance(strategy.launcher, _SubprocessScriptLauncher)
    ddp = type(strategy) is DDPStrategy and launched
    if not (ddp or isinstance(strategy, SingleDeviceStrategy)):
        raise InputError(
            f"trainer.strategy is {cli.config['trainer']['strategy']!r}; a rule is learned on one "
            "device, or on several with --trainer.strategy ddp"
        )
    shares = MEMBERS * size if size > 1 else 1
    if cli.datamodule.batch_size % shares:
        raise InputError(
            f"data.batch_size is {cli.datamodule.batch_size}, which the {MEMBERS} networks of a "
            f"predictor on {size} devices cannot share equally; expected a multiple of {shares}"
        )


def _explained(arguments: Sequence[str]) -> FitCLI:
    """Parse; what a module or Lightning's Trainer refuses is bad input too."""
    try:
        return _parse(arguments)
    except InputError:
        raise
    except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
        reason = input_error(error) or f"trainer: {' '.join(str(error).split())}"
        raise InputError(f"{reason}; see `rsmi fit --help`") from None


def _parse(arguments: Sequence[str]) -> FitCLI:
    return FitCLI(
        RSMI,
        WindowData,
        args=with_config(arguments, "fit", _Parser.known),
        run=False,
        subclass_mode_model=True,
        save_config_callback=None,
        seed_everything_default=0,
        trainer_defaults=TRAINER_DEFAULTS
        | {"max_epochs": 12, "enable_progress_bar": sys.stderr.isatty()},
        parser_kwargs={"prog": "rsmi fit", "description": __doc__, "allow_abbrev": False},
    )
