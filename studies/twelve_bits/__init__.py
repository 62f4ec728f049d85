"""The 12-10-7-5-4-3-2 network: exact, quantised, binned and smoothed entropies."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from rsmi.layers import Inputs, finite_inputs
from rsmi.progress import Watcher
from rsmi.report import Quantity
from studies.training import Learners, train_together
from studies.twelve_bits.measured import Found, Measured, Measurer
from studies.twelve_bits.networks import network, patterns
from studies.twelve_bits.pages import Dispute
from studies.twelve_bits.settings import Kind, Settings

__all__ = ["Settings", "inputs", "run"]


def inputs(steepness: float | None = None) -> Inputs:
    """Every pattern with its label, as a finite set.

    Args:
        steepness: As in `Settings`.
    """
    data = patterns(Settings(steepness=steepness))
    return finite_inputs(data.x, data.y, data.weights)


def run(settings: Settings, output: Watcher, workers: int) -> Dispute:
    """Train and measure all kinds of networks, from untrained to trained."""
    return Study(settings, output, workers).run()


class Study:
    """Training and measurement.

    Args:
        task: Settings.
        output: Who watches.
        workers: Networks measured at once.
    """

    def __init__(self, task: Settings, output: Watcher, workers: int) -> None:
        self.task, self.output = task, output
        self.data = patterns(task)
        inputs = finite_inputs(self.data.x, self.data.y, self.data.weights)
        self.measurer = Measurer(task, inputs, workers)
        self.learners: list[Quantity] = []

    def run(self) -> Dispute:
        """Carry out all steps."""
        torch.set_num_threads(1)
        found = Found(self.task, {kind: self._measure(kind) for kind in self.task.kinds()})
        return Dispute(found, self.learners)

    def _measure(self, kind: Kind) -> dict[int, Measured]:
        networks = self._train(kind)
        count = sum(map(len, networks.values()))
        with (
            self.output.stage(f"{kind.name}.layers", f"Measuring {count} networks ({kind.label})"),
            self.output.counting("networks") as progress,
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
            self.output.counting("epochs") as progress,
        ):
            networks = train_together(
                partial(network, task.widths, kind), seeds, self.data, task.fit, task.at, progress
            )
        learners = Learners.of(networks[task.at[-1]], self.data)
        self.output.say(learners.text)
        self.learners.append(learners.quantity(network=kind.name))
        learners.check(kind.label)
        return {epoch: [nets[k] for k in learners.places] for epoch, nets in networks.items()}
