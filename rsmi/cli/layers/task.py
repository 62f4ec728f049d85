"""What `rsmi layers` may be told about a network and its data."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from rsmi.errors import InputError
from rsmi.layers import Estimators, Training
from rsmi.storage import Selection


@dataclass(frozen=True)
class Layers:
    """A network, its inputs, and how to measure its layers.

    Args:
        model: Class path of the network, or of a function that makes it, such as `mynet.Net`;
            importable from the current directory.
        data: Inputs: `.npz` or HDF5 with `x` and optionally labels `y` and probabilities `p`,
            `.npy`, or a file of configurations of this project. With labels: rows that the
            network was not trained on.
        select: Which of its samples, where it is a collection or an mcising file.
        init_args: Arguments of the class, by name.
        weights: Checkpoint of the network: safetensors, a state dict, or one of Lightning.
        prefix: Before the names of its weights in the checkpoint, such as `net.` or `module.`.
        labels: `.npy` file of labels (n,), where the data hold none.
        layers: Names, patterns such as `encoder.*`, or types such as `ReLU`; without, every
            module that has no children and can be measured.
        inputs: `finite`: the rows are every input there is; `discrete` or `continuous`:
            samples. Without, integers are discrete and floats continuous.
        entropy: Known H(X) of discrete samples, in nats.
        dtype: Of the inputs, as the network takes them; that of its first parameter without.
            `float64` makes the network compute in it, which ends most effects of rounding.
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
        seed: Of fresh weights and of noise.
    """

    model: str
    data: str
    select: Selection = field(default_factory=Selection)
    init_args: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None
    prefix: str = ""
    labels: str | None = None
    layers: tuple[str, ...] | None = None
    inputs: Literal["finite", "discrete", "continuous"] | None = None
    entropy: float | None = None
    dtype: Literal["float32", "float64", "int64"] | None = None
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

    def __post_init__(self) -> None:
        if self.quantise is not None and self.noise is not None:
            raise InputError(
                "both quantise and noise were given; a layer is either quantised or noisy: give one"
            )
        if self.range is not None and self.quantise is None:
            raise InputError("range was given without quantise; give the number of levels too")
        if self.entropy is not None and not (math.isfinite(self.entropy) and self.entropy >= 0):
            raise InputError(f"entropy is {self.entropy}; expected H(X) in nats, >= 0")
        for name in ("keep", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"{name} is {getattr(self, name)}; expected a whole number of at least 1"
                )
