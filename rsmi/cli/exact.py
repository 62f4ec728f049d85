"""`rsmi exact`: information of rules on windows small enough to be solved without samples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.information.assignments import Z2
from rsmi.lattice import Alphabet, place
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import block_alone, load_rule, rules_by_name
from rsmi.learning.settings import OPTIMA
from rsmi.report import Quantity
from rsmi.runs.settings import Cut
from rsmi.sampling.exact import WindowPosterior
from rsmi.sampling.families import find_family
from rsmi.sampling.families.interface import CRITICAL

DESCRIPTION = "Exact real-space mutual information of any rule, by enumeration or transfer matrix."
OPTIMUM = "optimum"


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
    """

    shape: tuple[int | Literal["inf"], ...]
    model: str = "ising"
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


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("exact", Exact, arguments, DESCRIPTION)
    shape = [math.inf if extent == "inf" else extent for extent in task.shape]
    family = find_family(task.model)
    temperature = CRITICAL if family.has_temperature else None
    temperature = temperature if task.temperature is None else task.temperature
    model = family.built(shape, temperature, task.parameters)
    space = family.space(model)
    window = Cut(
        task.block, task.buffer, task.environment, task.disk, task.ball, task.sites, task.at
    ).window(space)
    letters, finite = space.alphabet, all(map(math.isfinite, shape))
    n_visible = place(window, space).n_visible if finite else math.prod(window.block)
    rules = _rules(letters.size) if task.rules is None else task.rules
    named_by = window.block if math.prod(window.block) == n_visible else (n_visible,)
    tables = _tables([rule for rule in rules if rule != OPTIMUM], named_by, letters)
    output = Output("exact", task, execution.out, execution.resume)
    size = " x ".join(map(str, task.shape))
    at = f" at temperature {temperature}" if family.has_temperature else ""
    with output.stage("exact", f"Solving {task.model} {size}{at}"):
        solved = family.solve(model, shape, window)
        quantities = [Quantity.of("information.exact.full", solved.full())]
        symbols = letters.size if task.symbols is None else task.symbols
        odd = letters.size == 2 and symbols & (symbols - 1) == 0
        z2: Z2 = task.z2 or ("impose" if odd else "allow")
        quantities += [_judge(solved, name, tables, symbols, z2) for name in rules_by_name(rules)]
    output.finish(quantities, seed=None)


def _rules(letters: int) -> tuple[str, ...]:
    return ("majority" if letters == 2 else "plurality", "decimation", OPTIMUM)


def _judge(
    solved: WindowPosterior, name: str, tables: Mapping[str, Tensor], symbols: int, z2: Z2
) -> Quantity:
    """Information of one rule on the solved window."""
    if name == OPTIMUM:
        _, value = solved.optimum(symbols, z2)
        return Quantity.of(f"information.exact.{OPTIMA[z2]}", value, z2=z2, symbols=symbols)
    return Quantity.of(f"information.exact.{name}", solved.rule(tables[name]))


def _tables(
    rules: Sequence[str], block: Sequence[int], alphabet: Alphabet = SPIN
) -> dict[str, Tensor]:
    """Tables p(h|v) of rules for a block of letters, by name.

    Raises:
        InputError: For two rules of one name, an unknown rule, or one of another block or
            alphabet.
    """
    placed = block_alone(block, alphabet)
    return {name: load_rule(rule, placed).table() for name, rule in rules_by_name(rules).items()}
