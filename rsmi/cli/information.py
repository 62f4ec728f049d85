"""`rsmi information`: what rules keep about the environment, from a file of configurations."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from rsmi.cli.learning import Source, Training, check_memory_of_learning
from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.cli.rules import named_tables
from rsmi.cli.settings import Cut, Learning, check_seed
from rsmi.cli.valuing import ExactConditionals, bounds
from rsmi.errors import InputError
from rsmi.storage import Selection, check_lattice

DESCRIPTION = (
    "Held-out information of rules, bounded from samples and exact where the model is known."
)


@dataclass(frozen=True)
class Information:
    """Which rules to judge, on which samples.

    Args:
        data: A file of configurations: of this project, of mcising, or `.npy`/`.npz`.
        select: Which of its samples, where it is a collection or an mcising file.
        rules: `majority`, `decimation`, or directories of trained rules.
        window: Visible block, buffer and environment.
        learning: How the posterior q(v|e) behind the bounds is learned.
        seed: Of training and error bars.
    """

    data: str
    select: Selection = field(default_factory=Selection)
    rules: tuple[str, ...] = ("majority", "decimation")
    window: Cut = field(default_factory=Cut)
    learning: Learning = field(default_factory=Learning)
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.learning.method != "posterior":
            raise InputError(
                f"learning.method is {self.learning.method!r}; only a posterior q(v|e) values "
                "rules that were not learned with it; set learning.method: posterior"
            )


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("information", Information, arguments, DESCRIPTION)
    source = Source(Path(task.data), task.select)
    with source.open() as samples:
        check_lattice(samples)
        window = task.window.window(samples.shape)
        sites = math.prod(samples.shape)
        check_memory_of_learning(window, task.learning, sites, samples.n, task.learning.hidden)
    tables = named_tables(task.rules, window.block)
    output = Output("information", task, execution.out, execution.resume)
    with tempfile.TemporaryDirectory() as scratch:
        training = Training(source, window, task.learning, task.seed, Path(scratch))
        with output.stage("learning", "Learning the posterior of a block given its environment"):
            training.run(output.console.is_terminal)
            output.say(training.data.order)
            output.say(f"symmetries used: {training.data.symmetry}")
    with output.stage("information", "Valuing rules on configurations never trained on"):
        identity = {"full": torch.eye(1 << window.n_visible)}
        quantities = bounds(training.model, training.data.test_windows(), identity | tables)
        exact = ExactConditionals.of(training.data)
    if exact is None:
        output.say("the Hamiltonian of these samples is not known: no exact values")
    else:
        quantities += exact.values(tables, task.learning.n_hidden, task.learning.z2)
    output.finish(quantities, task.seed)
