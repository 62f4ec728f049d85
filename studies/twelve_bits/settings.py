"""Settings of the study."""

from dataclasses import dataclass, field
from typing import Literal

from rsmi.errors import InputError
from studies.training import Fit

Activation = Literal["tanh", "relu"]
Initial = Literal["preserving", "pytorch"]


@dataclass(frozen=True)
class Settings:
    """The study.

    Args:
        study: Path of this module.
        mat: A `.mat` file of the original data (F and y); the rule of this study without.
        steepness: Makes the rule of this study smooth: p(y=1|x) is a logistic function of
            this slope; a threshold without.
        activations: Unit functions to compare.
        initial: Weights before training to compare: `preserving` ones keep the variance of the
            signal from layer to layer (normal, 1/fan-in for tanh and 2/fan-in for ReLU),
            `pytorch` ones are torch's default (uniform, 1/(3 fan-in)), by which it falls.
        widths: Of the hidden layers.
        seeds: Number of networks of each kind.
        at: Epochs at which the layers are measured; 0 is the untrained network.
        fit: How the networks are trained.
        levels: Of each unit of the quantised networks, over [-1, 1] for tanh and over each
            layer's own range for ReLU; the first one is shown layer by layer.
        fixed_widths: Widths of fixed bins; the first one is shown in the tables.
        range_bins: Numbers of bins over a layer's range; the first one is shown in the tables.
        kernel_sigma: Standard deviation of the imagined noise of the kernel bounds.
        kernel_rows: Patterns on which the kernel bounds are evaluated.
        seed: Of the first network.
    """

    study: str = "studies.twelve_bits"
    mat: str | None = None
    steepness: float | None = None
    activations: tuple[Activation, ...] = ("tanh", "relu")
    initial: tuple[Initial, ...] = ("preserving", "pytorch")
    widths: tuple[int, ...] = (10, 7, 5, 4, 3)
    seeds: int = 8
    at: tuple[int, ...] = (0, 2, 6, 20, 80, 300)
    fit: Fit = field(default_factory=lambda: Fit(300, 256, 5e-3))
    levels: tuple[int, ...] = (30, 8, 16, 64)
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
        for name in ("activations", "initial", "widths", "levels", "fixed_widths", "range_bins"):
            if not getattr(self, name):
                raise InputError(f"{name} is empty; expected at least one entry")
        if len(self.widths) < 2:
            raise InputError("widths has one layer; depth needs at least 2 hidden layers")

    def kinds(self) -> "list[Kind]":
        """Every kind of network that is compared."""
        return [Kind(unit, initial) for initial in self.initial for unit in self.activations]


@dataclass(frozen=True)
class Kind:
    """Unit function and initial weights.

    Args:
        activation: As in `Settings`.
        initial: As in `Settings`.
    """

    activation: Activation
    initial: Initial

    @property
    def name(self) -> str:
        """For names of quantities: `tanh`, or `tanh_pytorch` with torch's default weights."""
        return self.activation + ("_pytorch" if self.initial == "pytorch" else "")

    @property
    def label(self) -> str:
        """For people."""
        unit = {"tanh": "tanh", "relu": "ReLU"}[self.activation]
        return f"{unit}, torch weights" if self.initial == "pytorch" else unit
