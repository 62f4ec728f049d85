"""Handwritten digits of scikit-learn: an MLP and a CNN, as they are, quantised and noisy."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from rsmi.cli.layers.network import quantised
from rsmi.cli.layers.printing import sheet, stacked
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.studies.averages import (
    Reports,
    averaged_quantities,
    depth_series,
    layer_names,
    mean,
    paths,
)
from rsmi.cli.studies.ensemble import Fit, accuracy, train_together
from rsmi.cli.studies.run import default_out
from rsmi.errors import AnalysisError, InputError
from rsmi.information import format_with_error
from rsmi.layers import (
    LayerReport,
    Options,
    Training,
    analyse_layers,
    finite_inputs,
    with_noise,
)
from rsmi.report import Figure, Quantity, figures, write_report

DESCRIPTION = "An MLP and a CNN on scikit-learn's digits: exact, quantised and noisy entropies."

_LAYERS = ("T*",)
_TEST = 360
_SPLIT_SEED = 1


@dataclass(frozen=True)
class Digits:
    """The study; X is one of the 1797 images, each as likely as the others.

    Args:
        study: Its name.
        levels: Numbers of levels of quantised networks.
        noise: Standard deviations of the noise of noisy networks, in units of a layer's own
            standard deviation being about 1 (tanh units).
        seeds: Number of networks of each kind.
        at: Epochs at which the quantised networks with the most levels are measured.
        fit: How the networks are trained.
        training: Of the classifiers that bound H(Y|T) of noisy layers.
        seed: Of the first network.
    """

    study: Literal["digits"] = "digits"
    levels: tuple[int, ...] = (2, 3)
    noise: tuple[float, ...] = (0.25, 1.0)
    seeds: int = 4
    at: tuple[int, ...] = (0, 1, 3, 10, 40)
    fit: Fit = field(default_factory=lambda: Fit(40, 64, 3e-3))
    training: Training = field(default_factory=lambda: Training(hidden=64, epochs=8))
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seeds < 2:
            raise InputError(f"seeds is {self.seeds}; the spread between seeds needs at least 2")
        if not self.levels or list(self.at) != sorted(set(self.at)) or self.at[:1] != (0,):
            raise InputError(
                f"levels {list(self.levels)} and epochs {list(self.at)}; expected at least one "
                "number of levels, and increasing epochs that begin with 0"
            )
        if self.at[-1] != self.fit.epochs:
            raise InputError(
                f"the last epoch measured is {self.at[-1]} and training has {self.fit.epochs}; "
                "make them equal"
            )


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
        self.task, self.directory = task, Path(out)
        torch.set_num_threads(execution.workers)
        self.x, self.y = load()
        self.inputs = finite_inputs(self.x, self.y)
        self.output = Output("layers", task, out, execution.resume)
        self.quantities: list[Quantity] = []

    def run(self) -> None:
        """Carry out all steps."""
        found = {name: self._network(name, make) for name, make in (("MLP", mlp), ("CNN", cnn))}
        with self.output.stage("figures", "Drawing"):
            drawn = [_depth(self.directory / "figures", name, found[name]) for name in found]
            drawn.append(self._plane(found))
        tables = [sheet(*_rows(found[name]), title=f"{name}, nats") for name in found]
        result = self.output.finish(self.quantities, self.task.seed, table=stacked(tables))
        page = write_report(
            self.directory, result, drawn, [], "What networks forget of handwritten digits"
        )
        self.output.say(page)

    def _network(self, name: str, make: Callable[[], nn.Module]) -> dict[str, Reports]:
        task = self.task
        kept = self._train(name, make)
        first, last = kept[0], kept[task.fit.epochs]
        found: dict[str, Reports] = {}
        with self.output.stage(f"{name}.layers", f"Measuring {name}s"):
            found["as it is"] = [self._measured(net) for net in last]
            for levels in task.levels:
                found[f"{levels} levels"] = [self._rounded(net, levels) for net in last]
            most = max(task.levels)
            found[f"{most} levels, untrained"] = [self._rounded(net, most) for net in first]
            for sigma in task.noise:
                found[f"noise {sigma:g}"] = [self._noisy(net, sigma) for net in last]
        with self.output.stage(f"{name}.epochs", "Measuring earlier epochs"):
            for epoch in task.at[1:-1]:
                found[f"epoch {epoch}"] = [self._rounded(net, most) for net in kept[epoch]]
        for variant, reports in found.items():
            about = {"network": name, "variant": variant}
            self.quantities += averaged_quantities(reports, **about)
        return found

    def _train(self, name: str, make: Callable[[], nn.Module]) -> dict[int, list[nn.Module]]:
        task, train = self.task, slice(_TEST, None)
        with self.output.stage(f"{name}.training", f"Training {task.seeds} {name}s"):
            seeds = range(task.seed, task.seed + task.seeds)
            kept = train_together(make, seeds, self.x[train], self.y[train], task.fit, task.at)
            last = kept[task.fit.epochs]
            reached = [accuracy(net, self.x[:_TEST], self.y[:_TEST]) for net in last]
            self.output.say(f"accuracy on {_TEST} other images {_list(reached)}")
        about = {"network": name, "images": _TEST, "accuracies": reached}
        share = sum(reached) / len(reached)
        error = (share * (1 - share) / _TEST) ** 0.5
        self.quantities.append(
            Quantity("layers.study.accuracy", share, error, "estimate", "1", None, about)
        )
        return kept

    def _measured(self, net: nn.Module, options: Options | None = None) -> LayerReport:
        return analyse_layers(net, self.inputs, layers=_LAYERS, options=options)

    def _rounded(self, net: nn.Module, levels: int) -> LayerReport:
        return self._measured(quantised(net, _LAYERS, levels, (-1.0, 1.0), self.inputs, "cpu"))

    def _noisy(self, net: nn.Module, sigma: float) -> LayerReport:
        noisy = with_noise(net, _LAYERS, sigma, self.task.seed)
        return self._measured(noisy, Options(training=self.task.training))

    def _plane(self, found: dict[str, dict[str, Reports]]) -> Figure:
        most = max(self.task.levels)
        panels = {}
        for name, variants in found.items():
            names = [f"epoch {epoch}" for epoch in self.task.at[1:-1]]
            order = [f"{most} levels, untrained", *names, f"{most} levels"]
            epochs = dict(zip(self.task.at, (variants[key] for key in order), strict=True))
            panels[f"{name}, {most} levels"] = paths(epochs)
        return Figure(
            figures.save(figures.plane(panels), self.directory / "figures" / "plane.png"),
            "The information plane over training",
            f"Exact values of the networks with {most} levels per unit at epochs "
            f"{', '.join(map(str, self.task.at))}, from the hollow to the filled symbol, means "
            "over seeds.",
        )


def load() -> tuple[Tensor, Tensor]:
    """The 1797 images (n, 8, 8) in 0..1 and their labels, in a fixed random order.

    Raises:
        AnalysisError: Where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise AnalysisError(
            "this study reads the digits of scikit-learn, which is not installed; run "
            "pip install 'rsmi[studies]'"
        ) from None
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(_SPLIT_SEED))
    x = torch.from_numpy(data.images).float().view(-1, 8, 8) / 16
    return x[order], torch.from_numpy(data.target).long()[order]


def mlp() -> nn.Sequential:
    """64-32-16-8 with tanh, then ten logits."""
    return nn.Sequential(
        OrderedDict(
            flat=nn.Flatten(),
            linear1=nn.Linear(64, 32),
            T1=nn.Tanh(),
            linear2=nn.Linear(32, 16),
            T2=nn.Tanh(),
            linear3=nn.Linear(16, 8),
            T3=nn.Tanh(),
            logits=nn.Linear(8, 10),
        )
    )


def cnn() -> nn.Sequential:
    """Two strided convolutions (8 and 8 channels) and 8 units, then ten logits."""
    return nn.Sequential(
        OrderedDict(
            channel=nn.Unflatten(1, (1, 8)),
            conv1=nn.Conv2d(1, 8, 3, 2, 1),
            T1=nn.Tanh(),
            conv2=nn.Conv2d(8, 8, 3, 2, 1),
            T2=nn.Tanh(),
            flat=nn.Flatten(),
            linear=nn.Linear(32, 8),
            T3=nn.Tanh(),
            logits=nn.Linear(8, 10),
        )
    )


def _list(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:.3f}" for share in shares)


def _shown(variants: dict[str, Reports]) -> dict[str, Reports]:
    return {name: reports for name, reports in variants.items() if not name.startswith("epoch")}


def _rows(variants: dict[str, Reports]) -> tuple[list[str], list[list[str]]]:
    columns = ["variant", "H(X|T)", "H(Y|T)", "I(X;T)", "I(T;Y)"]
    shown = _shown(variants)
    first = next(iter(shown.values()))
    rows: list[list[str]] = []
    for layer in layer_names(first):
        rows.append([f"{layer} [{first[0][layer].width}]"])
        for name, reports in shown.items():
            rows.append([name, *(_cell(reports, layer, q) for q in columns[1:])])
    return columns, rows


def _cell(reports: Reports, layer: str, quantity: str) -> str:
    """Mean of exact values, or of lower and of upper values."""
    if quantity not in reports[0][layer].quantities:
        return "-"
    average = mean(reports, layer, quantity)
    ends = [value.width for value in (r[layer].interval(quantity) for r in reports)]
    half = 0.5 * sum(ends) / len(ends)
    if abs(half) > 1e-9:
        return f"{average.value - half:.3f}..{average.value + half:.3f}"
    if average.error:
        return format_with_error(average.value, average.error)
    return f"{average.value:.5g}"


def _depth(target: Path, name: str, variants: dict[str, Reports]) -> Figure:
    panels: dict[str, list[figures.Depth]] = {}
    for quantity in ("H(X|T)", "H(Y|T)", "I(X;T)", "I(T;Y)"):
        panels[quantity] = [
            depth_series(label, reports, quantity, "untrained" in label)
            for label, reports in _shown(variants).items()
            if quantity in reports[0].rows[0].quantities
        ]
    layers = layer_names(next(iter(variants.values())))
    return Figure(
        figures.save(figures.depth(layers, panels), target / f"depth_{name}.png"),
        f"{name}: entropy against depth",
        "Exact for the network as it is and with few levels; certified lower to upper values for "
        "the network with noise. Means over seeds, with the error of the seeds.",
    )
