"""`rsmi run`: from a config to samples, a learned rule, its information, exponents and a report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rsmi.cli.output import Output, default_out
from rsmi.cli.parsing import parse
from rsmi.report.runs import write_pictures
from rsmi.runs.pipeline import plan
from rsmi.runs.settings import Run

DESCRIPTION = "Run the whole pipeline of a config and write result.json, report.html and figures."


def main(arguments: Sequence[str]) -> None:
    """Parse, run, write."""
    task, execution = parse("run", Run, arguments, DESCRIPTION, sampling=True, rules=True)
    planned = plan(task, trust=execution.trust)
    execution = replace(execution, out=execution.out or default_out(arguments))
    output = Output("run", planned.task, execution.out, execution.resume)
    found = planned.carry_out(execution, output)
    result = output.finish(found.quantities(), task.seed)
    if found.failure is None:
        with output.stage("figures", "Drawing"):
            output.say(write_pictures(Path(str(execution.out)), found, result, output.say))
    found.check()
