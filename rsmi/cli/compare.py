"""`rsmi compare`: rules of many methods beside each other on one data set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rsmi.cli.output import Output, default_out
from rsmi.cli.parsing import parse
from rsmi.runs.comparing import compare, trainings
from rsmi.runs.files import write_whole
from rsmi.runs.settings import Compare

DESCRIPTION = (
    "Rules of many methods beside each other on one data set: what each keeps, forgets, and where "
    "it flows, over seeds; each method and seed has a folder of its own, and --resume goes on with "
    "what is missing. See docs/compare.md."
)


def main(arguments: Sequence[str]) -> None:
    """Parse, compare, write."""
    task, execution = parse("compare", Compare, arguments, DESCRIPTION, sampling=True)
    trainings(task)  # bad input leaves no directory
    execution = replace(execution, out=execution.out or default_out(arguments))
    output = Output("compare", task, execution.out, execution.resume, grows=True)
    found = compare(task, execution=execution, processes=execution.workers, watcher=output)
    result = output.finish(found, None)
    write_whole(Path(str(execution.out)) / "table.csv", found.csv().encode())
    found.check()
    output.page(
        found,
        result,
        "What each method's rule keeps, forgets, and where it flows",
        "Small dots are seeds, large ones their means with an error that holds both the scatter "
        "of the seeds and the error of each; dashed lines are the best rule's information and the "
        "exact exponents. A cross: refused, or left out; the tables say why.",
    )
