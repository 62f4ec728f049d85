"""`rsmi layers`: a user's own network, or a study named in the config."""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import torch

from rsmi.cli.configs import config_of, given
from rsmi.cli.output import Output, default_out
from rsmi.cli.parsing import parse
from rsmi.errors import InputError, nearest
from rsmi.report import write_report
from rsmi.report.layers import layer_figures
from rsmi.runs.layers import Layers, measure_layers

DESCRIPTION = (
    "Conditional entropies of every layer of a network, each with a lower and an upper value. "
    "Give --data rows that the network was not trained on: of its training rows, I(T;Y) is what "
    "the network remembers of them. "
    "`rsmi layers CONFIG` with the key `study` in the config runs a study instead, such as "
    "studies.twelve_bits. `rsmi layers train CONFIG` trains layers toward an entropy, and "
    "`rsmi layers compare CONFIG` puts many ways to train them beside each other; "
    "`rsmi layers plane` draws the information plane of a log, and `rsmi layers shift` compares "
    "networks of several seeds on shifted rows."
)


_TRAININGS = ("train", "compare", "plane", "shift")


def main(arguments: Sequence[str]) -> None:
    """Parse, measure, print and write; or train, or compare trainings."""
    if arguments and arguments[0] in _TRAININGS:
        from rsmi.cli.training import train  # it needs Lightning, which nothing else here does

        train(arguments[0], arguments[1:])
        return
    study = study_of(arguments)
    if study is not None:
        run_study(study, arguments)
        return
    task, execution = parse("layers", Layers, arguments, DESCRIPTION)
    torch.set_num_threads(execution.workers)
    output = Output("layers", task, execution.out, execution.resume)
    with (
        output.stage("layers", f"Measuring the layers of {task.model}"),
        output.counting("inputs") as bar,
    ):
        report = measure_layers(task, bar)
    device = torch.cuda.get_device_name() if task.accelerator == "cuda" else "cpu"
    result = output.finish(report, task.seed, device)
    if output.directory is not None:
        figures = layer_figures(report, output.directory / "figures")
        title = f"rsmi layers: {task.model}"
        page = write_report(output.directory, result, figures, [], title, report.sheets())
        output.say(page)


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
    output = Output("layers", task, execution.out or default_out(arguments), execution.resume)
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
