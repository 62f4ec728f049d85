"""`rsmi exact`: information of rules on windows small enough to be solved without samples."""

from collections.abc import Sequence

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.learning import solve_rules
from rsmi.runs.settings import Exact
from rsmi.sampling.families import System

DESCRIPTION = "Exact real-space mutual information of any rule, by enumeration or transfer matrix."

_KEPT = "Mutual information with the environment, from the Hamiltonian alone."
_CURVE = (
    "The line is the most that any coarse variable keeps about the environment of what it takes "
    "from the block; the band above it is what is not decided. Dots are the best rules of 2, 3, "
    "... symbols, diamonds the rules that were asked for. A rule far below the line wastes what it "
    "takes."
)


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
        result = output.finish(found, seed=None)
        output.page(found, result, "What each rule keeps", _KEPT)
        return
    with output.stage("bottleneck", "Following the bottleneck curve"):
        curve = found.bottleneck()
    result = output.finish(curve, seed=None)
    output.page(curve, result, "The information-bottleneck curve", _CURVE)
