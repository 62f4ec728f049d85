"""Layers trained toward a goal, and ways to train them compared, as tasks."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from torch import nn

from rsmi.errors import InputError
from rsmi.information import Estimate, best_partition
from rsmi.layers import activation_ranges, build_network, inputs_of, quantise, with_noise
from rsmi.layers.building import imported
from rsmi.layers.trained import TrainedLayers, TrainingComparison
from rsmi.layers.training import (
    Fit,
    Goal,
    Way,
    check_training,
    compare_trainings,
    layer_codes,
    read_parts,
    train_layers,
)
from rsmi.progress import Progress, silent


@dataclass(frozen=True)
class Lessons:
    """What layers learn from: rows of a file, or what a function returns.

    Args:
        data: `.npz` or HDF5 with `x` and `y` (and probabilities `p` of a finite set), `.npy`.
        labels: `.npy` file of labels (n,), where the data hold none.
        source: In place of data, dotted path of a function that returns inputs with labels, such
            as `rsmi.layers.window_inputs`; importable from the current directory.
        arguments: Of that function, by name.
    """

    data: str | None = None
    labels: str | None = None
    source: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> Any:
        """The data, or their path.

        Raises:
            InputError: For data from nowhere or from two places, or a function that fails.
        """
        if (self.data is None) == (self.source is None):
            raise InputError(
                "give either `data` (a file of inputs with labels) or `source` (a function that "
                f"returns them), not {'both' if self.data else 'neither'}"
            )
        if self.source is None:
            return self.data
        make = imported(self.source)
        try:
            return make(**self.arguments)
        except TypeError as error:
            raise InputError(
                f"{self.source} cannot be called with the arguments {self.arguments}: {error}; "
                "give them by name"
            ) from None


@dataclass(frozen=True)
class Architecture:
    """A sequential network with layers of few values, or with noise.

    Args:
        model: Class path of an `nn.Sequential`, or of a function that makes one.
        arguments: Of it, by name.
        quantise: Levels of each unit in the layers named, for a network that has none.
        noise: In their place, the standard deviation of Gaussian noise.
        layers: Which are quantised or noisy, and trained: all that are so without.
    """

    model: str = "rsmi.layers.coded_network"
    arguments: dict[str, Any] = field(default_factory=dict)
    quantise: int | None = None
    noise: float | None = None
    layers: tuple[str, ...] | None = None

    def make(self, rows: Any, seed: int) -> nn.Module:
        """The network with fresh weights of a seed.

        Raises:
            InputError: For one that cannot be made, or both levels and noise.
        """
        network = build_network(self.model, self.arguments, seed=seed)
        if self.quantise is not None and self.noise is not None:
            raise InputError("both quantise and noise were given; a layer has either: give one")
        if self.noise is not None:
            return with_noise(network, self.layers, self.noise, seed)
        if self.quantise is None:
            return network
        ranges = activation_ranges(network, inputs_of(rows), self.layers)
        return quantise(network, list(ranges), self.quantise, ranges)


@dataclass(frozen=True)
class TrainLayers:
    """Layers trained one by one, then measured on rows that they never saw.

    Args:
        network: What is trained.
        lessons: What it learns from, and is measured on.
        inputs: `finite`: the rows are every input there is; `discrete` or `continuous`: samples.
        entropy: Known H(X) of discrete samples, in nats.
        chains: Markov chains that the rows are interleaved from, or `independent`.
        method: One of `rsmi.layers.TRAININGS`.
        goal: Prices and limits, in nats.
        fit: How long and how fast.
        seed: Of weights, heads and batches.
    """

    network: Architecture
    lessons: Lessons
    inputs: Literal["finite", "discrete", "continuous"] | None = None
    entropy: float | None = None
    chains: int | Literal["independent"] | None = None
    method: str = "entropy"
    goal: Goal = field(default_factory=Goal)
    fit: Fit = field(default_factory=Fit)
    seed: int = 0


@dataclass(frozen=True)
class WaySettings:
    """One way to train in a comparison.

    Args:
        method: One of `rsmi.layers.TRAININGS`.
        goal: Prices and limits; those of the comparison without.
        fit: How long and how fast; likewise.
        network: Another network, whose layers have the same names.
        lessons: What it learns from, where that is not what is measured.
    """

    method: str
    goal: Goal | None = None
    fit: Fit | None = None
    network: Architecture | None = None
    lessons: Lessons | None = None


@dataclass(frozen=True)
class CompareLayers:
    """Ways to train the same layers, over seeds.

    Args:
        network: What is trained.
        lessons: What all are measured on, and learn from where they bring nothing else.
        ways: By name; every method without.
        seeds: At least two.
        reference: The way that the others are compared with.
        inputs: As in `TrainLayers`.
        entropy: As in `TrainLayers`.
        chains: As in `TrainLayers`.
        goal: Of ways that bring none of their own.
        fit: Likewise.
    """

    network: Architecture
    lessons: Lessons
    ways: dict[str, WaySettings] | None = None
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    reference: str | None = None
    inputs: Literal["finite", "discrete", "continuous"] | None = None
    entropy: float | None = None
    chains: int | Literal["independent"] | None = None
    goal: Goal = field(default_factory=Goal)
    fit: Fit = field(default_factory=Fit)


def train_task(
    task: TrainLayers, directory: str | Path | None = None, progress: Progress = silent
) -> TrainedLayers:
    """Carry out a training, see `rsmi.layers.train_layers`.

    Args:
        task: Network, data and method.
        directory: For checkpoints and logs.
        progress: Told of epochs.
    """
    check_training(task.method)
    rows = task.lessons.rows
    return train_layers(
        task.network.make(rows, task.seed),
        rows,
        task.lessons.labels,
        method=task.method,
        layers=task.network.layers,
        kind=task.inputs,
        entropy=task.entropy,
        chains=task.chains,
        goal=task.goal,
        fit=task.fit,
        seed=task.seed,
        directory=directory,
        progress=progress,
    )


def compare_task(
    task: CompareLayers, directory: str | Path | None = None, progress: Progress = silent
) -> TrainingComparison:
    """Carry out a comparison, see `rsmi.layers.compare_trainings`.

    Args:
        task: Network, data and ways.
        directory: For checkpoints and logs; what is finished there is not done again.
        progress: Told how many networks are trained.
    """
    rows = task.lessons.rows
    ways = None
    if task.ways is not None:
        ways = {name: _way(way, rows) for name, way in task.ways.items()}
    return compare_trainings(
        partial(task.network.make, rows),
        rows,
        task.lessons.labels,
        ways=ways,
        seeds=task.seeds,
        reference=task.reference,
        layers=task.network.layers,
        kind=task.inputs,
        entropy=task.entropy,
        chains=task.chains,
        goal=task.goal,
        fit=task.fit,
        best=_best(task, rows),
        directory=directory,
        progress=progress,
    )


def _way(way: WaySettings, rows: Any) -> Way:
    check_training(way.method)
    make = None if way.network is None else partial(way.network.make, rows)
    data = None if way.lessons is None else way.lessons.rows
    return Way(way.method, way.goal, way.fit, make, data)


def _best(task: CompareLayers, rows: Any) -> dict[str, Estimate]:
    """The largest I(T;Y) of a layer of so many values, where the distribution is listed."""
    learn = read_parts(
        rows, task.lessons.labels, task.inputs, task.entropy, task.chains
    ).learn  # fmt: skip
    if not learn.finite or learn.configurations:
        return {}
    joint = learn.w[:, None].double() * learn.y.double()
    shapes = layer_codes(task.network.make(rows, 0), learn.x, task.network.layers)
    return {
        name: best_partition(joint / joint.sum(), codes).kept
        for name, (_, codes) in shapes.items()
        if codes is not None
    }
