"""The command itself: a user's own network, or a study named in the config."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from rsmi.cli.layers.data import read_inputs
from rsmi.cli.layers.network import build, dtype_of, quantised
from rsmi.cli.layers.task import Layers
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.cli.studies import run_study, study_of
from rsmi.errors import InputError
from rsmi.layers import (
    Estimators,
    LayerReport,
    Options,
    analyse_layers,
    untrained,
    with_noise,
)
from rsmi.report import write_report
from rsmi.report.layers import layer_figures

DESCRIPTION = (
    "Conditional entropies of every layer of a network, each with a lower and an upper value. "
    "Give --data rows that the network was not trained on: of its training rows, I(T;Y) is what "
    "the network remembers of them. "
    "`rsmi layers CONFIG` with the key `study` in the config runs a study instead, such as "
    "studies.twelve_bits."
)


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    study = study_of(arguments)
    if study is not None:
        run_study(study, arguments)
        return
    task, execution = parse("layers", Layers, arguments, DESCRIPTION)
    Measurement(task, execution).run()


class Measurement:
    """One measurement of one network, with its untrained control if asked for.

    Args:
        task: What to measure.
        execution: Where results go.
    """

    def __init__(self, task: Layers, execution: Execution) -> None:
        self.task = task
        torch.set_num_threads(execution.workers)
        network = build(task.model, task.init_args, task.weights, task.prefix, task.seed)
        network.to(_device(task))
        if task.dtype == "float64":
            network.double()
        self.networks = {"network": network}
        if task.untrained:
            self.networks["untrained"] = untrained(network, task.seed)
        dtype = dtype_of(network, task.dtype)
        self.inputs = read_inputs(
            task.data, dtype, task.labels, task.inputs, task.entropy, task.select
        )
        self.output = Output("layers", task, execution.out, execution.resume)

    def run(self) -> None:
        """Measure, print, write."""
        reports = {name: self._measure(name, net) for name, net in self.networks.items()}
        report = replace(reports["network"], control=reports.get("untrained"))
        task, directory = self.task, self.output.directory
        device = torch.cuda.get_device_name() if task.accelerator == "cuda" else "cpu"
        result = self.output.finish(report, task.seed, device)
        if directory is not None:
            drawn = layer_figures(report, directory / "figures")
            title = f"rsmi layers: {task.model}"
            self.output.say(write_report(directory, result, drawn, [], title, report.sheets()))

    def _measure(self, name: str, network: nn.Module) -> LayerReport:
        with (
            self.output.stage(name, f"Measuring the layers of {self.task.model} ({name})"),
            counting(self.output.console, "inputs") as bar,
        ):
            total = self.inputs.n or 0
            options = replace(
                self._options(),
                progress=lambda done: bar(done, total),
                measured=lambda done, layers: bar(done, layers, "layers"),
            )
            return analyse_layers(
                self._changed(network), self.inputs, layers=self.task.layers, options=options
            )

    def _changed(self, network: nn.Module) -> nn.Module:
        """The network that is measured: as it is, quantised, or noisy."""
        task = self.task
        if task.quantise is not None:
            return quantised(
                network, task.layers, task.quantise, task.range, self.inputs, task.accelerator
            )
        if task.noise is not None:
            return with_noise(network, task.layers, task.noise, task.seed)
        return network

    def _options(self) -> Options:
        task = self.task
        wanted = task.estimators != Estimators()
        return Options(
            quantities=task.quantities,
            take=task.take,
            device=task.accelerator,
            batch_size=task.batch_size,
            keep=task.keep,
            training=task.training,
            estimators=task.estimators if wanted else None,
        )


def _device(task: Layers) -> str:
    if task.accelerator == "cuda" and not torch.cuda.is_available():
        raise InputError("accelerator is cuda and this machine has none; use --accelerator cpu")
    return task.accelerator
