"""`rsmi fit`: training with all options of model, data and Trainer (LightningCLI)."""

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import yaml
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import CSVLogger

from rsmi.cli.configs import with_config
from rsmi.cli.options import options_of
from rsmi.cli.output import Output
from rsmi.cli.parsing import Explaining
from rsmi.cli.rules import RULE
from rsmi.learning import save_filter
from rsmi.learning.data import WindowData
from rsmi.learning.learn import TRAINER_DEFAULTS, learn, quiet_lightning, training_callbacks
from rsmi.learning.rsmi import RSMI, JointRSMI, PosteriorRSMI
from rsmi.report import Quantity


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
        parser.add_argument("--out", type=str, required=True, help="directory for the results")
        parser.add_argument("--patience", type=int, default=6, help="early stopping, in epochs")

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """A Trainer that also keeps the best state, stops early and logs where it should."""
        given = self.config_init["trainer"]
        directory = Path(self.config["out"]) / "training"
        ours = training_callbacks(directory, self.config["patience"])
        logger = given.get("logger") or CSVLogger(directory, name="", version="")
        return super().instantiate_trainer(
            callbacks=[*(given.get("callbacks") or []), *ours], logger=logger, **kwargs
        )


def main(arguments: Sequence[str]) -> None:
    """Parse, train, save the rule and its held-out information."""
    logging.getLogger("lightning_fabric.utilities.seed").setLevel(logging.WARNING)
    with quiet_lightning(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Lightning's calls of jsonargparse
        cli = _parse(arguments)
    with cli.datamodule.open() as samples:
        cli.datamodule.window.check(samples.shape)
    output = Output("fit", yaml.safe_load(cli.parser.dump(cli.config)), cli.config["out"])
    with output.stage("learning", "Learning a rule"):
        learned = learn(cli.model, cli.datamodule, cli.trainer)
    save_filter(learned.rule, Path(cli.config["out"]) / RULE, {"config": output.settings})
    quantities = [Quantity.of("information.learned", learned.information)]
    output.finish(quantities, cli.config["seed_everything"])


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
