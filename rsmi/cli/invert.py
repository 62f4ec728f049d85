"""`rsmi invert`: larger lattices from small ones, by the inverse of a rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError
from rsmi.renormalization import invert
from rsmi.sampling import System
from rsmi.sampling.families import DEFAULT
from rsmi.storage import Selection

DESCRIPTION = "Enlarge configurations by the inverse of a rule; Metropolis steps make them exact."


@dataclass(frozen=True)
class InvertTask:
    """What is enlarged, and how.

    Args:
        data: A sample file of the small lattice; without it samples are drawn of `shape`.
        select: Which of its samples.
        model: Of samples that are drawn.
        shape: Their lattice.
        temperature: T in units of J, or `critical`.
        parameters: Further parameters of the model.
        rule: Name or directory of a rule whose symbols are letters.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        levels: How many times the lattice is enlarged.
        chains: Configurations that are enlarged.
        sweeps: Metropolis sweeps at each level.
        steps: Of the training.
        seed: Of all random numbers.
    """

    data: str | None = None
    select: Selection = field(default_factory=Selection)
    model: str = DEFAULT
    shape: tuple[int, ...] = ()
    temperature: float | str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    rule: str = "majority"
    block: tuple[int, ...] | None = None
    levels: int = 1
    chains: int = 64
    sweeps: int = 128
    steps: int = 1000
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse, enlarge, write."""
    task, execution = parse("invert", InvertTask, arguments, DESCRIPTION, rules=True)
    if (task.data is None) == (not task.shape):
        raise InputError("expected either `data`, a sample file, or the `shape` of a small lattice")
    output = Output("invert", task, execution.out, execution.resume)
    settings = {name: getattr(task, name) for name in _SETTINGS}
    with output.stage("invert", "Inverse of a rule"), output.counting("sweeps") as progress:
        source = _source(task)
        found = invert(source, **settings, trust=execution.trust, progress=progress)
    result = output.finish(found, task.seed)
    if output.directory is not None:
        found.write(path := output.directory / "samples.h5", seed=task.seed)
        output.say(path)
    output.page(
        found,
        result,
        "Energy of the larger lattices after Metropolis sweeps",
        "What the inverse enlarged begins near equilibrium; random letters, on the same lattice "
        "by the same steps, have to grow their correlations first.",
        "invert.png",
    )


_SETTINGS = ("rule", "block", "levels", "chains", "sweeps", "steps", "seed")


def _source(task: InvertTask) -> Any:
    if task.data is None:
        return System(task.shape, task.model, task.temperature, task.parameters)
    return task.select.open(task.data)
