"""`rsmi exponents`: Monte Carlo RG with any rule, from a file of configurations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.cli.rules import rule_name
from rsmi.cli.settings import Exponents, block_for
from rsmi.learning import TableFilter, load_filter
from rsmi.learning.store import CLASSICAL
from rsmi.renormalization import MCRGResult, ScanEntry, renormalise
from rsmi.report import Quantity
from rsmi.sampling.exact.criticality import exact_exponents
from rsmi.storage import Samples, Selection

DESCRIPTION = "Critical exponents from the stability matrix of a rule applied again and again."


@dataclass(frozen=True)
class ExponentsTask:
    """Which rule to iterate, on which samples.

    Args:
        data: A file of configurations: of this project, of mcising, or `.npy`/`.npz`.
        select: Which of its samples, where it is a collection or an mcising file.
        rule: `majority`, `decimation`, or the directory of a trained rule.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        levels: Coarse-graining steps; as many as the lattice allows without a number.
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
        known = task.rule in CLASSICAL
        block = block_for(task.block, samples.shape) if known else task.block
        filter = load_filter(task.rule, block)
        output = Output("exponents", task, execution.out, execution.resume)
        found = iterate_rule(samples, filter, settings, task.seed, execution, output, task.rule)
        reference = references(samples, output)
    output.finish(quantities(found, rule_name(task.rule), "exponents", reference), task.seed)


def references(samples: Samples, output: Output) -> Mapping[str, float]:
    """Known exponents of the samples' model; says why there are none at a known temperature."""
    known = exact_exponents(samples.model, len(samples.shape))
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
    filter: TableFilter,
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
            filter.table(),
            filter.block,
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
    return found


def quantities(
    found: MCRGResult, rule: str, prefix: str, reference: Mapping[str, float]
) -> list[Quantity]:
    """Exponents with their errors, then the scan behind them."""
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
    return final + [_scan_quantity(entry, rule, reference) for entry in found.scan]


def _scan_quantity(entry: ScanEntry, rule: str, reference: Mapping[str, float]) -> Quantity:
    name = "y_t" if entry.parity == "even" else "y_h"
    return Quantity.of(
        f"exponents.scan.{name}",
        entry.exponent,
        reference.get(name),
        rule=rule,
        level=entry.level + 1,
        couplings=entry.n_couplings,
        last=entry.last,
    )
