"""`rsmi flow`: how a rule moves the temperature, by matching lattices of two sizes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.learning import Learning
from rsmi.renormalization import flow
from rsmi.renormalization.flow import LEARNED

DESCRIPTION = (
    "T'(T) of a rule, its fixed point T_c and its slope b^(1/nu), from lattices L and L/b."
)


@dataclass(frozen=True)
class FlowTask:
    """Which rule, on which lattices and temperatures.

    Args:
        data: A collection, as `rsmi sample` draws over a grid of shapes and temperatures, or a list
            of files: sample files, `.npy`, `.npz`. Two sizes or more, each by the extent of a block
            larger than the one before.
        rule: Name or directory of a rule, a list of them for the steps of the largest lattice, or
            `learned`: learned on that lattice, anew at each level.
        temperatures: One for each file, in units of J, where the files do not know theirs.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        chains: How many Markov chains the first axis of an array counts.
        space: Where the letters of an array live, one for each file.
        steps: Levels at which a rule is learned; 3 where the lattice is wide enough without.
        learning: How rules are learned.
        seed: Of learning, and of the random entries of the rule.
    """

    data: str | tuple[str, ...]
    rule: str | tuple[str, ...] = "majority"
    temperatures: tuple[float, ...] = ()
    block: tuple[int, ...] | None = None
    chains: int | None = None
    space: tuple[str, ...] = ()
    steps: int | None = None
    learning: Learning = field(default_factory=Learning)
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse, match, write."""
    task, execution = parse("flow", FlowTask, arguments, DESCRIPTION, rules=True)
    output = Output("flow", task, execution.out, execution.resume)
    learning = {"steps": task.steps, **vars(task.learning)} if task.rule == LEARNED else {}
    with output.stage("flow", f"Flow of {task.rule}"), output.counting("sources") as progress:
        found = flow(
            task.data,
            task.rule,
            task.temperatures or None,
            block=task.block,
            trust=execution.trust,
            chains=task.chains,
            space=task.space or None,
            seed=task.seed,
            workers=execution.workers,
            progress=progress,
            say=output.say,
            **learning,
        )
    for line in found.remarks:
        output.say(line)
    result = output.finish(found, task.seed)
    output.page(
        found,
        result,
        "How the rule moves the temperature",
        "Where T'(T) crosses the diagonal the rule leaves the temperature as it is; the slope "
        "there is b to the power 1/nu. Levels that agree have come to the fixed point.",
        "flow.png",
    )
    found.check()
