"""`rsmi theory`: networks whose behaviour is known in closed form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError, nearest
from rsmi.information import Outcome
from rsmi.report.theory import write_theory
from rsmi.theory import Machines, study_machines


@dataclass(frozen=True)
class _Part:
    """A theory: its settings, what looks at it, and a sentence."""

    settings: type
    study: Callable[..., Outcome]
    description: str


PARTS = {
    "machines": _Part(
        Machines,
        study_machines,
        "Random layered machines: which functions they compute by depth, exactly and counted.",
    ),
}


def main(arguments: Sequence[str]) -> None:
    """Parse, study, write."""
    name, rest = _part(arguments)
    part = PARTS[name]
    task, execution = parse(f"theory {name}", part.settings, rest, part.description)
    torch.set_num_threads(execution.workers)
    output = Output(f"theory {name}", task, execution.out, execution.resume)
    with output.stage(name, part.description), output.counting("parts") as progress:
        found = part.study(task, progress)
    result = output.finish(found, task.seed)
    if output.directory is not None:
        output.say(write_theory(output.directory, found, result))


def _part(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The theory named first, and the other arguments."""
    name, *rest = arguments or [""]
    if name in PARTS:
        return name, rest
    if name in ("-h", "--help"):
        return next(iter(PARTS)), arguments
    raise InputError(
        f"the theory is {name!r}; {nearest(name, PARTS)}expected `rsmi theory NAME [CONFIG]` with "
        f"one of {', '.join(PARTS)}"
    )
