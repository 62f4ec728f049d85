"""`rsmi exponents`: Monte Carlo RG with any rule, from a file of configurations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.cli.rules import load_rule, rule_name
from rsmi.cli.settings import Exponents
from rsmi.information import Estimate
from rsmi.renormalization import (
    SYMBOLS,
    Average,
    Drift,
    MCRGResult,
    ScanEntry,
    Verdict,
    check_iteration,
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
            `vacancy_majority`, or the directory of a trained rule; one that copies spins, as
            `decimation` does, has no fixed point and is refused.
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
    task, execution = parse("exponents", ExponentsTask, arguments, DESCRIPTION)
    settings = Exponents((task.rule,), task.levels, task.reach, task.blocks)
    with task.select.open(task.data) as samples:
        check_iteration(samples)
        table, block = load_rule(task.rule, task.block, samples.space)
        output = Output("exponents", task, execution.out, execution.resume)
        rule = task.rule
        found = iterate_rule(samples, table, block, settings, task.seed, execution, output, rule)
        reference = references(samples, output)
    output.finish(quantities(found, rule_name(task.rule), "exponents", reference), task.seed)
    found.verdict.check()


def references(samples: Samples, output: Output) -> Mapping[str, float]:
    """Known exponents of the samples' model; says why there are none."""
    point, coupling = samples.critical, (samples.model or {}).get("coupling")
    at = point is not None and coupling is not None and point.holds(float(coupling))
    known = point.universality.values() if at and point is not None else {}
    if samples.model is None:
        output.say(
            "nothing is known of the Hamiltonian of these samples: what stands below are critical "
            "exponents only if they were drawn at a critical point; the flow can refute that (see "
            "the verdict) but not prove it, least of all on a small lattice"
        )
    if samples.model is not None and not known:
        output.say(
            f"{_describe(samples.model)} is not at a critical point known here, so no exact values "
            "stand beside these; away from criticality they are no critical exponents"
        )
    return known


def _describe(model: Mapping[str, str | float]) -> str:
    name, *facts = (f"{key} {value}" if key != "model" else value for key, value in model.items())
    return f"the model {name} at {', '.join(map(str, facts))}"


def iterate_rule(
    samples: Samples,
    table: Tensor,
    block: tuple[int, ...],
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
            table,
            block,
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
    return found


def quantities(
    found: MCRGResult, rule: str, prefix: str, reference: Mapping[str, float]
) -> list[Quantity]:
    """Exponents with their errors if the verdict allows them, the verdict, and the scan behind."""
    verdict, final = found.verdict, []
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
