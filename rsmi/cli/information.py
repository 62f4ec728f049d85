"""`rsmi information`: what rules keep about the environment, from a file of configurations."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.cli.settings import Cut
from rsmi.learning import Learning, usual_rules
from rsmi.learning.settings import check_seed
from rsmi.storage import Selection, check_lattice
from rsmi.storage.interface import space_of

DESCRIPTION = (
    "Held-out information of rules, bounded from samples and exact where the model is known."
)


@dataclass(frozen=True)
class Information:
    """Which rules to judge, on which samples.

    Args:
        data: A file of configurations: of this project, of mcising, or `.npy`/`.npz`.
        select: Which of its samples, where it is a collection or an mcising file.
        rules: Classical rules by name, or directories of trained rules; without it the classical
            ones of these letters.
        window: Visible block, buffer and environment.
        learning: How the posterior q(v|e) behind the bounds is learned, or for large blocks the
            predictor of each rule.
        seed: Of training and error bars.
    """

    data: str
    select: Selection = field(default_factory=Selection)
    rules: tuple[str, ...] | None = None
    window: Cut = field(default_factory=Cut)
    learning: Learning = field(default_factory=Learning)
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)


def main(arguments: Sequence[str]) -> None:
    """Parse, value, print."""
    from rsmi.learning import value_rules

    task, execution = parse("information", Information, arguments, DESCRIPTION, rules=True)
    with task.select.open(task.data) as samples:
        check_lattice(samples)
        space = space_of(samples)
        output = Output("information", task, execution.out, execution.resume)
        with output.stage("information", "Valuing rules on configurations never trained on"):
            found = value_rules(
                samples,
                task.window.window(space),
                usual_rules(space.alphabet) if task.rules is None else task.rules,
                seed=task.seed,
                trust=execution.trust,
                progress=output.console.is_terminal,
                say=output.say,
                **vars(task.learning) | {"null": False},
            )
    for note in found.notes:
        output.say(note)
    output.finish(found.quantities(), task.seed)
