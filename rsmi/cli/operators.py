"""`rsmi operators`: operators of a symmetry sector and their scaling dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError
from rsmi.lattice import Window
from rsmi.learning import Learning
from rsmi.renormalization import (
    ChargesResult,
    OperatorsResult,
    charge_dimensions,
    scaling_dimensions,
)
from rsmi.runs.settings import Execution

DESCRIPTION = "Scaling dimensions of operators, rules and learned encoders from samples at L, 2L."


@dataclass(frozen=True)
class OperatorsTask:
    """Whose dimensions, and from which samples.

    Args:
        data: A collection with the lattices L, 2L ... at one temperature, or a list of files:
            sample files, `.npy`, `.npz`.
        sector: `even` or `odd` of two letters that can be exchanged, `invariant` or `vector` of
            more, `all` of letters without symmetry.
        charges: In place of a sector, `electric` or `magnetic` charges of a height field.
        reach: Largest distance between two sites of a product of letters, in lattice constants;
            1.5 where no rules are given or learned, else no products.
        rules: Rules whose symbols are operators too, by name or directory.
        block: Extents of the block of rules known by name; 2 along each axis without.
        learn: How many encoders of the sector to learn.
        window: Visible block of encoders; 2 along each axis without.
        buffer: Width of their buffer.
        learning: How the posterior behind encoders is learned.
        max_spins: Most sites of a product.
        momentum: In units of 2 pi for each axis, such as [0.5,0] for what alternates along it.
        chains: How many Markov chains the first axis of an array counts.
        space: Where the letters of an array live, one for each file.
        seed: Of the bootstrap and of learning.
    """

    data: str | tuple[str, ...]
    sector: str | None = None
    charges: Literal["electric", "magnetic"] | None = None
    reach: float | None = None
    rules: tuple[str, ...] = ()
    block: tuple[int, ...] | None = None
    learn: int = 0
    window: tuple[int, ...] | None = None
    buffer: int = 1
    learning: Learning = field(default_factory=Learning)
    max_spins: int = 4
    momentum: tuple[float, ...] = ()
    chains: int | None = None
    space: tuple[str, ...] = ()
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse, measure, write."""
    task, execution = parse("operators", OperatorsTask, arguments, DESCRIPTION, rules=True)
    if (task.sector is None) == (task.charges is None):
        raise InputError("expected a sector, such as --sector odd, or --charges electric")
    output = Output("operators", task, execution.out, execution.resume)
    what = f"the sector {task.sector}" if task.sector else f"{task.charges} charges"
    with output.stage("operators", f"Scaling dimensions of {what}"):
        found = _charges(task, output) if task.charges else _sector(task, output, execution)
    result = output.finish(found, task.seed)
    output.page(found, result, "Operators and their scaling dimensions", _CAPTION)


_CAPTION = (
    "How correlations of the leading operator fall with distance on each lattice; the same, "
    "brought onto one curve by its dimension; and how the eigenvalues of the covariance fall "
    "with the lattice, with lines of the dimensions quoted. Below, what an operator sees of "
    "its block: single spins as dots and products of two as lines, blue where positive."
)


def _charges(task: OperatorsTask, output: Output) -> ChargesResult:
    assert task.charges is not None
    with output.counting("configurations") as progress:
        return charge_dimensions(task.data, task.charges, seed=task.seed, progress=progress)


def _sector(task: OperatorsTask, output: Output, execution: Execution) -> OperatorsResult:
    assert task.sector is not None
    window = None if task.window is None else Window(task.window, task.buffer, 1)
    with output.counting("configurations") as progress:
        return scaling_dimensions(
            task.data,
            task.sector,
            reach=task.reach,
            rules=task.rules,
            block=task.block,
            learn=task.learn,
            window=window,
            max_spins=task.max_spins,
            momentum=task.momentum,
            seed=task.seed,
            chains=task.chains,
            space=task.space or None,
            trust=execution.trust,
            progress=progress,
            say=output.say,
            **vars(task.learning),
        )
