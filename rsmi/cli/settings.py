"""What a config may say: one dataclass per step, so every key is typed and documented once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rsmi.errors import InputError
from rsmi.lattice import Window
from rsmi.storage import SampleRecipe, Selection

_MOST_SEED = 2**32 - 1  # of NumPy's generator, which Lightning seeds


def check_seed(seed: int) -> None:
    """Raise InputError for a seed that learning cannot use."""
    if not 0 <= seed <= _MOST_SEED:
        raise InputError(f"seed is {seed}; expected a whole number from 0 to {_MOST_SEED}")


@dataclass(frozen=True)
class Learning:
    """How a rule is learned.

    Args:
        method: `posterior` learns q(v|e) once and derives the best rule from it (blocks of at
            most 10 sites); `joint` trains filter and predictor together.
        n_hidden: Number of coarse bits.
        z2: `impose` makes the rule odd under flipping every spin; `allow` does not.
        filter: For `joint`: `table` (a free table) or `linear` (one perceptron per bit).
        hidden: Widths of the hidden layers of each of the predictor's four networks.
        learning_rate: Largest learning rate of AdamW.
        batch_size: Windows per training step.
        steps_per_epoch: Training steps between validations.
        max_epochs: Most validations.
        patience: Validations without improvement after which training stops.
        configurations: Most configurations held in memory at once.
        windows_per_configuration: Held-out windows taken from each test configuration.
        null: Train once more on environments permuted among the configurations; the value
            must be 0.
        accelerator: `auto`, `cpu` or `gpu`, as for Lightning's Trainer.
    """

    method: Literal["posterior", "joint"] = "posterior"
    n_hidden: int = 1
    z2: Literal["impose", "allow"] = "impose"
    filter: Literal["table", "linear"] = "table"
    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 4e-3
    batch_size: int = 2048
    steps_per_epoch: int = 50
    max_epochs: int = 12
    patience: int = 6
    configurations: int = 16384
    windows_per_configuration: int = 64
    null: bool = True
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is int and value < 1:
                raise InputError(
                    f"learning.{name} is {value}; expected a whole number of at least 1"
                )
        if min(self.hidden, default=1) < 1:
            raise InputError(
                f"learning.hidden is {list(self.hidden)}; expected widths of 1 or more"
            )
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(
                f"learning.learning_rate is {self.learning_rate}; expected a number above 0"
            )


@dataclass(frozen=True)
class Cut:
    """How windows are cut out of the lattice.

    Args:
        block: Extents of the visible block; 2 along each axis of the lattice without.
        buffer: Width of the buffer shell.
        environment: Width of the environment shell.
    """

    block: tuple[int, ...] | None = None
    buffer: int = 1
    environment: int = 1

    def window(self, shape: Sequence[int]) -> Window:
        """The window on a lattice.

        Raises:
            InputError: For one that cannot be, or does not fit the lattice.

        >>> Cut().window((8, 8, 8)).block
        (2, 2, 2)
        """
        window = Window(block_for(self.block, shape), self.buffer, self.environment)
        window.check(tuple(shape))
        return window


def block_for(block: Sequence[int] | None, shape: Sequence[object]) -> tuple[int, ...]:
    """The block that was asked for, or 2 sites along each axis of the lattice."""
    return (2,) * len(shape) if block is None else tuple(block)


@dataclass(frozen=True)
class Exponents:
    """How critical exponents are measured.

    Args:
        rules: Rules to iterate: `learned`, `majority`, or the directory of a trained rule.
        levels: Coarse-graining steps, two or more where the lattice allows them; all without a
            number.
        reach: Largest distance between two spins of an interaction, in lattice constants.
        blocks: Independent blocks of samples for the jackknife.
    """

    rules: tuple[str, ...] = ("learned", "majority")
    levels: int | None = None
    reach: float = 2.0
    blocks: int = 64


@dataclass(frozen=True)
class Run:
    """The whole pipeline: samples, a learned rule, its information, exponents, a report.

    Args:
        samples: The recipe of the samples to draw; leave it out where `data` is given.
        data: A file of configurations from elsewhere (`.npy`, `.npz`, HDF5 of this project or
            of mcising).
        select: Which samples of `data`, where it is a collection or an mcising file.
        window: Visible block, buffer and environment.
        learning: How the rule is learned.
        exponents: How exponents are measured.
        seed: Of learning, stochastic rules and error bars; the samples have their own.
    """

    samples: SampleRecipe | None = None
    data: str | None = None
    select: Selection = field(default_factory=Selection)
    window: Cut = field(default_factory=Cut)
    learning: Learning = field(default_factory=Learning)
    exponents: Exponents = field(default_factory=Exponents)
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)
