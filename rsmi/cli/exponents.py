"""`rsmi exponents`: Monte Carlo RG with any rule, from a file of configurations."""

from collections.abc import Sequence

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.runs.settings import Exponents, ExponentsTask
from rsmi.runs.steps import iterate_rule

DESCRIPTION = "Critical exponents from the stability matrix of a rule applied again and again."


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("exponents", ExponentsTask, arguments, DESCRIPTION, rules=True)
    settings = Exponents((task.rule,), task.levels, task.reach, task.blocks)
    with task.select.open(task.data) as samples:
        output = Output("exponents", task, execution.out, execution.resume)
        found = iterate_rule(
            samples, task.rule, settings, task.seed, execution, output, task.rule, task.block
        )
    output.finish(found, task.seed)
    found.verdict.check()
