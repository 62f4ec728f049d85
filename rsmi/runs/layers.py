"""What each layer of a network forgets, as a task: network, inputs, and how to measure."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rsmi.errors import InputError
from rsmi.information import frontier
from rsmi.layers import (
    Estimators,
    InformationPlane,
    Inputs,
    LayerReport,
    Options,
    Training,
    Underspecification,
    analyse_layers,
    build_network,
    drawn_inputs,
    enumerated_inputs,
    information_plane,
    inputs_of,
    joint_of,
    underspecification,
)
from rsmi.progress import Progress, silent
from rsmi.sampling import System
from rsmi.storage import Selection


@dataclass(frozen=True)
class Layers:
    """A network, its inputs, and how to measure its layers.

    Args:
        model: Class path of the network, or of a function that makes it, such as `mynet.Net`;
            importable from the current directory.
        data: Inputs: `.npz` or HDF5 with `x` and optionally labels `y` and probabilities `p`,
            `.npy`, or a file of configurations. With labels: rows that the network was not
            trained on.
        system: In place of data, a model on a lattice, whose configurations have a known entropy.
        draw: Configurations of the system to draw, a multiple of 64; every one that there is, with
            its probability, without.
        select: Which of its samples, where it holds several or their axes do not say the lattice.
        init_args: Arguments of the class, by name.
        weights: Checkpoint of the network: safetensors, a state dict, or one of Lightning.
        prefix: Before the names of its weights in the checkpoint, such as `net.` or `module.`.
        labels: `.npy` file of labels (n,), where the data hold none.
        layers: Names, patterns such as `encoder.*`, or types such as `ReLU`; without, every
            module that has no children and can be measured.
        inputs: `finite`: the rows are every input there is; `discrete` or `continuous`:
            samples. Without, integers are discrete and floats continuous.
        entropy: Known H(X) of discrete samples, in nats.
        chains: Markov chains that the rows are interleaved from, or `independent`; asked for
            where rows of a bare array are seen not to be independent.
        dtype: What the network computes in; without, what it is made in. `float64` ends most
            effects of rounding.
        quantities: Only these, such as `H(X|T)`; all that are defined without.
        quantise: Number of levels of each unit; the network itself is quantised in the layers
            chosen.
        range: Lowest and highest level; what each layer takes on the data without.
        noise: Standard deviation of Gaussian noise, put into the layers chosen.
        estimators: Common estimators, in a table of their own.
        training: Train networks for tighter certified values of samples.
        untrained: Measure the same architecture with fresh weights too.
        take: For a layer that returns a tuple or dict, which entry is the activation.
        keep: Raw rows kept, at most, for certified values of samples, estimators and noise.
        batch_size: Rows per forward pass, at most.
        accelerator: `cuda` or `cpu`.
        seed: Of fresh weights, of noise, and of drawn configurations.
    """

    model: str
    data: str | None = None
    system: System | None = None
    draw: int | None = None
    select: Selection = field(default_factory=Selection)
    init_args: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None
    prefix: str = ""
    labels: str | None = None
    layers: tuple[str, ...] | None = None
    inputs: Literal["finite", "discrete", "continuous"] | None = None
    entropy: float | None = None
    chains: int | Literal["independent"] | None = None
    dtype: Literal["float32", "float64"] | None = None
    quantities: tuple[str, ...] | None = None
    quantise: int | None = None
    range: tuple[float, float] | None = None
    noise: float | None = None
    estimators: Estimators = field(default_factory=Estimators)
    training: Training | None = None
    untrained: bool = False
    take: dict[str, str | int] = field(default_factory=dict)
    keep: int = 20_000
    batch_size: int = 1024
    accelerator: Literal["cpu", "cuda"] = "cpu"
    seed: int = 0

    @property
    def rows(self) -> Inputs | str:
        """Inputs of the network, or the path of a file of them."""
        if (self.data is None) == (self.system is None):
            raise InputError(
                "give either `data` (a file of inputs) or `system` (a model on a lattice), not "
                f"{'both' if self.data else 'neither'}"
            )
        if self.system is None:
            if self.draw is not None:
                raise InputError("draw is a number of configurations of `system`; leave it out")
            return str(self.data)
        if self.draw is None:
            return enumerated_inputs(self.system)
        return drawn_inputs(self.system, self.draw, self.seed)

    @property
    def options(self) -> Options:
        """How to measure."""
        return Options(
            quantities=self.quantities,
            take=self.take,
            device=self.accelerator,
            batch_size=self.batch_size,
            keep=self.keep,
            training=self.training,
            estimators=self.estimators if self.estimators != Estimators() else None,
            quantise=self.quantise,
            range=self.range,
            noise=self.noise,
            untrained=self.untrained,
            seed=self.seed,
        )


def measure_layers(task: Layers, progress: Progress = silent) -> LayerReport:
    """Build a network and measure its layers, see `rsmi.layers.analyse_layers`.

    Args:
        task: Network, inputs, and how to measure.
        progress: Told what is done of how much.

    Raises:
        InputError: For a network that cannot be built, or anything that cannot be measured.
    """
    rows, options = task.rows, replace(task.options, progress=progress)
    network = build_network(
        task.model,
        task.init_args,
        weights=task.weights,
        prefix=task.prefix,
        dtype=task.dtype,
        device=task.accelerator,
        seed=task.seed,
    )
    return analyse_layers(
        network,
        rows,
        layers=task.layers,
        labels=task.labels,
        kind=task.inputs,
        entropy=task.entropy,
        chains=task.chains,
        select=task.select,
        options=options,
    )


@dataclass(frozen=True)
class Plane:
    """A log of layers in training, and what all of them could keep.

    Args:
        log: The `metrics.csv` that Lightning's CSVLogger wrote beside a `LayerCallback`.
        data: The finite set of inputs with labels that was measured on, `.npz` or HDF5 with `x`,
            `y` and optionally `p`: the exact frontier of its p(x, y) is then drawn too.
        labels: `.npy` file of labels (n,), where the data hold none.
        symbols: Numbers of symbols whose best functions are drawn; a few without.
    """

    log: str
    data: str | None = None
    labels: str | None = None
    symbols: tuple[int, ...] | None = None


def plane_task(task: Plane, directory: Path, progress: Progress = silent) -> InformationPlane:
    """Put the layers of a log into the information plane, see `rsmi.layers.information_plane`.

    Args:
        task: The log, and data for the frontier.
        directory: Not used; the page is written by the command.
        progress: Told of two steps.
    """
    known = None
    if task.data is not None:
        known = frontier(joint_of(inputs_of(task.data, task.labels, kind="finite")), task.symbols)
    progress(1, 2)
    return information_plane(task.log, known)


@dataclass(frozen=True)
class Shift:
    """Networks that differ by their seeds, held-out rows, and shifted ones.

    Args:
        model: Class path of the networks, whose output is a score for each class.
        weights: A checkpoint for each, at least 2.
        data: Rows with labels like those of training: `.npz` or HDF5 with `x` and `y`.
        shifted: Others with the same labels, by name, such as of another temperature or size.
        init_args: Arguments of the class, by name.
        prefix: Before the names of the weights in the checkpoints.
    """

    model: str
    weights: tuple[str, ...]
    data: str
    shifted: dict[str, str]
    init_args: dict[str, Any] = field(default_factory=dict)
    prefix: str = ""


def shift_task(task: Shift, directory: Path, progress: Progress = silent) -> Underspecification:
    """Compare trained networks on held-out and shifted rows, see `underspecification`.

    Args:
        task: Networks and rows.
        directory: Not used; the page is written by the command.
        progress: Told how many sets of how many are done.
    """
    networks = [
        build_network(task.model, task.init_args, weights=weights, prefix=task.prefix)
        for weights in task.weights
    ]
    return underspecification(networks, task.data, task.shifted, progress)
