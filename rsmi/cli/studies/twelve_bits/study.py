"""Training, measurement and the page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from rich.table import Table
from rich.text import Text
from torch import nn

from rsmi.cli.layers.printing import printed, stacked
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.cli.studies.averages import averaged_quantities
from rsmi.cli.studies.ensemble import Learners, train_together
from rsmi.cli.studies.run import default_out, published
from rsmi.cli.studies.twelve_bits.claims import claims_of
from rsmi.cli.studies.twelve_bits.found import Found
from rsmi.cli.studies.twelve_bits.measured import Measured, Measurer
from rsmi.cli.studies.twelve_bits.networks import network, patterns
from rsmi.cli.studies.twelve_bits.pictures import pictures
from rsmi.cli.studies.twelve_bits.sheets import details, sheets
from rsmi.cli.studies.twelve_bits.task import Kind, TwelveBits
from rsmi.layers import finite_inputs
from rsmi.report import Quantity, Result

DESCRIPTION = "The 12-10-7-5-4-3-2 network: exact, quantised, binned and smoothed entropies."


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("layers", TwelveBits, arguments, DESCRIPTION)
    Study(task, execution, default_out(arguments, execution.out)).run()


class Study:
    """All kinds of networks, from untrained to trained.

    Args:
        task: Settings.
        execution: Threads.
        out: Directory for everything.
    """

    def __init__(self, task: TwelveBits, execution: Execution, out: str) -> None:
        self.task = task
        self.data = patterns(task)
        inputs = finite_inputs(self.data.x, self.data.y, self.data.weights)
        self.measurer = Measurer(task, inputs, execution.workers)
        self.output = Output("layers", task, out, execution.resume)
        self.quantities: list[Quantity] = []

    def run(self) -> None:
        """Carry out all steps."""
        torch.set_num_threads(1)
        found = Found(self.task, {kind: self._measure(kind) for kind in self.task.kinds()})
        self.quantities += [
            claim.quantity() for kind in found.reports for claim in claims_of(found, kind)
        ]
        self.quantities += _all_values(found)
        result = self.output.finish(self.quantities, self.task.seed, table=_terminal(found))
        published(
            self.output,
            _ends_only(result, self.task),
            "What the 12-bit network forgets",
            sheets(found),
            partial(pictures, found),
        )

    def _measure(self, kind: Kind) -> dict[int, Measured]:
        networks = self._train(kind)
        count = sum(map(len, networks.values()))
        with (
            self.output.stage(f"{kind.name}.layers", f"Measuring {count} networks ({kind.label})"),
            counting(self.output.console, "networks") as progress,
        ):
            return self.measurer.all(networks, progress)

    def _train(self, kind: Kind) -> Mapping[int, list[nn.Module]]:
        """Networks that learn the rule, by epoch; the others are counted and left out."""
        task = self.task
        seeds = range(task.seed, task.seed + task.seeds)
        with (
            self.output.stage(
                f"{kind.name}.training", f"Training {task.seeds} networks ({kind.label})"
            ),
            counting(self.output.console, "epochs") as progress,
        ):
            networks = train_together(
                partial(network, task.widths, kind), seeds, self.data, task.fit, task.at, progress
            )
        learners = Learners.of(networks[task.at[-1]], self.data)
        self.output.say(learners.text)
        self.quantities.append(learners.quantity(network=kind.name))
        learners.check(kind.label)
        return {epoch: [nets[k] for k in learners.places] for epoch, nets in networks.items()}


def _terminal(found: Found) -> Table:
    """The tables, and the claims as sentences that fit 80 columns."""
    claims = (claim for kind in found.reports for claim in claims_of(found, kind))
    lines = [f"{claim.kind.label}: {claim.text}: {claim.cell}" for claim in claims]
    parts = [part for sheet in details(found) for part in (printed(sheet), Text())]
    return stacked([*parts, Text("\n".join(lines)), Text()])


def _all_values(found: Found) -> Iterator[Quantity]:
    """Every value of every layer at every epoch."""
    for kind, epochs in found.reports.items():
        for epoch, measured in epochs.items():
            about = {"network": kind.name, "epoch": epoch}
            yield from averaged_quantities(measured.plain, **about)
            yield from averaged_quantities(measured.kernels, **about)
            for levels, reports in measured.rounded.items():
                yield from averaged_quantities(reports, **about, levels=levels)


def _ends_only(result: Result, task: TwelveBits) -> Result:
    """What the page lists: results, and exact values before and after training."""
    ends = (None, task.at[0], task.at[-1])
    kept = [
        quantity
        for quantity in result.numbers
        if quantity.context.get("epoch") in ends
        and "bins(" not in quantity.name
        and quantity.context.get("levels") in (None, task.levels[0])
    ]
    return replace(result, numbers=kept)
