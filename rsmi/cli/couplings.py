"""`rsmi couplings`: couplings of the Hamiltonian that a rule leaves behind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError
from rsmi.renormalization import (
    RenormalisedCouplings,
    exact_couplings,
    fitted_couplings,
    variational_couplings,
)
from rsmi.runs.settings import Execution
from rsmi.sampling import System
from rsmi.sampling.exact.coarse import Basis
from rsmi.sampling.families import DEFAULT
from rsmi.storage import Selection

DESCRIPTION = (
    "Renormalised couplings of a rule: exact on a small lattice, from a biased simulation of a "
    "model, or fitted to samples. See docs/couplings.md."
)


@dataclass(frozen=True)
class CouplingsTask:
    """Whose couplings, and how they are found.

    Args:
        method: `exact` for a `model` on a small lattice, `variational` for one on any, and
            `pseudo-likelihood` for samples (`data`).
        rule: Name or directory of a rule with two symbols.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        model: A model, for `exact` and `variational`.
        shape: Its lattice; for `exact` a ring, or a torus of at most 8 columns.
        temperature: T in units of J, or `critical`.
        parameters: Further parameters of the model.
        data: A file of configurations, for `pseudo-likelihood`.
        select: Which of its samples.
        reach: Largest distance between two coarse spins of an operator.
        max_spins: Most spins of an operator.
        basis: Products of `spin`s, or of occupations of a lattice `gas`.
        walkers: Of `variational`, independent simulations.
        sweeps: Of each walker.
        seed: Of all random numbers.
    """

    method: Literal["exact", "variational", "pseudo-likelihood"]
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
    walkers: int = 64
    sweeps: int = 400
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse, solve or fit, write."""
    task, execution = parse("couplings", CouplingsTask, arguments, DESCRIPTION, rules=True)
    output = Output("couplings", task, execution.out, execution.resume)
    with output.stage("couplings", f"Couplings of rule '{task.rule}'"):
        found = _found(task, execution, output)
    output.finish(found, task.seed)


def _found(task: CouplingsTask, execution: Execution, output: Output) -> RenormalisedCouplings:
    rule = task.rule, task.block
    common: dict[str, Any] = {
        "reach": task.reach, "max_spins": task.max_spins, "basis": task.basis,
        "trust": execution.trust,
    }  # fmt: skip
    _check_inputs(task)
    if task.method == "pseudo-likelihood":
        with task.select.open(str(task.data)) as samples, output.counting("rounds") as progress:
            return fitted_couplings(samples, *rule, seed=task.seed, progress=progress, **common)
    system = System(task.shape, task.model, task.temperature, task.parameters)
    if task.method == "exact":
        return exact_couplings(system, *rule, **common)
    common |= {"walkers": task.walkers, "sweeps": task.sweeps, "workers": execution.workers}
    with output.counting("steps") as progress:
        return variational_couplings(system, *rule, seed=task.seed, progress=progress, **common)


def _check_inputs(task: CouplingsTask) -> None:
    if task.method == "pseudo-likelihood" and (task.data is None or task.shape):
        raise InputError("method is pseudo-likelihood; expected `data`, and no `shape`")
    if task.method != "pseudo-likelihood" and (task.data is not None or not task.shape):
        raise InputError(
            f"method is {task.method}; expected the `shape` of a model's lattice, and no `data`: "
            "samples do not say by which Hamiltonian more could be drawn, so from samples only "
            "pseudo-likelihood is possible"
        )
