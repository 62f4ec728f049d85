"""`rsmi information`: what rules keep about the environment, from a file of configurations."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from rsmi.cli.exact import rule_name
from rsmi.cli.learning import Training
from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.cli.settings import Learning
from rsmi.cli.valuing import ExactConditionals, bounds
from rsmi.lattice import Window
from rsmi.learning import load_filter

DESCRIPTION = (
    "Held-out information of rules, bounded from samples and exact where the model is known."
)


@dataclass(frozen=True)
class Information:
    """Which rules to judge, on which samples.

    Args:
        data: A file of configurations: of this project, of mcising, or `.npy`/`.npz`.
        rules: `majority`, `decimation`, or directories of trained rules.
        window: Visible block, buffer and environment.
        learning: How the posterior q(v|e) behind the bounds is learned.
        seed: Of training and error bars.
    """

    data: str
    rules: tuple[str, ...] = ("majority", "decimation")
    window: Window = field(default_factory=lambda: Window((2, 2), 1))
    learning: Learning = field(default_factory=Learning)
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("information", Information, arguments, DESCRIPTION)
    tables = {rule_name(r): load_filter(r, task.window.block).table() for r in task.rules}
    output = Output("information", task, execution.out, execution.resume)
    with tempfile.TemporaryDirectory() as scratch:
        training = Training(Path(task.data), task.window, task.learning, task.seed, Path(scratch))
        with output.stage("learning", "Learning the posterior of a block given its environment"):
            training.run(output.console.is_terminal)
    with output.stage("information", "Valuing rules on configurations never trained on"):
        identity = {"full": torch.eye(1 << task.window.n_visible)}
        quantities = bounds(training.model, training.data.test_windows(), identity | tables)
        exact = ExactConditionals.of(training.data)
    if exact is None:
        output.say("the Hamiltonian of these samples is not known: no exact values")
    else:
        quantities += exact.values(tables, task.learning.n_hidden, task.learning.z2)
    output.finish(quantities, task.seed)
