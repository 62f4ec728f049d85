"""`rsmi ensemble`: many rules at once, and the manifold that the best of them form."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.learning import save_rule
from rsmi.learning.equivariance import Use
from rsmi.learning.settings import RuleKind, Symmetry, check_seed
from rsmi.runs.result import RULE_NAME
from rsmi.runs.settings import Cut
from rsmi.storage import Selection, check_lattice
from rsmi.storage.interface import space_of

DESCRIPTION = (
    "Many rules from different weights in one pass: their information, and whether the best of "
    "them form a point, an orbit such as Z4, a circle or a sphere."
)


@dataclass(frozen=True)
class Training:
    """How the members are trained; the fields are those of `rsmi.learning.Learning`.

    Args:
        symbols: How many values the coarse variable takes, 2 to 16.
        rule: `linear`, `table`, `mlp` or `conv`.
        symmetry: Of the letters: `impose`, `allow` or `none`.
        point_group: `impose` makes rules invariant under rotations and reflections of the block.
        hidden: Widths of the hidden layers of each predictor.
        learning_rate: Largest learning rate of AdamW.
        batch_size: Windows per training step, the same for all members.
        steps_per_epoch: Training steps of an epoch.
        max_epochs: Epochs.
        configurations: Most configurations held in memory at once.
        windows_per_configuration: Held-out windows taken from each test configuration.
        null: Train the best member once more on environments of other configurations.
    """

    symbols: int = 2
    rule: RuleKind = "linear"
    symmetry: Symmetry = "impose"
    point_group: Use = "allow"
    hidden: tuple[int, ...] = (16,)
    learning_rate: float = 4e-3
    batch_size: int = 256
    steps_per_epoch: int = 50
    max_epochs: int = 16
    configurations: int = 16384
    windows_per_configuration: int = 8
    null: bool = True


@dataclass(frozen=True)
class EnsembleTask:
    """How many rules to learn, and from which samples.

    Args:
        data: A file of configurations: of this project, of mcising, or `.npy`/`.npz`.
        select: Which of its samples, where it is a collection or an mcising file.
        window: Visible block, buffer and environment.
        size: Number of members.
        first: Number of the first one; another ensemble goes on where one ended.
        learning: How the members are trained.
        seed: Of windows and error bars; with the number of a member, of its weights.
    """

    data: str
    select: Selection = field(default_factory=Selection)
    window: Cut = field(default_factory=Cut)
    size: int = 100
    first: int = 0
    learning: Training = field(default_factory=Training)
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)


def main(arguments: Sequence[str]) -> None:
    """Parse, learn, print; the best rule and the figure stay in the directory."""
    from rsmi.learning import learn_ensemble

    task, execution = parse("ensemble", EnsembleTask, arguments, DESCRIPTION)
    with task.select.open(task.data) as samples:
        check_lattice(samples)
        output = Output("ensemble", task, execution.out, execution.resume)
        with output.stage("ensemble", f"Learning {task.size} rules at once"):
            found = learn_ensemble(
                samples, task.window.window(space_of(samples)), size=task.size, first=task.first,
                seed=task.seed, say=output.say, **vars(task.learning),
            )  # fmt: skip
    if output.directory is not None:
        save_rule(found.rule(), output.directory / RULE_NAME, found.card)
    result = output.finish(found, task.seed)
    output.page(
        found, result, "The best rules as points, and what they see in their block",
        "Members that are worth as much as the best, along the axes in which they differ; colours "
        "are clusters, pictures the weights of a member or the mean of a cluster.", "filters.png",
    )  # fmt: skip
