"""`rsmi couplings`: couplings of the Hamiltonian that a rule leaves behind."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError
from rsmi.renormalization import (
    LocalityStudy,
    RenormalisedCouplings,
    couplings_against_information,
    exact_couplings,
    fitted_couplings,
    variational_couplings,
)
from rsmi.runs.files import write_whole
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
class Against:
    """Many rules instead of one, by what they keep of their environment.

    Args:
        buffers: Widths of the buffer.
        n_random: Rules drawn at random, beside majority, decimation, soft and the best ones.
        windows: Environments at which information is exact.
    """

    buffers: tuple[int, ...] = (0, 1, 2, 3)
    n_random: int = 24
    windows: int = 8192


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
        against: Study many rules: do those that keep more leave simpler Hamiltonians? `rule` is
            left out then.
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
    against: Against | None = None
    seed: int = 0


def main(arguments: Sequence[str]) -> None:
    """Parse, solve or fit, write."""
    task, execution = parse("couplings", CouplingsTask, arguments, DESCRIPTION, rules=True)
    output = Output("couplings", task, execution.out, execution.resume)
    if task.against is not None:
        with output.stage("couplings", "Couplings and information of many rules"):
            study = _study(task, task.against, execution, output)
        result = output.finish(study, task.seed)
        if output.directory is not None:
            write_whole(output.directory / "table.csv", study.csv().encode())
        output.page(study, result, "Couplings against information", _CAPTION)
        return
    with output.stage("couplings", f"Couplings of rule '{task.rule}'"):
        found = _found(task, execution, output)
    output.finish(found, task.seed)


_CAPTION = (
    "Each rule by the information that it keeps, and by how far and among how many coarse spins "
    "its Hamiltonian acts, both relative to the couplings of nearest neighbours; in products of "
    "spins above, of occupations below."
)


def _study(
    task: CouplingsTask, against: Against, execution: Execution, output: Output
) -> LocalityStudy:
    """All rules; what is found is kept, so that it is not sought again."""
    system = System(task.shape, task.model, task.temperature, task.parameters)
    known = _Kept(output.directory)
    settings: dict[str, Any] = {
        "buffers": against.buffers, "n_random": against.n_random, "windows": against.windows,
        "method": task.method, "reach": task.reach, "max_spins": task.max_spins,
        "sweeps": task.sweeps, "seed": task.seed, "workers": execution.workers, "known": known,
    }  # fmt: skip
    fits = task.method == "pseudo-likelihood"
    if fits != (task.data is not None):
        raise InputError(
            f"method is {task.method}; `data` are the samples of pseudo-likelihood, on the lattice "
            "of `shape`, and of no other method"
        )
    with output.counting("rules") as progress, ExitStack() as stack:
        if fits:
            settings["samples"] = stack.enter_context(task.select.open(str(task.data)))
        return couplings_against_information(system, task.block, progress=progress, **settings)


class _Kept(dict[str, Any]):
    """Rules that are done, in a file of the directory."""

    def __init__(self, directory: Path | None) -> None:
        self.path = None if directory is None else directory / "rules.json"
        there = self.path is not None and self.path.exists()
        super().__init__(json.loads(self.path.read_text()) if self.path and there else {})

    def __setitem__(self, name: str, found: Any) -> None:
        super().__setitem__(name, found)
        if self.path is not None:
            write_whole(self.path, json.dumps(self).encode())


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
