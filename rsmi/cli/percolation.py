"""`rsmi percolation`: where percolation sets in on a lattice, and its exponents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.report.figures import save
from rsmi.scaling import percolation

DESCRIPTION = "Percolation by clusters: p_c, nu and beta/nu from wrapping of several sizes."


@dataclass(frozen=True)
class PercolationTask:
    """What percolates.

    Args:
        lattice: square, cubic, triangular, honeycomb, kagome or pyrochlore.
        sizes: Extents in cells, at least three.
        kind: Whether sites or bonds are occupied.
        runs: Of each size.
        seed: Of all random numbers.
    """

    lattice: str = "square"
    sizes: tuple[int, ...] = (16, 24, 32, 48, 64, 96, 128)
    kind: Literal["site", "bond"] = "site"
    runs: int = 7000
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse, grow, write."""
    task, execution = parse("percolation", PercolationTask, arguments, DESCRIPTION)
    output = Output("percolation", task, execution.out, execution.resume)
    text = f"Percolation of {task.kind}s on the {task.lattice} lattice"
    with output.stage("percolation", text), output.counting("points") as progress:
        found = percolation(**vars(task), progress=progress)
    output.finish(found, task.seed)
    if output.directory is not None:
        output.say(save(found.plot(), output.directory / "percolation.png"))
