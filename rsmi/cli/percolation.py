"""`rsmi percolation`: where percolation sets in on a lattice, and its exponents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError
from rsmi.information import Outcome
from rsmi.scaling import percolation, percolation_cells

DESCRIPTION = "Percolation by clusters: p_c, nu and beta/nu from wrapping of several sizes."


@dataclass(frozen=True)
class PercolationTask:
    """What percolates.

    Args:
        method: `wrapping` of tori, or renormalisation by `cells` of the square lattice.
        lattice: square, cubic, triangular, honeycomb, kagome or pyrochlore.
        sizes: Extents in cells, at least three; of renormalised cells at least five.
        kind: Whether sites or bonds are occupied.
        runs: Of each size.
        seed: Of all random numbers.
    """

    method: Literal["wrapping", "cells"] = "wrapping"
    lattice: str = "square"
    sizes: tuple[int, ...] | None = None
    kind: Literal["site", "bond"] = "site"
    runs: int = 20_000
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse, grow, write."""
    task, execution = parse("percolation", PercolationTask, arguments, DESCRIPTION)
    output = Output("percolation", task, execution.out, execution.resume)
    text = f"Percolation of {task.kind}s on the {task.lattice} lattice"
    with output.stage("percolation", text), output.counting("points") as progress:
        common: dict[str, Any] = {
            "kind": task.kind,
            "runs": task.runs,
            "seed": task.seed,
            "progress": progress,
        }
        common |= {} if task.sizes is None else {"sizes": task.sizes}
        if task.method == "wrapping":
            found: Outcome = percolation(task.lattice, **common)
        elif task.lattice == "square":
            found = percolation_cells(**common)
        else:
            raise InputError(f"method is cells, lattice is {task.lattice!r}; expected square")
    result = output.finish(found, task.seed)
    output.page(found, result, *_SEEN[task.method], "percolation.png")


_SEEN = {
    "wrapping": (
        "Wrapping probabilities and the largest cluster, scaled",
        "Where p_c and the exponents are right, points of all sizes fall on one curve.",
    ),
    "cells": (
        "Fixed points and exponents of cells, by their size",
        "Each cell has its own fixed point; p_c and nu are what large cells come to.",
    ),
}
"""Title and caption of the figure."""
