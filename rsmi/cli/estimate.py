"""`rsmi estimate`: mutual information of paired rows, by any estimator."""

from collections.abc import Sequence
from dataclasses import dataclass

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.information import estimate
from rsmi.storage import open_arrays

DESCRIPTION = (
    "Mutual information of paired rows x and y by any estimator: value, error, kind, ceiling and "
    "the same on permuted pairs."
)


@dataclass(frozen=True)
class Estimation:
    """Which pairs, and by which estimators.

    Args:
        data: A `.npz` or HDF5 file with an array of n rows for each variable; whole numbers are
            letters, others real numbers.
        estimators: Such as `[plug_in, "smile(2,joint)"]`, or `[all]`; the usual ones that can take
            these pairs without.
        x: Name of the array of one variable.
        y: Name of the other.
        chains: Rows come from so many Markov chains, row i from chain i % chains; whole chains are
            held out.
        blocks: In place of chains, name of an array with the number of the block of each row.
        null: Whether each estimator is run again on permuted pairs.
        seed: Of everything that is drawn.
    """

    data: str
    estimators: tuple[str, ...] | None = None
    x: str = "x"
    y: str = "y"
    chains: int | None = None
    blocks: str | None = None
    null: bool = True
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse, estimate, print."""
    task, execution = parse("estimate", Estimation, arguments, DESCRIPTION)
    names = [name for name in (task.x, task.y, task.blocks) if name is not None]
    x, y, *blocks = open_arrays(task.data, names)
    output = Output("estimate", task, execution.out, execution.resume)
    with output.stage("estimate", f"Estimating I(X;Y) from {len(x)} rows"):
        found = estimate(
            x,
            y,
            "all" if task.estimators == ("all",) else task.estimators,
            chains=task.chains,
            blocks=blocks[0] if blocks else None,
            null=task.null,
            seed=task.seed,
        )
    result = output.finish(found, task.seed)
    output.page(
        found,
        result,
        "Estimators of the same pairs",
        "A lower bound points to where the truth may lie. Where pairs are permuted the truth is 0, "
        "and an estimator that finds something there is refused.",
    )
