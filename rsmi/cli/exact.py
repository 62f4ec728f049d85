"""`rsmi exact`: information of rules on windows small enough to be solved without samples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.cli.rules import named, named_tables
from rsmi.errors import InputError
from rsmi.report import Quantity
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact import WindowPosterior, exact_window

DESCRIPTION = "Exact real-space mutual information of any rule, by enumeration or transfer matrix."
OPTIMUM = "optimum"


@dataclass(frozen=True)
class Exact:
    """A window of a model and the rules to be judged on it.

    Args:
        shape: Extents of the periodic lattice; [inf] is the infinite chain, [6,inf] the
            infinite cylinder, whose buffers are full columns.
        model: The model.
        temperature: T in units of J; `critical` is the square lattice's exact value.
        block: Extents of the visible block.
        buffer: Width of the buffer.
        rules: `majority`, `decimation`, `optimum` (the best of all rules), or directories of
            trained rules.
        n_hidden: Coarse bits of the optimum.
        z2: `impose` restricts the optimum to rules odd under flipping every spin.
    """

    shape: tuple[int | Literal["inf"], ...]
    model: Literal["ising"] = "ising"
    temperature: float | str = "critical"
    block: tuple[int, ...] = (2, 2)
    buffer: int = 1
    rules: tuple[str, ...] = ("majority", "decimation", "optimum")
    n_hidden: int = 1
    z2: Literal["impose", "allow"] = "allow"

    @property
    def coupling(self) -> float:
        """K = J/T."""
        if self.temperature == "critical":
            return CRITICAL_COUPLING
        try:
            value = float(self.temperature)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise InputError(
                f"temperature is {self.temperature}; expected a number above 0 in units of J, or "
                "'critical'"
            )
        return 1 / value


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("exact", Exact, arguments, DESCRIPTION)
    coupling, names = task.coupling, named(task.rules)
    tables = named_tables([rule for rule in task.rules if rule != OPTIMUM], task.block)
    output = Output("exact", task, execution.out, execution.resume)
    size = " x ".join(map(str, task.shape))
    with output.stage("exact", f"Solving {task.model} {size} at K = {coupling:.8g}"):
        shape = [math.inf if extent == "inf" else extent for extent in task.shape]
        solved = exact_window(shape, coupling, task.block, task.buffer)
        quantities = [Quantity.of("information.exact.full", solved.full())]
        quantities += [_judge(solved, name, tables, task) for name in names]
    output.finish(quantities, seed=None)


def _judge(
    solved: WindowPosterior, name: str, tables: Mapping[str, Tensor], task: Exact
) -> Quantity:
    """Information of one rule on the solved window."""
    if name == OPTIMUM:
        _, value = solved.optimum(task.n_hidden, task.z2)
        return Quantity.of("information.exact.optimum", value, z2=task.z2, n_hidden=task.n_hidden)
    return Quantity.of(f"information.exact.{name}", solved.rule(tables[name]))
