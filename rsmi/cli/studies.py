"""Studies of layers, each a module of its own: `rsmi layers configs/layers_NAME.yaml`."""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import torch

from rsmi.cli.configs import config_of, given
from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError, nearest

_PARTS = ("Settings", "run")
"""What a study defines: a dataclass, and a function of it, a `Watcher` and a number of threads."""


def study_of(arguments: Sequence[str]) -> str | None:
    """The study that a config or an option names; None for a measurement of one's own network.

    >>> study_of(["--study", "studies.digits", "--out", "here"])
    'studies.digits'
    """
    return given(arguments).get("study") or config_of(arguments).get("study")


def run_study(name: str, arguments: Sequence[str]) -> None:
    """Run a study and write its numbers and its page.

    Args:
        name: Dotted path of its module, importable from the current directory.
        arguments: Of the command.

    Raises:
        InputError: For a path that leads to no study.
    """
    study = _imported(name)
    task, execution = parse("layers", study.Settings, arguments, str(study.__doc__))
    torch.set_num_threads(execution.workers)
    output = Output("layers", task, _directory(arguments, execution.out), execution.resume)
    found = study.run(task, output, execution.workers)
    result = output.finish(found, task.seed)
    with output.stage("figures", "Drawing"):
        output.say(found.write(output.directory, result))


def _imported(name: str) -> ModuleType:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        study = importlib.import_module(name)
    except (ImportError, ValueError) as error:
        here = [f"studies.{path.stem}" for path in Path("studies").glob("[!_]*")]
        raise InputError(
            f"there is no study {name!r} ({error}); {nearest(name, here)}expected the dotted path "
            "of a module that can be imported from here, such as studies.twelve_bits; the studies "
            "of this project stand beside its configs and are not installed: run them in a clone "
            "of the repository"
        ) from None
    if missing := [part for part in _PARTS if not hasattr(study, part)]:
        raise InputError(f"{name} is no study: it has no {' and no '.join(missing)}")
    return study


def _directory(arguments: Sequence[str], out: str | None) -> str:
    """The directory asked for, or `runs/NAME` for the config NAME.yaml."""
    if out is not None:
        return out
    if arguments and not arguments[0].startswith("-"):
        return str(Path("runs") / Path(arguments[0]).stem)
    raise InputError("no output directory; give --out DIR, or a config file as first argument")
