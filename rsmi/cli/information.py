"""`rsmi information`: what rules keep about the environment, from a file of configurations."""

from collections.abc import Sequence

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.learning import usual_rules
from rsmi.runs.settings import Information
from rsmi.storage import check_lattice
from rsmi.storage.interface import space_of

DESCRIPTION = (
    "Held-out information of rules, bounded from samples and exact where the model is known."
)


def main(arguments: Sequence[str]) -> None:
    """Parse, value, print."""
    from rsmi.learning import Refused, value_rules

    task, execution = parse("information", Information, arguments, DESCRIPTION, rules=True)
    with task.select.open(task.data) as samples:
        check_lattice(samples)
        space = space_of(samples)
        output = Output("information", task, execution.out, execution.resume)
        with output.stage("information", "Valuing rules on configurations never trained on"):
            try:
                found = value_rules(
                    samples,
                    task.window.window(space),
                    usual_rules(space.alphabet) if task.rules is None else task.rules,
                    seed=task.seed,
                    trust=execution.trust,
                    progress=output.console.is_terminal,
                    say=output.say,
                    **vars(task.learning),
                )
            except Refused as refused:  # what was found is written before `check` says so
                found = refused.found
    for note in found.notes:
        output.say(note)
    output.finish(found.quantities(), task.seed)
    found.check()
