"""`rsmi exact`: information of rules on windows small enough to be solved without samples."""

from collections.abc import Sequence

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.learning import solve_rules
from rsmi.report.bottleneck import write_trade_off
from rsmi.runs.settings import Exact
from rsmi.sampling.families import System

DESCRIPTION = "Exact real-space mutual information of any rule, by enumeration or transfer matrix."


def main(arguments: Sequence[str]) -> None:
    """Parse, solve, print."""
    task, execution = parse("exact", Exact, arguments, DESCRIPTION, rules=True)
    system = System(task.shape, task.model, task.temperature, task.parameters)
    window = task.cut.window(system.space)
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
