"""From a recipe to a sample file, whatever the number of workers and of interruptions."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.sampling import (
    CRITICAL_COUPLING,
    EquilibrationReport,
    Ising,
    Sampler,
    correlation,
    equilibrate,
    find_update,
    sample_blocks,
)
from rsmi.storage.header import SampleHeader
from rsmi.storage.recipe import SampleRecipe
from rsmi.storage.writer import SampleWriter, is_finished

# A block is what a killed run may lose: about a second of work, and this many bytes at most.
_BLOCK_SPIN_UPDATES = 1 << 25

Progress = Callable[[int, int], None]


def generate(
    recipe: SampleRecipe,
    path: str | os.PathLike[str],
    workers: int = 1,
    resume: bool = False,
    progress: Progress | None = None,
    device: str = "cpu",
) -> None:
    """Draw the samples of a recipe and write them to a file.

    Equal recipes end in equal bytes for any number of workers and after any interruption that was
    followed by a resumed run.

    Args:
        recipe: What to draw.
        path: The sample file to write.
        workers: Threads that share the chains.
        resume: Go on with an interrupted run; a run that is already finished is left as it is.
        progress: Called with (configurations done, configurations in all) after every block.
        device: Where to draw them; the fastest method there is taken, and the file names both.

    Raises:
        InputError: Where the file exists or belongs to another recipe, or there is no such device.
        AnalysisError: Where equilibrium is not reached or the disk refuses.
    """
    model = ising(recipe)
    header = sample_header(recipe, model)
    if resume and is_finished(path, header):
        return
    with SampleWriter.open(path, header, resume) as writer:
        _draw(writer, recipe, _engine(recipe, model, device, workers), progress or _silent)
        facts = writer.state or {}
        writer.finalise(facts, _autocorrelation(writer))


def ising(recipe: SampleRecipe) -> Ising:
    """The model of a recipe.

    >>> ising(SampleRecipe(shape=(4, 4), temperature=2.0, chains=1, records=1, seed=1)).coupling
    0.5
    """
    if recipe.temperature == "critical":
        return Ising(recipe.shape, CRITICAL_COUPLING)
    return Ising.at_temperature(recipe.shape, float(recipe.temperature))


def sample_header(recipe: SampleRecipe, model: Ising) -> SampleHeader:
    """The header of the file that a recipe gives."""
    return SampleHeader(
        model=recipe.model,
        couplings={"coupling": model.coupling, "temperature": model.temperature},
        shape=recipe.shape,
        chains=recipe.chains,
        records=recipe.records,
        seed=recipe.seed,
        recipe=recipe.to_yaml(),
    )


@dataclass(frozen=True)
class _Engine:
    """A sampler, and what the file says about it."""

    sampler: Sampler
    method: str
    device: str

    def initial(self, chains: int) -> Tensor:
        """Starting configurations where the sampler wants them."""
        return self.sampler.initial(chains).to(self.device)


def _engine(recipe: SampleRecipe, model: Ising, device: str, workers: int) -> _Engine:
    update = find_update(recipe.update)
    method = update.choose(model, device=device)
    sampler = update(model, recipe.seed, method, device, workers)
    return _Engine(sampler, method, device)


def _draw(writer: SampleWriter, recipe: SampleRecipe, engine: _Engine, progress: Progress) -> None:
    header, sampler = writer.header, engine.sampler
    state, thin, discarded = _start(writer, recipe, engine)
    progress(writer.records_done * header.chains, header.n)
    while (left := header.records - writer.records_done) > 0:
        records = min(left, _block_records(header, thin))
        sweep = discarded + thin * writer.records_done
        for spins, found in islice(sample_blocks(sampler, state, sweep, thin, records), 1):
            writer.append(spins, {name: values.numpy() for name, values in found.items()})
        progress(writer.records_done * header.chains, header.n)


def _start(writer: SampleWriter, recipe: SampleRecipe, engine: _Engine) -> tuple[Tensor, int, int]:
    """Chain states to go on from, sweeps between records, sweeps dropped at the beginning."""
    facts = writer.state
    if facts is None:
        state = engine.initial(recipe.chains)
        report = equilibrate(engine.sampler, state, recipe.equilibration, recipe.thin)
        writer.set_state(_facts(report) | {"method": engine.method, "device": engine.device})
        return state, report.thin, report.discarded
    last = writer.last_configurations()
    if last is None:
        last = engine.initial(recipe.chains)
        engine.sampler.advance(last, 0, facts["equilibration"])
    return last.to(engine.device), facts["thin"], facts["equilibration"]


def _facts(report: EquilibrationReport) -> dict[str, Any]:
    """What the file says about equilibration, as root attributes."""
    times = {"energy": report.energy_time, "magnetisation": report.magnetisation_time}
    return {
        "thin": report.thin,
        "equilibration": report.discarded,
        "equilibrated": int(report.equilibrated),
        "equilibration_report": str(report),
        **{f"sweeps_time.{name}": t.value for name, t in times.items() if t is not None},
    }


def _block_records(header: SampleHeader, thin: int) -> int:
    return max(1, _BLOCK_SPIN_UPDATES // (header.chains * math.prod(header.shape) * thin))


def _autocorrelation(writer: SampleWriter) -> dict[str, NDArray[np.float64]]:
    """Integrated times of the kept records by chain, of the energy and of |magnetisation|."""
    series = {
        "energy": writer.observable("energy"),
        "magnetisation": np.abs(writer.observable("magnetisation")),
    }
    by_chain = {name: s.reshape(-1, writer.header.chains).T for name, s in series.items()}
    return {name: np.array([_time(chain) for chain in s]) for name, s in by_chain.items()}


def _time(series: NDArray[np.float64]) -> float:
    """Time in records; NaN where the series is too short to tell."""
    try:
        return correlation(series).time
    except (InputError, AnalysisError):
        return math.nan


def _silent(done: int, total: int) -> None:
    """Report no progress."""
