"""`rsmi exact`: information of rules on windows small enough to be solved without samples."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.learning import solve_rules
from rsmi.report.bottleneck import write_trade_off
from rsmi.runs.settings import Cut
from rsmi.sampling.families import DEFAULT, System

DESCRIPTION = "Exact real-space mutual information of any rule, by enumeration or transfer matrix."


@dataclass(frozen=True)
class Exact:
    """A window of a model and the rules to be judged on it.

    Args:
        shape: Extents of the periodic lattice as the model counts them; of models of bonds and
            sites [inf] is the infinite chain, [6,inf] the infinite cylinder, whose buffers are
            full columns.
        model: Any model; small lattices are solved by listing every configuration.
        temperature: T in units of J; `critical` where it is known exactly, and the default where
            the model has a temperature.
        parameters: Parameters of the model, such as `states: 3` or `crystal_field: 1.966`.
        block: Extents of the visible block, in cells; 2 along each axis without.
        buffer: Width of the buffer.
        disk: In place of the block, the radius of a disk, in units of the cell vectors.
        ball: In place of the block, the radius of a ball, in bonds.
        sites: In place of the block, sites by number.
        at: Site in the middle of a disk or ball, or in whose cell the block begins.
        environment: Width of the environment; all that lies beyond the buffer without.
        rules: `plurality` (of two letters `majority`), `decimation`, `optimum` (the best rule), or
            directories of trained rules; the first three by default.
        symbols: Coarse symbols of the optimum; as many as the model has letters by default.
        z2: `impose`, the default for bits of a two-valued model, restricts the optimum
            to rules odd under flipping every spin; `allow` takes the best of all, `optimum_any`.
        bottleneck: Put the rules, and the best ones of 2 to 16 symbols, beside the most that any
            coarse variable of the same I(V:H) keeps: the information-bottleneck curve.
    """

    shape: tuple[int | Literal["inf"], ...]
    model: str = DEFAULT
    temperature: float | str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    block: tuple[int, ...] | None = None
    buffer: int = 1
    disk: float | None = None
    ball: int | None = None
    sites: tuple[int, ...] = ()
    at: int = 0
    environment: int | None = None
    rules: tuple[str, ...] | None = None
    symbols: int | None = None
    z2: Literal["impose", "allow"] | None = None
    bottleneck: bool = False


def main(arguments: Sequence[str]) -> None:
    """Parse, solve, print."""
    task, execution = parse("exact", Exact, arguments, DESCRIPTION, rules=True)
    system = System(task.shape, task.model, task.temperature, task.parameters)
    window = Cut(
        task.block, task.buffer, task.environment, task.disk, task.ball, task.sites, task.at
    ).window(system.space)
    output = Output("exact", task, execution.out, execution.resume)
    with output.stage("exact", f"Solving {system}"):
        found = solve_rules(
            system, window, task.rules, symbols=task.symbols, z2=task.z2, trust=execution.trust
        )
    if not task.bottleneck:
        output.finish(found, seed=None)
        return
    with output.stage("bottleneck", "Following the bottleneck curve"):
        curve = found.bottleneck()
    result = output.finish(curve, seed=None)
    if output.directory is not None:
        output.say(write_trade_off(output.directory, curve, result))
