"""`rsmi exponents`: Monte Carlo RG with any rule, from a file of configurations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rsmi.cli.exact import rule_name
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.cli.settings import Exponents
from rsmi.learning import TableFilter, load_filter
from rsmi.renormalization import MCRGResult, ScanEntry, renormalise
from rsmi.report import Quantity
from rsmi.sampling.exact.criticality import exact_exponents
from rsmi.storage import Samples, open_samples

DESCRIPTION = "Critical exponents from the stability matrix of a rule applied again and again."


@dataclass(frozen=True)
class ExponentsTask:
    """Which rule to iterate, on which samples.

    Args:
        data: A file of configurations: of this project, of mcising, or `.npy`/`.npz`.
        rule: `majority`, `decimation`, or the directory of a trained rule.
        block: Extents of the block, for a rule known by name.
        levels: Coarse-graining steps; as many as the lattice allows without a number.
        reach: Largest distance between two spins of an interaction, in lattice constants.
        blocks: Independent blocks of samples for the jackknife.
        temperature: Which temperature of an mcising file.
        seed: Of the random entries of the rule.
    """

    data: str
    rule: str = "majority"
    block: tuple[int, ...] | None = None
    levels: int | None = None
    reach: float = Exponents.reach
    blocks: int = Exponents.blocks
    temperature: float | None = None
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("exponents", ExponentsTask, arguments, DESCRIPTION)
    filter = load_filter(task.rule, task.block)
    output = Output("exponents", task, execution.out, execution.resume)
    settings = Exponents((task.rule,), task.levels, task.reach, task.blocks)
    with open_samples(task.data, task.temperature) as samples:
        found = iterate_rule(samples, filter, settings, task.seed, execution, output, task.rule)
        reference = exact_exponents(samples.model, len(samples.shape))
    output.finish(quantities(found, rule_name(task.rule), "exponents", reference), task.seed)


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
