"""`rsmi exponents`: Monte Carlo RG with any rule, from a file of configurations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.cli.rules import rule_name
from rsmi.cli.settings import Exponents
from rsmi.information import Estimate
from rsmi.lattice import Space
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import Rule
from rsmi.renormalization import (
    SYMBOLS,
    Average,
    Drift,
    MCRGResult,
    ScanEntry,
    Verdict,
    check_iteration,
    find_rule,
    over_steps,
    renormalise,
)
from rsmi.report import Quantity
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
        check_iteration(samples)
        space = samples.space or Space.hypercubic(samples.shape, SPIN)
        rule = find_rule(task.rule, space, task.block, trust=execution.trust)
        output = Output("exponents", task, execution.out, execution.resume)
        found = iterate_rule(samples, rule, settings, task.seed, execution, output, task.rule)
    output.finish(quantities(found, rule_name(task.rule), "exponents"), task.seed)
    found.verdict.check()


def iterate_rule(
    samples: Samples,
    rule: Rule,
    settings: Exponents,
    seed: int,
    execution: Execution,
    output: Output,
    name: str,
) -> MCRGResult:
    """Renormalise the samples with one rule."""
    with (
        output.stage(f"exponents.{rule_name(name)}", f"Iterating the rule '{name}'"),
        counting(output.console, "configurations") as progress,
    ):
        found = renormalise(
            samples,
            rule,
            levels=settings.levels,
            reach=settings.reach,
            seed=seed,
            workers=execution.workers,
            blocks=settings.blocks,
            progress=progress,
        )
    sizes = " -> ".join("x".join(map(str, shape)) for shape in found.shapes)
    bases = ", ".join(f"{len(basis)} {parity}" for parity, basis in found.interactions.items())
    output.say(f"{sizes}; {bases} couplings; {found.n} configurations in {found.blocks} blocks")
    output.say(found.order)
    for parity in found.interactions:
        output.say(f"{SYMBOLS[parity]} over the steps: {over_steps(found.scan, parity)}")
    output.say(f"verdict: {found.verdict.text}")
    if found.remark:
        output.say(found.remark)
    return found


def quantities(found: MCRGResult, rule: str, prefix: str) -> list[Quantity]:
    """Exponents with their errors if the verdict allows them, the verdict, and the scan behind."""
    verdict, reference, final = found.verdict, found.known, []
    if verdict.fixed_point:
        final = [
            Quantity.of(
                f"{prefix}.{name}",
                exponent.value,
                reference.get(name),
                rule=rule,
                statistical=exponent.statistical,
                truncation=exponent.truncation,
            )
            for name, exponent in found.exponents.items()
        ]
    final.append(_verdict_quantity(verdict, f"{prefix}.fixed_point", rule))
    final += [_scan_quantity(entry, rule, reference) for entry in found.scan]
    final += [_drift_quantity(drift, rule) for drift in verdict.drifts]
    return final + [_average_quantity(average, rule) for average in verdict.odd]


def _verdict_quantity(verdict: Verdict, name: str, rule: str) -> Quantity:
    """1 where nothing speaks against a fixed point, 0 where exponents are refused."""
    number = Estimate(float(verdict.fixed_point), 0.0, "estimate", unit="1")
    return Quantity.of(
        name, number, rule=rule, verdict=verdict.text, flip_chance=verdict.flip_chance
    )


def _drift_quantity(drift: Drift, rule: str) -> Quantity:
    return Quantity.of(
        f"exponents.scan.drift.{drift.name}",
        drift.change.value,
        rule=rule,
        level=drift.change.after.level + 1,
        couplings=drift.change.after.n_couplings,
        allowed=drift.allowed,
    )


def _average_quantity(average: Average, rule: str) -> Quantity:
    return Quantity.of(
        "exponents.scan.odd_average",
        average.value,
        rule=rule,
        level=average.level,
        interaction=average.name,
    )


def _scan_quantity(entry: ScanEntry, rule: str, reference: Mapping[str, float]) -> Quantity:
    name = SYMBOLS[entry.parity]
    return Quantity.of(
        f"exponents.scan.{name}",
        entry.exponent,
        reference.get(name),
        rule=rule,
        level=entry.level + 1,
        couplings=entry.n_couplings,
        last=entry.last,
    )
