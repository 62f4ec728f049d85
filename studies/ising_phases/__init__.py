"""Phase classifiers on Ising configurations beside RG layers of the same widths."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torch import Tensor, nn

from rsmi.layers import LayerReport, analyse_layers
from rsmi.progress import Watcher
from rsmi.report import Quantity
from studies.averages import averaged_quantities
from studies.ising_phases.networks import Rules, block_rule, cnn, mlp, rg_layers
from studies.ising_phases.pages import Found, Lattice
from studies.ising_phases.phases import Phases, enumerated, sampled
from studies.ising_phases.settings import Settings
from studies.training import Learners, train_together

__all__ = ["Settings", "run"]

Networks = Mapping[str, Sequence[nn.Module]]


def run(settings: Settings, output: Watcher, workers: int) -> Found:
    """Train and measure on all lattices, one after the other."""
    return Study(settings, output).run()


class Study:
    """Training and measurement.

    Args:
        task: Settings.
        output: Who watches.
    """

    def __init__(self, task: Settings, output: Watcher) -> None:
        self.task, self.output = task, output
        self.quantities: list[Quantity] = []

    def run(self) -> Found:
        """Carry out all steps."""
        with self.output.stage("rules", "Solving for the rule of largest mutual information"):
            rules = Rules.solved()
        self.quantities += rules.quantities
        lattices = [self._lattice(size, rules) for size in self.task.sizes]
        known = {quantity.name: quantity.value for quantity in rules.quantities}
        most = (known["information.exact.optimum"], known["information.exact.full"])
        return Found(lattices, self.task.temperatures, most, self.quantities)

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
