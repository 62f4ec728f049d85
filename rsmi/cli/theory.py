"""`rsmi theory`: networks whose behaviour is known in closed form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError, nearest
from rsmi.information import Outcome
from rsmi.report.theory import write_theory
from rsmi.theory import (
    Machines,
    Measures,
    Recovery,
    Stability,
    study_machines,
    study_measures,
    study_recovery,
    study_stability,
)


@dataclass(frozen=True)
class _Part:
    """A theory: its settings, what looks at it, and a sentence."""

    settings: type
    study: Callable[..., Outcome]
    description: str
    rules: bool = False


PARTS = {
    "machines": _Part(
        Machines,
        study_machines,
        "Random layered machines: which functions they compute by depth, exactly and counted.",
    ),
    "firenet": _Part(
        Recovery,
        study_recovery,
        "FIRENET on sparse signals: how fast it converges, and how stable it is beside a trained "
        "network.",
    ),
    "measures": _Part(
        Measures,
        study_measures,
        "Two-layer networks as measures: gradient flow, births and deaths, fluctuations, "
        "equilibrium, symmetry, a game.",
    ),
    "stability": _Part(
        Stability,
        study_stability,
        "How many flips change what a rule says: a coarse spin, a level, an exponent.",
        rules=True,
    ),
}


def main(arguments: Sequence[str]) -> None:
    """Parse, study, write."""
    name, rest = _part(arguments)
    part = PARTS[name]
    task, execution = parse(
        f"theory {name}", part.settings, rest, part.description, rules=part.rules
    )
    torch.set_num_threads(execution.workers)
    output = Output(f"theory {name}", task, execution.out, execution.resume)
    with output.stage(name, part.description), output.counting("parts") as progress:
        trust = {"trust": execution.trust} if part.rules else {}
        found = part.study(task, progress, **trust)
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
