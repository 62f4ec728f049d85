"""`rsmi exponents`: Monte Carlo RG with any rule, from a file of configurations."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.settings import Exponents
from rsmi.learning import Rule, rule_name
from rsmi.renormalization import MCRGResult, renormalise
from rsmi.storage import Samples, Selection

DESCRIPTION = "Critical exponents from the stability matrix of a rule applied again and again."


@dataclass(frozen=True)
class ExponentsTask:
    """Which rule to iterate, on which samples.

    Args:
        data: A file of configurations: of this project, of mcising, or `.npy`/`.npz`.
        select: Which of its samples, where it is a collection or an mcising file.
        rule: `majority`, of letters other than two `plurality`, of spins with vacancies also
            `vacancy_majority`, or the directory of a trained rule (with --trust where it holds a
            network of somebody's own); one that copies spins, as `decimation` does, has no fixed
            point and is refused.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        levels: Coarse-graining steps, two or more where the lattice allows them; all without a
            number.
        reach: Largest distance between two spins of an interaction, in lattice constants.
        blocks: Independent blocks of samples for the jackknife.
        seed: Of the random entries of the rule.
    """

    data: str
    select: Selection = field(default_factory=Selection)
    rule: str = "majority"
    block: tuple[int, ...] | None = None
    levels: int | None = None
    reach: float = Exponents.reach
    blocks: int = Exponents.blocks
    seed: int = 0


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


def iterate_rule(
    samples: Samples,
    rule: Rule | str,
    settings: Exponents,
    seed: int,
    execution: Execution,
    output: Output,
    name: str,
    block: tuple[int, ...] | None = None,
) -> MCRGResult:
    """Renormalise the samples with one rule."""
    with (
        output.stage(f"exponents.{rule_name(name)}", f"Iterating the rule '{name}'"),
        output.counting("configurations") as progress,
    ):
        found = renormalise(
            samples,
            rule,
            block=block,
            trust=execution.trust,
            levels=settings.levels,
            reach=settings.reach,
            seed=seed,
            workers=execution.workers,
            blocks=settings.blocks,
            progress=progress,
        )
    for line in found.remarks:
        output.say(line)
    return replace(found, rule=rule_name(name))
