"""Training, measurement and the page."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from rich.text import Text
from torch import nn

from rsmi.cli.layers.printing import printed, stacked
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.studies.averages import Reports, averaged_quantities
from rsmi.cli.studies.digits.networks import cnn, load, mlp
from rsmi.cli.studies.digits.pages import epoch_name, pictures, sheet_of
from rsmi.cli.studies.digits.task import Digits
from rsmi.cli.studies.ensemble import Labelled, accuracy, train_together
from rsmi.cli.studies.run import default_out, published
from rsmi.layers import (
    LayerReport,
    Options,
    analyse_layers,
    finite_inputs,
    quantise,
    with_noise,
)
from rsmi.report import Quantity

DESCRIPTION = "An MLP and a CNN on scikit-learn's digits: exact, quantised and noisy entropies."

_LAYERS = ("T*",)
_RANGE = (-1.0, 1.0)
_TEST = 360
"""Images that are kept from training."""


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("layers", Digits, arguments, DESCRIPTION)
    Study(task, execution, default_out(arguments, execution.out)).run()


class Study:
    """Both networks in all variants.

    Args:
        task: Settings.
        execution: Threads.
        out: Directory for everything.
    """

    def __init__(self, task: Digits, execution: Execution, out: str) -> None:
        self.task, self.most = task, max(task.levels)
        torch.set_num_threads(execution.workers)
        x, y = load()
        self.inputs = finite_inputs(x, y)
        self.test, self.train = Labelled(x[:_TEST], y[:_TEST]), Labelled(x[_TEST:], y[_TEST:])
        self.output = Output("layers", task, out, execution.resume)
        self.quantities: list[Quantity] = []

    def run(self) -> None:
        """Carry out all steps."""
        found = {name: self._network(name, make) for name, make in (("MLP", mlp), ("CNN", cnn))}
        plane = {f"{name}, {self.most} levels": self._epochs(found[name]) for name in found}
        tables = [sheet_of(name, variants) for name, variants in found.items()]
        table = stacked([part for sheet in tables for part in (printed(sheet), Text())])
        result = self.output.finish(self.quantities, self.task.seed, table=table)
        title = "What networks forget of handwritten digits"
        published(self.output, result, title, tables, partial(pictures, found, plane))

    def _network(self, name: str, make: Callable[[], nn.Module]) -> dict[str, Reports]:
        kept = self._train(name, make)
        first, last = kept[0], kept[self.task.fit.epochs]
        found: dict[str, Reports] = {}
        with self.output.stage(f"{name}.layers", f"Measuring {name}s"):
            found["as it is"] = [self._measured(net) for net in last]
            for levels in self.task.levels:
                found[f"{levels} levels"] = [self._rounded(net, levels) for net in last]
            found[self._untrained] = [self._rounded(net, self.most) for net in first]
        with self.output.stage(f"{name}.noise", f"Measuring noisy {name}s"):
            for sigma in self.task.noise:
                found[f"noise {sigma:g}"] = [self._noisy(net, sigma) for net in last]
        with self.output.stage(f"{name}.epochs", "Measuring earlier epochs"):
            for epoch in self.task.at[1:-1]:
                found[epoch_name(epoch)] = [self._rounded(net, self.most) for net in kept[epoch]]
        for variant, reports in found.items():
            self.quantities += averaged_quantities(reports, network=name, variant=variant)
        return found

    def _train(self, name: str, make: Callable[[], nn.Module]) -> dict[int, list[nn.Module]]:
        task = self.task
        with self.output.stage(f"{name}.training", f"Training {task.seeds} {name}s"):
            seeds = range(task.seed, task.seed + task.seeds)
            kept = train_together(make, seeds, self.train, task.fit, task.at)
            reached = [round(accuracy(net, self.test), 6) for net in kept[task.fit.epochs]]
            self.output.say(
                f"accuracy on {_TEST} other images {', '.join(f'{share:.3f}' for share in reached)}"
            )
        about = {"network": name, "images": _TEST, "accuracies": reached}
        share = sum(reached) / len(reached)
        # The networks share the test images, so more of them do not make this smaller.
        error = (share * (1 - share) / _TEST) ** 0.5
        self.quantities.append(
            Quantity("layers.study.accuracy", share, error, "estimate", "1", None, about)
        )
        return kept

    @property
    def _untrained(self) -> str:
        return f"{self.most} levels, untrained"

    def _epochs(self, variants: dict[str, Reports]) -> dict[int, Reports]:
        """The quantised networks with the most levels, epoch by epoch."""
        between = [epoch_name(epoch) for epoch in self.task.at[1:-1]]
        names = [self._untrained, *between, f"{self.most} levels"]
        return {epoch: variants[name] for epoch, name in zip(self.task.at, names, strict=True)}

    def _measured(self, net: nn.Module, options: Options | None = None) -> LayerReport:
        return analyse_layers(net, self.inputs, layers=_LAYERS, options=options)

    def _rounded(self, net: nn.Module, levels: int) -> LayerReport:
        return self._measured(quantise(net, _LAYERS, levels, _RANGE))

    def _noisy(self, net: nn.Module, sigma: float) -> LayerReport:
        noisy = with_noise(net, _LAYERS, sigma, self.task.seed)
        return self._measured(noisy, Options(training=self.task.training))
