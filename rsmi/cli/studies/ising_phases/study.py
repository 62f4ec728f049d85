"""Training, measurement and the page."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from rich.text import Text
from torch import Tensor, nn

from rsmi.cli.layers.printing import printed, stacked
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.studies.averages import averaged_quantities
from rsmi.cli.studies.ensemble import Learners, train_together
from rsmi.cli.studies.ising_phases.found import Lattice
from rsmi.cli.studies.ising_phases.networks import block_rule, cnn, mlp, rg_layers
from rsmi.cli.studies.ising_phases.phases import Phases, enumerated, sampled
from rsmi.cli.studies.ising_phases.pictures import pictures
from rsmi.cli.studies.ising_phases.rules import Rules
from rsmi.cli.studies.ising_phases.sheets import sheet_of
from rsmi.cli.studies.ising_phases.task import IsingPhases
from rsmi.cli.studies.run import default_out, published
from rsmi.layers import LayerReport, analyse_layers
from rsmi.report import Quantity

DESCRIPTION = "Phase classifiers on Ising configurations beside RG layers of the same widths."

_HEADLINE = ["information.exact.full", "information.exact.optimum"]
Networks = Mapping[str, Sequence[nn.Module]]


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("layers", IsingPhases, arguments, DESCRIPTION)
    Study(task, execution, default_out(arguments, execution.out)).run()


class Study:
    """All lattices, one after the other.

    Args:
        task: Settings.
        execution: Threads.
        out: Directory for everything.
    """

    def __init__(self, task: IsingPhases, execution: Execution, out: str) -> None:
        self.task = task
        torch.set_num_threads(execution.workers)
        self.output = Output("layers", task, out, execution.resume)
        self.quantities: list[Quantity] = []

    def run(self) -> None:
        """Carry out all steps."""
        with self.output.stage("rules", "Solving for the rule of largest mutual information"):
            rules = Rules.solved()
        self.quantities += rules.quantities
        lattices = [self._lattice(size, rules) for size in self.task.sizes]
        tables = [sheet_of(lattice, self.task.temperatures) for lattice in lattices]
        table = stacked([part for sheet in tables for part in (printed(sheet), Text())])
        result = self.output.finish(self.quantities, self.task.seed, table=table)
        most = tuple(result.find(f"information.exact.{n}").value for n in ("optimum", "full"))
        published(
            self.output,
            result,
            "What phase classifiers and RG layers forget",
            tables,
            partial(pictures, lattices, (most[0], most[1])),
            _HEADLINE,
        )

    def _lattice(self, size: int, rules: Rules) -> Lattice:
        phases = self._phases(size)
        lattice = Lattice(size, phases.best)
        with self.output.stage(f"L={size}.rg", "Measuring RG layers"):
            for name, table in rules.tables.items():
                self._measure(lattice, name, [rg_layers(size, table)], phases)
                self._keep(lattice, name, [table], rules)
        for kind, make in (("MLP", mlp), ("CNN", cnn)):
            networks = self._train(lattice, kind, partial(make, size), phases)
            with self.output.stage(f"L={size}.{kind}.layers", f"Measuring {kind}s"):
                for name, members in networks.items():
                    self._measure(lattice, name, members, phases)
                    if kind == "CNN":
                        self._keep(lattice, name, [block_rule(n, size) for n in members], rules)
        return lattice

    def _phases(self, size: int) -> Phases:
        task = self.task
        shape, couplings = (size, size), [1 / t for t in task.temperatures]
        with self.output.stage(f"L={size}.inputs", f"Configurations of {size} x {size}"):
            if size == 4:
                return enumerated(shape, couplings)
            return sampled(shape, couplings, task.samples, task.seed + 1)

    def _train(
        self, lattice: Lattice, kind: str, make: Callable[[], nn.Module], phases: Phases
    ) -> Networks:
        task = self.task
        stage = f"L={lattice.size}.{kind}.training"
        with self.output.stage(stage, f"Training {task.seeds} {kind}s"):
            seeds, ends = range(task.seed, task.seed + task.seeds), (0, task.fit.epochs)
            kept = train_together(make, seeds, phases.data, task.fit, ends)
            learners = Learners.of(kept[task.fit.epochs], phases.data)
            self.output.say(learners.text)
        learners.check(f"{kind}, {lattice.size} x {lattice.size}")
        lattice.accuracies[kind] = reached = [learners.accuracies[k] for k in learners.places]
        about = {"size": lattice.size, "network": kind}
        share = sum(reached) / len(reached)
        best = phases.best.value if phases.best.kind == "exact" else None
        self.quantities += [
            learners.quantity(**about),
            Quantity("layers.study.accuracy", share, 0.0, "exact", "1", best, about),
        ]
        first, last = ([kept[e][k] for k in learners.places] for e in ends)
        return {f"{kind} untrained": first, kind: last}

    def _measure(
        self, lattice: Lattice, name: str, networks: Sequence[nn.Module], phases: Phases
    ) -> None:
        reports: list[LayerReport] = [
            analyse_layers(net, phases.inputs, layers=("T1", "T2")) for net in networks
        ]
        lattice.reports[name] = reports
        about = {"size": lattice.size, "network": name}
        self.quantities += (
            reports[0].named(name, size=lattice.size)
            if len(reports) == 1
            else averaged_quantities(reports, **about)
        )

    def _keep(self, lattice: Lattice, name: str, tables: Sequence[Tensor], rules: Rules) -> None:
        """What one bit of T1 knows of its environment."""
        lattice.kept[name] = kept = rules.kept(tables)
        lattice.each[name] = [rules.kept([table]).value for table in tables]
        about = {"size": lattice.size, "network": name}
        reference = rules.reference(name)
        self.quantities.append(Quantity.of("layers.T1.I(T;E)", kept, reference, **about))
