"""Networks that tell the phases of the Ising model apart, beside RG layers of equal widths."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from rsmi.cli.layers.pictures import series
from rsmi.cli.layers.printing import cell, sheet, stacked
from rsmi.cli.layers.quantities import report_quantities
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.studies.averages import Reports, averaged_quantities, depth_series, mean
from rsmi.cli.studies.ensemble import Fit, accuracy, train_together
from rsmi.cli.studies.phases import Phases, enumerated, sampled
from rsmi.cli.studies.run import default_out
from rsmi.errors import InputError
from rsmi.information import format_with_error
from rsmi.layers import (
    LayerReport,
    Quantise,
    RGLayer,
    analyse_layers,
    without_ties,
)
from rsmi.learning import decimation, majority
from rsmi.report import Figure, Quantity, figures, write_report
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact import exact_window

DESCRIPTION = "Phase classifiers on Ising configurations beside RG layers of the same widths."

_LAYERS = ("T1", "T2")
_SHOWN = ("H(X|T)", "H(Y|T)", "H(T)", "I(T;Y)")
_BLOCK = (2, 2)
Networks = Mapping[str, Sequence[nn.Module]]


@dataclass(frozen=True)
class IsingPhases:
    """The study: T1 is one bit per 2 x 2 block, T2 one bit for the lattice.

    Args:
        study: Its name.
        temperatures: A cold and a warm one, in units of J; which one is the label.
        sizes: Extents of the lattices: 4 is enumerated, 6 is sampled.
        samples: Configurations at each temperature for sampled lattices, a multiple of 64.
        seeds: Number of networks of each kind.
        fit: How the networks are trained.
        seed: Of the first network and of the sampler.
    """

    study: Literal["ising_phases"] = "ising_phases"
    temperatures: tuple[float, float] = (2.0, 2.6)
    sizes: tuple[Literal[4, 6], ...] = (4, 6)
    samples: int = 32768
    seeds: int = 4
    fit: Fit = field(default_factory=lambda: Fit(6, 512, 3e-3))
    seed: int = 0

    def __post_init__(self) -> None:
        cold, warm = self.temperatures
        if not 0 < cold < warm:
            raise InputError(
                f"temperatures are {cold} and {warm}; expected a lower and a higher one, above 0"
            )
        if self.seeds < 2:
            raise InputError(f"seeds is {self.seeds}; the spread between seeds needs at least 2")


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("layers", IsingPhases, arguments, DESCRIPTION)
    Study(task, execution, default_out(arguments, execution.out)).run()


class Study:
    """Both lattices, one after the other.

    Args:
        task: Settings.
        execution: Threads.
        out: Directory for everything.
    """

    def __init__(self, task: IsingPhases, execution: Execution, out: str) -> None:
        self.task, self.directory = task, Path(out)
        torch.set_num_threads(execution.workers)
        self.output = Output("layers", task, out, execution.resume)
        self.quantities: list[Quantity] = []

    def run(self) -> None:
        """Carry out all steps."""
        rules = self._rules()
        found = {size: self._lattice(size, rules) for size in self.task.sizes}
        with self.output.stage("figures", "Drawing"):
            drawn = [_figure(self.directory / "figures", n, found[n]) for n in found]
        tables = [sheet(*_rows(found[n]), title=_title(n)) for n in found]
        result = self.output.finish(self.quantities, self.task.seed, table=stacked(tables))
        page = write_report(
            self.directory, result, drawn, [], "What phase classifiers and RG layers forget"
        )
        self.output.say(page)

    def _rules(self) -> dict[str, Tensor]:
        with self.output.stage("rules", "Solving for the rule of largest mutual information"):
            best, value = exact_window((6, 6), CRITICAL_COUPLING, _BLOCK, 1).optimum(1, "impose")
            self.output.say(f"I(H:E) = {value} at the critical point of the 6x6 torus")
        return {
            "RSMI": without_ties(best),
            "majority": without_ties(majority(_BLOCK).table()),
            "decimation": decimation(_BLOCK).table(),
        }

    def _lattice(self, size: int, rules: Mapping[str, Tensor]) -> dict[str, Reports]:
        task = self.task
        shape, couplings = (size, size), [1 / t for t in task.temperatures]
        with self.output.stage(f"L={size}.inputs", f"Configurations of {size} x {size}"):
            phases = (
                enumerated(shape, couplings)
                if size == 4
                else sampled(shape, couplings, task.samples, task.seed + 1)
            )
        reports: dict[str, Reports] = {}
        with self.output.stage(f"L={size}.rg", "Measuring RG layers"):
            for name, table in rules.items():
                reports[name] = [self._analysed(rg_layers(size, table), phases)]
        for name, make in (("MLP", mlp), ("CNN", cnn)):
            networks = self._train(size, name, partial(make, size), phases)
            with self.output.stage(f"L={size}.{name}.layers", f"Measuring {name}s"):
                for label, members in networks.items():
                    reports[label] = [self._analysed(net, phases) for net in members]
        for name, group in reports.items():
            about = {"size": size, "network": name}
            self.quantities += (
                report_quantities(group[0], **about)
                if len(group) == 1
                else averaged_quantities(group, **about)
            )
        return reports

    def _train(
        self, size: int, name: str, make: Callable[[], nn.Module], phases: Phases
    ) -> Networks:
        task = self.task
        with self.output.stage(f"L={size}.{name}.training", f"Training {task.seeds} {name}s"):
            kept = train_together(
                make,
                range(task.seed, task.seed + task.seeds),
                phases.x,
                phases.y,
                task.fit,
                (0, task.fit.epochs),
                phases.weights,
            )
            last = kept[task.fit.epochs]
            reached = [accuracy(net, phases.x, phases.y, phases.weights) for net in last]
            self.output.say(f"accuracy {', '.join(f'{value:.4f}' for value in reached)}")
        return {f"{name} untrained": kept[0], name: last}

    def _analysed(self, net: nn.Module, phases: Phases) -> LayerReport:
        return analyse_layers(net, phases.inputs, layers=_LAYERS)


def mlp(size: int) -> nn.Sequential:
    """One binary unit for each block, one for the lattice; gradients pass straight through."""
    blocks = (size // 2) ** 2
    return _with_bits(nn.Sequential(nn.Flatten(), nn.Linear(size * size, blocks)), blocks)


def cnn(size: int) -> nn.Sequential:
    """The same with one 2 x 2 filter for all blocks: a rule of block spins, learned from labels."""
    filter = nn.Sequential(nn.Unflatten(1, (1, size)), nn.Conv2d(1, 1, 2, 2), nn.Flatten())
    return _with_bits(filter, (size // 2) ** 2)


def rg_layers(size: int, table: Tensor) -> nn.Sequential:
    """A rule on 2 x 2 blocks, then the majority of all block spins (ties to the first)."""
    half = size // 2
    last = without_ties(majority((half, half)).table())
    return nn.Sequential(OrderedDict(T1=RGLayer(table, _BLOCK), T2=RGLayer(last, (half, half))))


def _with_bits(first: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            first=first,
            tanh1=nn.Tanh(),
            T1=Quantise(2, -1.0, 1.0),
            second=nn.Linear(width, 1),
            tanh2=nn.Tanh(),
            T2=Quantise(2, -1.0, 1.0),
            logits=nn.Linear(1, 2),
        )
    )


def _title(size: int) -> str:
    way = "enumerated, exact" if size == 4 else "sampled, lower..upper"
    return f"{size} x {size} ({way}), nats"


def _rows(reports: Mapping[str, Reports]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for layer in _LAYERS:
        width = next(iter(reports.values()))[0][layer].width
        rows.append([f"{layer} [{width}]"])
        for name, group in reports.items():
            rows.append([name, *(_cell(group, layer, quantity) for quantity in _SHOWN[:2])])
    return ["network", *_SHOWN[:2]], rows


def _cell(group: Reports, layer: str, quantity: str) -> str:
    if len(group) == 1:
        return cell(group[0][layer].quantities[quantity])
    average = mean(group, layer, quantity)
    return (
        format_with_error(average.value, average.error) if average.error else f"{average.value:.5g}"
    )


def _figure(target: Path, size: int, reports: Mapping[str, Reports]) -> Figure:
    panels = {
        quantity: [
            series(name, group[0], quantity)
            if len(group) == 1
            else depth_series(name, group, quantity, "untrained" in name)
            for name, group in reports.items()
        ]
        for quantity in _SHOWN
    }
    return Figure(
        figures.save(figures.depth(list(_LAYERS), panels), target / f"layers_{size}.png"),
        f"{size} x {size}: classifiers beside RG layers of the same widths",
        "T1 has one bit for each 2 x 2 block, T2 one bit for the whole lattice. RG layers are "
        "fixed rules that turn over with the spins, so their T2 knows nothing of the phase. "
        "Averages of networks carry the error of the seeds.",
    )
