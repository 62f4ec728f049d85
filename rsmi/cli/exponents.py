"""`rsmi exponents`: Monte Carlo RG with any rule, from a file of configurations."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError
from rsmi.runs.settings import Execution, Exponents, ExponentsTask
from rsmi.runs.steps import iterate_rule
from rsmi.storage import DrawnSamples, SampleRecipe, Samples, Selection
from rsmi.storage.config import read_config

DESCRIPTION = "Critical exponents from the stability matrix of a rule applied again and again."


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("exponents", ExponentsTask, arguments, DESCRIPTION, rules=True)
    settings = Exponents((task.rule,), task.levels, task.reach, task.blocks)
    with _samples(task, execution) as samples:
        output = Output("exponents", task, execution.out, execution.resume)
        found = iterate_rule(
            samples, task.rule, settings, task.seed, execution, output, task.rule, task.block
        )
    output.finish(found, task.seed)
    found.verdict.check()


def _samples(task: ExponentsTask, execution: Execution) -> Samples:
    """Configurations of a file, or those of a recipe, drawn while they are measured."""
    if not task.data.endswith((".yaml", ".yml")):
        return task.select.open(task.data)
    if task.select != Selection():
        raise InputError(
            f"{task.data} is a recipe, of which nothing can be selected; leave --select out, and "
            "change the recipe"
        )
    recipe = SampleRecipe.from_yaml(str(yaml.serialize(read_config(Path(task.data)))))
    return DrawnSamples(recipe, device=execution.device, workers=execution.workers)
