"""`rsmi scaling`: a transition and its exponents from several lattice sizes and temperatures."""

from collections.abc import Sequence
from dataclasses import dataclass

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.scaling import finite_size_scaling

DESCRIPTION = "Finite-size scaling: T_c, nu, beta/nu and gamma/nu from many sizes and temperatures."


@dataclass(frozen=True)
class ScalingTask:
    """What to scale.

    Args:
        data: A collection, as `rsmi sample` draws over a grid of shapes and temperatures, or a list
            of files: sample files, `.npy`, `.npz`.
        temperatures: One for each file, in units of J, where the files do not know theirs.
        chains: How many Markov chains the first axis of an array counts.
        space: Where the letters of an array live, one for each file.
    """

    data: str | tuple[str, ...]
    temperatures: tuple[float, ...] = ()
    chains: int | None = None
    space: tuple[str, ...] = ()


def main(arguments: Sequence[str]) -> None:
    """Parse, scale, write."""
    task, execution = parse("scaling", ScalingTask, arguments, DESCRIPTION)
    output = Output("scaling", task, execution.out, execution.resume)
    with output.stage("scaling", "Finite-size scaling"), output.counting("points") as progress:
        found = finite_size_scaling(
            task.data,
            task.temperatures or None,
            chains=task.chains,
            space=task.space or None,
            progress=progress,
        )
    result = output.finish(found, seed=None)
    output.page(
        found,
        result,
        "The transition, and the scaled variables of all sizes",
        "Where the exponents are right, points of all sizes fall on one curve.",
        "scaling.png",
    )
