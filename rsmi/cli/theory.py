"""`rsmi theory`: networks whose behaviour is known in closed form."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError, nearest
from rsmi.information import Outcome
from rsmi.layers import Sawtooth, study_sawtooth
from rsmi.report.theory import write_theory
from rsmi.theory import (
    Floods,
    Intrinsic,
    Machines,
    Measures,
    Recovery,
    Stability,
    study_floods,
    study_intrinsic,
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
    "intrinsic": _Part(
        Intrinsic,
        study_intrinsic,
        "Scale-invariant weights under weight decay: their equilibrium, and from when on curves of "
        "two runs may be compared.",
    ),
    "measures": _Part(
        Measures,
        study_measures,
        "Two-layer networks as measures: gradient flow, births and deaths, fluctuations, "
        "equilibrium, symmetry, a game.",
    ),
    "sawtooth": _Part(
        Sawtooth,
        study_sawtooth,
        "What depth buys against width: a sawtooth that l layers of 2 units make, and networks of "
        "fewer layers trained on it.",
    ),
    "stability": _Part(
        Stability,
        study_stability,
        "How many flips change what a rule says: a coarse spin, a level, an exponent.",
        rules=True,
    ),
    "mazes": _Part(
        Floods,
        study_floods,
        "Networks that flood critical mazes: where training ends, what lies between there and the "
        "perfect weights, and what the layers forget.",
    ),
}


def main(arguments: Sequence[str]) -> None:
    """Parse, study, write."""
    name, *rest = arguments or [""]
    if name in ("-h", "--help"):
        sys.stdout.write(_help())
        raise SystemExit(0)  # as the parser of any other command
    if name not in PARTS:
        raise InputError(
            f"the theory is {name!r}; {nearest(name, PARTS)}expected `rsmi theory NAME [CONFIG]` "
            f"with one of {', '.join(PARTS)}"
        )
    _study(name, rest)


def _help() -> str:
    rows = "\n".join(f"  {name:<10}  {part.description}" for name, part in PARTS.items())
    return (
        "usage: rsmi theory NAME [CONFIG] [ARGUMENTS]\n\ntheories:\n"
        f"{rows}\n\n`rsmi theory NAME --help` explains one.\n"
    )


def _study(name: str, arguments: Sequence[str]) -> None:
    part = PARTS[name]
    task, execution = parse(
        f"theory {name}", part.settings, arguments, part.description, rules=part.rules
    )
    torch.set_num_threads(execution.workers)
    output = Output(f"theory {name}", task, execution.out, execution.resume)
    with output.stage(name, part.description), output.counting("parts") as progress:
        trust = {"trust": execution.trust} if part.rules else {}
        found = part.study(task, progress, **trust)
    result = output.finish(found, task.seed)
    if output.directory is not None:
        output.say(write_theory(output.directory, found, result))
