"""`rsmi couplings`: couplings of the Hamiltonian that a rule leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError
from rsmi.renormalization import RenormalisedCouplings, exact_couplings, fitted_couplings
from rsmi.sampling import System
from rsmi.sampling.exact.coarse import Basis
from rsmi.sampling.families import DEFAULT
from rsmi.storage import Selection

DESCRIPTION = "Renormalised couplings of a rule: exact on a small lattice, or fitted to samples."


@dataclass(frozen=True)
class CouplingsTask:
    """Whose couplings, and how they are found.

    Args:
        method: `exact` for a `model` on a small lattice, `pseudo-likelihood` for samples (`data`).
        rule: Name or directory of a rule with two symbols.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        model: A model of spins, for `exact`.
        shape: Its lattice: a ring, or a torus of at most 8 columns.
        temperature: T in units of J, or `critical`.
        parameters: Further parameters of the model.
        data: A file of configurations, for `pseudo-likelihood`.
        select: Which of its samples.
        reach: Largest distance between two coarse spins of an operator.
        max_spins: Most spins of an operator.
        basis: Of `exact`: products of `spin`s, or of occupations of a lattice `gas`.
        seed: Of the random entries of the rule.
    """

    method: Literal["exact", "pseudo-likelihood"]
    rule: str = "majority"
    block: tuple[int, ...] | None = None
    model: str = DEFAULT
    shape: tuple[int, ...] = ()
    temperature: float | str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    data: str | None = None
    select: Selection = field(default_factory=Selection)
    reach: float = 2.3
    max_spins: int = 4
    basis: Basis = "spin"
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse, solve or fit, write."""
    task, execution = parse("couplings", CouplingsTask, arguments, DESCRIPTION, rules=True)
    output = Output("couplings", task, execution.out, execution.resume)
    common = {"reach": task.reach, "max_spins": task.max_spins, "trust": execution.trust}
    with output.stage("couplings", f"Couplings of rule '{task.rule}'"):
        found = _exact(task, common) if task.method == "exact" else _fitted(task, common, output)
    output.finish(found, task.seed)


def _exact(task: CouplingsTask, common: Mapping[str, Any]) -> RenormalisedCouplings:
    if task.data is not None or not task.shape:
        raise InputError("method is exact; expected `shape` of a small lattice, and no `data`")
    system = System(task.shape, task.model, task.temperature, task.parameters)
    return exact_couplings(system, task.rule, task.block, basis=task.basis, **common)


def _fitted(
    task: CouplingsTask, common: Mapping[str, Any], output: Output
) -> RenormalisedCouplings:
    if task.data is None or task.shape:
        raise InputError("method is pseudo-likelihood; expected `data`, and no `shape`")
    with task.select.open(task.data) as samples, output.counting("rounds") as progress:
        return fitted_couplings(
            samples, task.rule, task.block, seed=task.seed, progress=progress, **common
        )
