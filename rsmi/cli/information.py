"""`rsmi information`: what rules keep about the environment, from a file of configurations."""

from collections.abc import Sequence

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.runs.settings import Information
from rsmi.runs.steps import value_task
from rsmi.storage import check_lattice

DESCRIPTION = (
    "Held-out information of rules, bounded from samples and exact where the model is known."
)


def main(arguments: Sequence[str]) -> None:
    """Parse, value, print."""
    task, execution = parse("information", Information, arguments, DESCRIPTION, rules=True)
    with task.select.open(task.data) as samples:
        check_lattice(samples)
        output = Output("information", task, execution.out, execution.resume)
        with output.stage("information", "Valuing rules on configurations never trained on"):
            found = value_task(task, samples, execution, output)
    for note in found.notes:
        output.say(note)
    result = output.finish(found.quantities(), task.seed)  # before `check` refuses any of it
    output.page(
        found,
        result,
        "What each rule keeps about the environment",
        "Dots are lower bounds on configurations never trained on; diamonds use the exact p(v|e) "
        "of the Hamiltonian at sampled environments.",
    )
    found.check()
