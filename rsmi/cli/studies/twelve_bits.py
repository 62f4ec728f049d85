"""The network 12-10-7-5-4-3-2: what it forgets, and what bins make of it."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from rsmi.cli.layers.network import quantised
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.cli.studies.averages import Reports, averaged_quantities
from rsmi.cli.studies.dispute import Dispute
from rsmi.cli.studies.ensemble import Fit, accuracy, train_together
from rsmi.cli.studies.run import default_out
from rsmi.cli.studies.sphere import all_patterns, label_probability, read_mat
from rsmi.errors import AnalysisError, InputError
from rsmi.layers import Estimators, Inputs, LayerReport, Options, analyse_layers, finite_inputs
from rsmi.report import Quantity, Result, write_report

DESCRIPTION = "The 12-10-7-5-4-3-2 network: exact, quantised, binned and smoothed entropies."

_UNITS = {"tanh": nn.Tanh, "relu": nn.ReLU}
_LAYERS = ("T*", "output")
_LEARNED = 0.95


@dataclass(frozen=True)
class TwelveBits:
    """The study.

    Args:
        study: Its name.
        mat: A `.mat` file of the original data (F and y); the rule of this study without.
        steepness: Makes the rule of this study smooth: p(y=1|x) is a logistic function of
            this slope; a threshold without.
        activations: Unit functions to compare.
        widths: Of the hidden layers.
        seeds: Number of networks for each unit function.
        at: Epochs at which the layers are measured; 0 is the untrained network.
        fit: How the networks are trained.
        levels: Of each unit of the quantised networks.
        fixed_widths: Widths of fixed bins; the first one is shown in the table.
        range_bins: Numbers of bins over a layer's range; the first one is shown in the table.
        kernel_sigma: Standard deviation of the imagined noise of the kernel bounds.
        kernel_rows: Patterns on which the kernel bounds are evaluated.
        seed: Of the first network.
    """

    study: Literal["twelve_bits"] = "twelve_bits"
    mat: str | None = None
    steepness: float | None = None
    activations: tuple[Literal["tanh", "relu"], ...] = ("tanh", "relu")
    widths: tuple[int, ...] = (10, 7, 5, 4, 3)
    seeds: int = 8
    at: tuple[int, ...] = (0, 2, 6, 20, 80, 300)
    fit: Fit = field(default_factory=lambda: Fit(300, 256, 5e-3))
    levels: int = 8
    fixed_widths: tuple[float, ...] = (0.07, 0.02, 0.2)
    range_bins: tuple[int, ...] = (30, 10, 100)
    kernel_sigma: float = 0.1
    kernel_rows: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seeds < 2:
            raise InputError(f"seeds is {self.seeds}; the spread between seeds needs at least 2")
        if list(self.at) != sorted(set(self.at)) or len(self.at) < 2 or self.at[0] != 0:
            raise InputError(f"at is {list(self.at)}; expected increasing epochs that begin with 0")
        if self.at[-1] != self.fit.epochs:
            raise InputError(
                f"the last epoch measured is {self.at[-1]} and training has {self.fit.epochs}; "
                "make them equal"
            )


@dataclass(frozen=True)
class Measured:
    """All seeds of one unit function at one epoch.

    Args:
        plain: The networks as they are, with bins.
        kernels: The kernel bounds.
        rounded: The quantised networks.
    """

    plain: Reports
    kernels: Reports
    rounded: Reports


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("layers", TwelveBits, arguments, DESCRIPTION)
    Study(task, execution, default_out(arguments, execution.out)).run()


class Study:
    """Training, measurement and the page.

    Args:
        task: Settings.
        execution: Threads.
        out: Directory for everything.
    """

    def __init__(self, task: TwelveBits, execution: Execution, out: str) -> None:
        self.task, self.workers = task, execution.workers
        x, p = self._patterns()
        # A fixed shuffle, so that every part of the rows is a fair sample of the patterns.
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
        self.x, self.y, weights = _rows(x[order], p[order])
        self.inputs = finite_inputs(self.x, self.y, weights)
        self.weights = None if bool((weights == weights[0]).all()) else weights
        self.output = Output("layers", task, out, execution.resume)
        self.directory = Path(out)
        self.quantities: list[Quantity] = []

    def run(self) -> None:
        """Carry out all steps."""
        torch.set_num_threads(1)
        found: dict[str, dict[int, Measured]] = {
            name: self._measure(name) for name in self.task.activations
        }
        with self.output.stage("figures", "Drawing"):
            dispute = Dispute(self.task, found)
            self.quantities += dispute.claims()
            figures = dispute.figures(self.directory / "figures")
        for name, epochs in found.items():
            for epoch, measured in epochs.items():
                about = {"activation": name, "epoch": epoch}
                for variant, reports in (
                    ("float", measured.plain),
                    ("float", measured.kernels),
                    ("quantised", measured.rounded),
                ):
                    self.quantities += averaged_quantities(reports, **about, variant=variant)
        result = self.output.finish(self.quantities, self.task.seed, table=dispute.printed())
        page = write_report(
            self.directory,
            self._shown(result),
            figures,
            dispute.headline(),
            "What the 12-bit network forgets",
        )
        self.output.say(page)

    def _shown(self, result: Result) -> Result:
        """What the page lists: results, and exact values before and after training."""
        ends = (self.task.at[0], self.task.at[-1])
        kept = [
            q
            for q in result.quantities
            if "epoch" not in q.context
            or (
                (q.context["epoch"] in ends and q.name.endswith(("H(X|T)", "H(Y|T)")))
                and "bins(" not in q.name
            )
        ]
        return replace(result, quantities=kept)

    def _patterns(self) -> tuple[Tensor, Tensor]:
        if self.task.mat is not None:
            return read_mat(self.task.mat)
        x = all_patterns()
        return x, label_probability(x, self.task.steepness)

    def _measure(self, activation: str) -> dict[int, Measured]:
        networks = self._train(activation)
        jobs = [net for at in networks.values() for net in at]
        with (
            self.output.stage(
                f"{activation}.layers", f"Measuring {len(jobs)} {activation} networks"
            ),
            counting(self.output.console, "networks") as progress,
            ThreadPoolExecutor(self.workers) as pool,
        ):
            reports = []
            for report in pool.map(self._reports, jobs):
                reports.append(report)
                progress(len(reports), len(jobs))
        count = len(jobs) // len(networks)
        parts = [reports[k * count : (k + 1) * count] for k in range(len(networks))]
        return {
            epoch: Measured(*map(list, zip(*part, strict=True)))
            for epoch, part in zip(networks, parts, strict=True)
        }

    def _train(self, activation: str) -> Mapping[int, list[nn.Module]]:
        """Networks that learn the rule, by epoch; the others are counted and left out."""
        task = self.task
        with (
            self.output.stage(
                f"{activation}.training", f"Training {task.seeds} {activation} networks"
            ),
            counting(self.output.console, "epochs") as progress,
        ):
            networks = train_together(
                lambda: network(task.widths, activation),
                range(task.seed, task.seed + task.seeds),
                self.x,
                self.y,
                task.fit,
                task.at,
                self.weights,
                progress,
            )
        reached = [accuracy(net, self.x, self.y, self.weights) for net in networks[task.at[-1]]]
        learned = [place for place, value in enumerate(reached) if value >= _LEARNED * max(reached)]
        self.output.say(
            f"{len(learned)} of {task.seeds} learn the rule (accuracy "
            f"{', '.join(f'{value:.4f}' for value in reached)}); averages are over these"
        )
        about = {"activation": activation, "of": task.seeds, "accuracies": reached}
        self.quantities.append(
            Quantity("layers.study.learned", len(learned), 0.0, "exact", "1", None, about)
        )
        if len(learned) < 2:
            raise AnalysisError(
                f"{len(learned)} of {task.seeds} {activation} networks learned the rule; train "
                "longer (fit.epochs) or give more seeds"
            )
        return {epoch: [nets[k] for k in learned] for epoch, nets in networks.items()}

    def _reports(self, net: nn.Module) -> tuple[LayerReport, LayerReport, LayerReport]:
        task = self.task
        whole = nn.Sequential(OrderedDict([*net.named_children(), ("output", nn.Softmax(1))]))
        bins = Estimators(fixed_widths=task.fixed_widths, range_bins=task.range_bins)
        kernels = Estimators(kernel_sigmas=(task.kernel_sigma,))
        rounded = quantised(whole, _LAYERS, task.levels, None, self.inputs, "cpu")
        return (
            _analysed(whole, self.inputs, Options(estimators=bins, keep=len(self.x))),
            _only_estimators(
                _analysed(whole, self.inputs, Options(estimators=kernels, keep=task.kernel_rows))
            ),
            _analysed(rounded, self.inputs, Options()),
        )


def network(widths: Sequence[int], activation: str) -> nn.Sequential:
    """Linear layers and unit functions `T1`, `T2` ..., then two logits.

    >>> [name for name, _ in network((3, 2), "tanh").named_children()]
    ['linear1', 'T1', 'linear2', 'T2', 'logits']
    """
    layers: list[tuple[str, nn.Module]] = []
    for place, (before, after) in enumerate(zip((12, *widths), widths, strict=False), start=1):
        layers += [
            (f"linear{place}", nn.Linear(before, after)),
            (f"T{place}", _UNITS[activation]()),
        ]
    return nn.Sequential(OrderedDict([*layers, ("logits", nn.Linear(widths[-1], 2))]))


def _rows(x: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Patterns, labels and probabilities; a pattern with two possible labels has two rows."""
    weights = torch.cat([1 - p, p])
    labels = torch.arange(2).repeat_interleave(len(x))
    met = weights > 0
    order = torch.argsort(torch.arange(len(x)).repeat(2)[met], stable=True)
    return x.repeat(2, 1)[met][order], labels[met][order], weights[met][order]


def _analysed(net: nn.Module, inputs: Inputs, options: Options) -> LayerReport:
    return analyse_layers(net, inputs, layers=_LAYERS, options=options)


def _only_estimators(report: LayerReport) -> LayerReport:
    """Without the quantities, which another report of the same network holds."""
    return replace(report, rows=[replace(row, quantities={}) for row in report.rows])
