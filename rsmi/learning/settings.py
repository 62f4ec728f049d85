"""How a rule is learned: every option with its default, named and checked once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Literal, Protocol

from rsmi.errors import InputError, nearest
from rsmi.lattice import Placement
from rsmi.learning.equivariance import Use
from rsmi.learning.rules import MAX_SYMBOLS
from rsmi.storage.room import check_memory

Symmetry = Literal["impose", "allow", "measure", "none"]
"""What becomes of the symmetry of the letters."""

RuleKind = Literal["table", "linear", "mlp", "conv"]
"""Trainable rules by name."""

RENAMED = {
    "n_hidden": "symbols, of which k coarse bits make 2**k",
    "z2": "symmetry, which is impose or allow as before, or measure or none",
    "filter": "rule, which is table or linear as before, or mlp or conv",
}
"""Options of version 0.1.0, and what to write instead."""

OPTIMA = {"impose": "optimum", "allow": "optimum_any"}
"""Names of the largest information: of rules that commute with the letters' symmetry, of any."""

MAX_WORDS = 1024
"""Most words of a block that a posterior tells apart."""

_MOST_SEED = 2**32 - 1  # of NumPy's generator, which Lightning seeds
_AHEAD = 64  # batches drawn ahead


@dataclass(frozen=True)
class Learning:
    """How a rule is learned.

    Args:
        method: `posterior` learns q(v|e) once and derives the best rule from it (blocks that show
            at most 1024 different words); `joint` trains rule and predictor together; `auto` takes
            the posterior where it can, and where `rule` is a table.
        symbols: How many values the coarse variable takes, 2 to 16.
        symmetry: Of the letters: `impose` makes the rule equivariant; `allow` does not; `measure`
            neither, and says how far the rule breaks it; `none` uses no symmetry at all.
        point_group: `impose` makes the rule invariant under rotations and reflections of the
            block; `allow` does not; `measure` neither, and says how far the rule breaks it.
        rule: For `joint`: `table`, `linear`, `mlp` or `conv`.
        hidden: Widths of the hidden layers of each of the predictor's four networks.
        learning_rate: Largest learning rate of AdamW.
        batch_size: Windows per training step.
        steps_per_epoch: Training steps between validations.
        max_epochs: Most validations.
        patience: Validations without improvement after which training stops.
        restarts: For `joint`: short trainings from different weights, of which the best goes on;
            rules of ours begin as the best linear one, so that there is little to choose.
        configurations: Most configurations held in memory at once.
        windows_per_configuration: Held-out windows taken from each test configuration.
        null: Train once more with each block beside the environment of another chain; the value
            must be 0.
        seeds: Trainings from other weights on other windows; the best by validation is reported,
            and how the others differ.
        curve: Train again on an eighth, a quarter and a half of the training configurations, and
            say what more of them would give.
        error: Largest error of the held-out value in nats; a larger one is refused, with the number
            of configurations that it takes.
        accelerator: `auto`, `cpu` or `gpu`, as for Lightning's Trainer.
    """

    method: Literal["auto", "posterior", "joint"] = "auto"
    symbols: int = 2
    symmetry: Symmetry = "impose"
    point_group: Use = "allow"
    rule: RuleKind = "table"
    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 4e-3
    batch_size: int = 2048
    steps_per_epoch: int = 50
    max_epochs: int = 12
    patience: int = 6
    restarts: int = 1
    configurations: int = 16384
    windows_per_configuration: int = 64
    null: bool = True
    seeds: int = 1
    curve: bool = False
    error: float | None = None
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is int and value < 1:
                raise InputError(
                    f"learning.{name} is {value}; expected a whole number of at least 1"
                )
        if not 2 <= self.symbols <= MAX_SYMBOLS:
            raise InputError(f"learning.symbols is {self.symbols}; expected 2 to {MAX_SYMBOLS}")
        if min(self.hidden, default=1) < 1:
            raise InputError(
                f"learning.hidden is {list(self.hidden)}; expected widths of 1 or more"
            )
        for name, size in (("learning_rate", self.learning_rate), ("error", self.error)):
            if size is not None and not (math.isfinite(size) and size > 0):
                raise InputError(f"learning.{name} is {size}; expected a number above 0")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Learning":
        """Settings from options by name.

        Raises:
            InputError: For an option that there is not; an old name is answered with the new one.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name in RENAMED:
                raise InputError(f"the option {name!r} has another name now: {RENAMED[name]}")
            if name not in known:
                raise InputError(
                    f"there is no option {name!r}; {nearest(name, known)}expected one of "
                    f"{', '.join(known)}"
                )
        return cls(**options)


def imposed(settings: Learning) -> Literal["impose", "allow"]:
    """Whether rules are equivariant under the letters' symmetry."""
    return "impose" if settings.symmetry == "impose" else "allow"


def check_seed(seed: int) -> None:
    """Raise InputError for a seed that learning cannot use."""
    if not 0 <= seed <= _MOST_SEED:
        raise InputError(f"seed is {seed}; expected a whole number from 0 to {_MOST_SEED}")


class Amounts(Protocol):
    """What decides how much memory a training takes."""

    @property
    def batch_size(self) -> int: ...  # noqa: D102
    @property
    def configurations(self) -> int: ...  # noqa: D102
    @property
    def windows_per_configuration(self) -> int: ...  # noqa: D102


def check_memory_of_learning(
    settings: Amounts, hidden: Sequence[int], placement: Placement, n: int
) -> None:
    """Refuse settings that memory cannot hold, before any work is done.

    Args:
        settings: `Learning`, or the data of a training.
        hidden: Widths of the hidden layers.
        placement: Block, buffer and environment in a space.
        n: Configurations there are.

    Raises:
        InputError: Names the setting that needs most.
    """
    seen = placement.n_visible + placement.n_environment
    features = placement.space.alphabet.values.shape[1]
    words = min(placement.space.alphabet.size**placement.n_visible, MAX_WORDS)
    layers = [features * placement.n_environment, *hidden, words]
    held = min(settings.configurations, n)
    needed = {
        # Batches are drawn ahead; activations and their gradients are float32.
        "batch_size or hidden": settings.batch_size * (_AHEAD * seen + 12 * sum(layers)),
        "windows_per_configuration": held * settings.windows_per_configuration * (seen + 8),
        "configurations": 3 * held * placement.space.n_sites,
        # weights, gradients and two moments
        "hidden": 16 * sum(a * b for a, b in pairwise(layers)),
    }
    largest = max(needed, key=lambda name: needed[name])
    check_memory(sum(needed.values()), "learning", f"lower {largest}")
