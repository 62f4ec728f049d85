"""`rsmi layers`: a user's own network, or a study named in the config."""

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch

from rsmi.cli.configs import config_of, given
from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError, nearest
from rsmi.layers import (
    Estimators,
    Inputs,
    Options,
    Training,
    analyse_layers,
    build_network,
    drawn_inputs,
    enumerated_inputs,
)
from rsmi.report import write_report
from rsmi.report.layers import layer_figures
from rsmi.sampling import System
from rsmi.storage import Selection

DESCRIPTION = (
    "Conditional entropies of every layer of a network, each with a lower and an upper value. "
    "Give --data rows that the network was not trained on: of its training rows, I(T;Y) is what "
    "the network remembers of them. "
    "`rsmi layers CONFIG` with the key `study` in the config runs a study instead, such as "
    "studies.twelve_bits."
)


@dataclass(frozen=True)
class Layers:
    """A network, its inputs, and how to measure its layers.

    Args:
        model: Class path of the network, or of a function that makes it, such as `mynet.Net`;
            importable from the current directory.
        data: Inputs: `.npz` or HDF5 with `x` and optionally labels `y` and probabilities `p`,
            `.npy`, or a file of configurations. With labels: rows that the network was not
            trained on.
        system: In place of data, a model on a lattice, whose configurations have a known entropy.
        draw: Configurations of the system to draw, a multiple of 64; every one that there is, with
            its probability, without.
        select: Which of its samples, where it holds several or their axes do not say the lattice.
        init_args: Arguments of the class, by name.
        weights: Checkpoint of the network: safetensors, a state dict, or one of Lightning.
        prefix: Before the names of its weights in the checkpoint, such as `net.` or `module.`.
        labels: `.npy` file of labels (n,), where the data hold none.
        layers: Names, patterns such as `encoder.*`, or types such as `ReLU`; without, every
            module that has no children and can be measured.
        inputs: `finite`: the rows are every input there is; `discrete` or `continuous`:
            samples. Without, integers are discrete and floats continuous.
        entropy: Known H(X) of discrete samples, in nats.
        chains: Markov chains that the rows are interleaved from, or `independent`; asked for
            where rows of a bare array are seen not to be independent.
        dtype: What the network computes in; without, what it is made in. `float64` ends most
            effects of rounding.
        quantities: Only these, such as `H(X|T)`; all that are defined without.
        quantise: Number of levels of each unit; the network itself is quantised in the layers
            chosen.
        range: Lowest and highest level; what each layer takes on the data without.
        noise: Standard deviation of Gaussian noise, put into the layers chosen.
        estimators: Common estimators, in a table of their own.
        training: Train networks for tighter certified values of samples.
        untrained: Measure the same architecture with fresh weights too.
        take: For a layer that returns a tuple or dict, which entry is the activation.
        keep: Raw rows kept, at most, for certified values of samples, estimators and noise.
        batch_size: Rows per forward pass, at most.
        accelerator: `cuda` or `cpu`.
        seed: Of fresh weights, of noise, and of drawn configurations.
    """

    model: str
    data: str | None = None
    system: System | None = None
    draw: int | None = None
    select: Selection = field(default_factory=Selection)
    init_args: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None
    prefix: str = ""
    labels: str | None = None
    layers: tuple[str, ...] | None = None
    inputs: Literal["finite", "discrete", "continuous"] | None = None
    entropy: float | None = None
    chains: int | Literal["independent"] | None = None
    dtype: Literal["float32", "float64"] | None = None
    quantities: tuple[str, ...] | None = None
    quantise: int | None = None
    range: tuple[float, float] | None = None
    noise: float | None = None
    estimators: Estimators = field(default_factory=Estimators)
    training: Training | None = None
    untrained: bool = False
    take: dict[str, str | int] = field(default_factory=dict)
    keep: int = 20_000
    batch_size: int = 1024
    accelerator: Literal["cpu", "cuda"] = "cpu"
    seed: int = 0

    def rows(self) -> Inputs | str:
        """Inputs of the network, or the path of a file of them."""
        if (self.data is None) == (self.system is None):
            raise InputError(
                "give either `data` (a file of inputs) or `system` (a model on a lattice), not "
                f"{'both' if self.data else 'neither'}"
            )
        if self.system is None:
            if self.draw is not None:
                raise InputError("draw is a number of configurations of `system`; leave it out")
            return str(self.data)
        if self.draw is None:
            return enumerated_inputs(self.system)
        return drawn_inputs(self.system, self.draw, self.seed)

    def options(self) -> Options:
        """How to measure."""
        return Options(
            quantities=self.quantities,
            take=self.take,
            device=self.accelerator,
            batch_size=self.batch_size,
            keep=self.keep,
            training=self.training,
            estimators=self.estimators if self.estimators != Estimators() else None,
            quantise=self.quantise,
            range=self.range,
            noise=self.noise,
            untrained=self.untrained,
            seed=self.seed,
        )


def main(arguments: Sequence[str]) -> None:
    """Parse, measure, print and write."""
    study = study_of(arguments)
    if study is not None:
        run_study(study, arguments)
        return
    task, execution = parse("layers", Layers, arguments, DESCRIPTION)
    torch.set_num_threads(execution.workers)
    options, rows = task.options(), task.rows()
    network = build_network(
        task.model,
        task.init_args,
        weights=task.weights,
        prefix=task.prefix,
        dtype=task.dtype,
        device=task.accelerator,
        seed=task.seed,
    )
    output = Output("layers", task, execution.out, execution.resume)
    with (
        output.stage("layers", f"Measuring the layers of {task.model}"),
        output.counting("inputs") as bar,
    ):
        report = analyse_layers(
            network,
            rows,
            layers=task.layers,
            labels=task.labels,
            kind=task.inputs,
            entropy=task.entropy,
            chains=task.chains,
            select=task.select,
            options=replace(options, progress=bar),
        )
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
