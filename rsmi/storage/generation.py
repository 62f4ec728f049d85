"""From a recipe to a sample file, whatever the number of workers and of interruptions."""

import contextlib
import math
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.progress import Progress, silent
from rsmi.sampling import EquilibrationReport, equilibrate, sample_blocks
from rsmi.sampling.families import Engine, Family
from rsmi.sampling.select import AUTO
from rsmi.storage.header import SampleHeader
from rsmi.storage.recipe import SampleRecipe
from rsmi.storage.room import check_disk, check_memory
from rsmi.storage.writer import SampleWriter, autocorrelation_times, is_finished, unfinished_bytes

# A block is what a killed run may lose: about a second of work, and this many bytes at most.
_BLOCK_SPIN_UPDATES = 1 << 25

# Bytes of memory measured for each site of each chain: the states, a block of them, the update's
# own and the copies between; and for each chain while autocorrelation times are measured.
_SITE_BYTES, _EQUILIBRATION_BYTES = 12, 4096

_CORRELATED = ("energy", "magnetisation")  # observables whose times the file holds


def generate(
    recipe: SampleRecipe,
    path: str | os.PathLike[str],
    workers: int = 1,
    resume: bool = False,
    progress: Progress = silent,
    device: str = AUTO,
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
        device: Where to draw them, `cpu`, `cuda` or `cuda:1`; `auto` takes a GPU where there is
            one that the update can use. The file names device and method; no number depends on
            the device.

    Raises:
        InputError: Where the file exists or belongs to another recipe, there is no such device, or
            memory or disk are too small.
        AnalysisError: Where equilibrium is not reached or the disk refuses.
    """
    drawing = Drawing.of(recipe)
    if resume and is_finished(path, drawing.header):
        return
    drawing.check_room(Path(path))
    engine = drawing.engine(workers, device)
    with SampleWriter.open(path, drawing.header, resume) as writer:
        _draw(writer, drawing, engine, progress)
        facts = {"encoding": recipe.family.encoding} | (writer.state or {})
        known = [name for name in _CORRELATED if name in writer.header.observables]
        writer.finalise(facts, autocorrelation_times(writer, known))


@dataclass(frozen=True)
class Drawing:
    """A recipe with its model and the header of its file."""

    recipe: SampleRecipe
    model: Any
    header: SampleHeader

    @classmethod
    def of(cls, recipe: SampleRecipe) -> Self:
        """Build the model of a recipe.

        Raises:
            InputError: Where shape, temperature and parameters do not fit together.

        >>> recipe = SampleRecipe(shape=(4, 4), temperature=2.0, chains=1, records=1, seed=1)
        >>> Drawing.of(recipe).model.coupling
        0.5
        """
        family = recipe.family
        model = family.model(recipe.setup)
        header = SampleHeader(
            model=recipe.model,
            couplings=family.couplings(recipe.setup, model),
            shape=family.stored_shape(model),
            chains=recipe.chains,
            records=recipe.records,
            seed=recipe.seed,
            recipe=recipe.to_yaml(),
            observables=family.units(model),
            space=_space(family, model),
        )
        return cls(recipe, model, header)

    @property
    def memory(self) -> int:
        """Bytes of memory that the drawing takes, about, beside what Python and torch take."""
        header = self.header
        equilibrium = 0 if self.recipe.equilibration is not None else _EQUILIBRATION_BYTES
        return header.chains * (_SITE_BYTES * math.prod(header.shape) + equilibrium)

    @property
    def disk(self) -> int:
        """Bytes of disk that the file takes, with its journal."""
        observables = 16 * len(self.header.observables)
        return self.header.n * (self.header.packed_bytes + observables)

    def check_room(self, path: Path) -> None:
        """Refuse what memory or disk cannot hold; what an interrupted run left is part of it.

        Raises:
            InputError: Says how much is needed and how much is there.
        """
        what = f"the recipe of {self.header.chains} chains with {self.header.records} records each"
        check_memory(self.memory, what, "lower chains, and raise records instead, or the lattice")
        left = unfinished_bytes(path)
        check_disk(self.disk - left, path.parent, what, "lower chains or records, or make room")

    def engine(self, workers: int, device: str) -> Engine:
        """The update on the device, or on the one that serves it."""
        family, setup = self.recipe.family, self.recipe.setup
        if device != AUTO:
            return family.engine(setup, self.model, workers, device)
        if torch.cuda.is_available():
            # A refusal means that this update, method or model has no kernel there.
            with contextlib.suppress(InputError, ImportError):
                return family.engine(setup, self.model, workers, "cuda")
        return family.engine(setup, self.model, workers, "cpu")

    def stored(self, states: Tensor) -> Tensor:
        """States as the file holds them."""
        return self.recipe.family.encode(self.model, states)

    def states(self, stored: Tensor, device: str) -> Tensor:
        """The states of the chains from what the file holds."""
        return self.recipe.family.decode(self.model, stored).contiguous().to(device)

    def measured(self, states: Tensor, found: dict[str, Tensor]) -> dict[str, NDArray[Any]]:
        """Every observable of the file, `found` by the sampler or computed from the states."""
        wanted = self.header.observables
        if not set(wanted) <= set(found):
            found = found | self.recipe.family.observables(self.model, states)
        return {name: found[name].numpy() for name in wanted}


def _space(family: Family, model: Any) -> str:
    """The space of a model as text; empty where its sites are not alike."""
    try:
        return family.space(model).to_text()
    except InputError:
        return ""


def _draw(writer: SampleWriter, drawing: Drawing, engine: Engine, progress: Progress) -> None:
    header, sampler = writer.header, engine.sampler
    state, thin, discarded = _start(writer, drawing, engine)
    progress(writer.records_done * header.chains, header.n)
    while (left := header.records - writer.records_done) > 0:
        records = min(left, _block_records(header, thin))
        sweep = discarded + thin * writer.records_done
        for states, found in islice(sample_blocks(sampler, state, sweep, thin, records), 1):
            writer.append(drawing.stored(states), drawing.measured(states, found))
        progress(writer.records_done * header.chains, header.n)


def _start(writer: SampleWriter, drawing: Drawing, engine: Engine) -> tuple[Tensor, int, int]:
    """Chain states to go on from, sweeps between records, sweeps dropped at the beginning."""
    recipe, facts = drawing.recipe, writer.state
    if facts is None:
        state, facts = starting(recipe, engine)
        used = {"method": engine.method, "device": engine.device}
        writer.set_state(facts | used | dict(engine.facts))
        return state, facts["thin"], facts["equilibration"]
    last = writer.last_configurations()
    if last is None:
        state = engine.sampler.initial(recipe.chains).to(engine.device)
        engine.sampler.advance(state, 0, facts["equilibration"])
    else:
        state = drawing.states(last, engine.device)
    return state, facts["thin"], facts["equilibration"]


def starting(recipe: SampleRecipe, engine: Engine) -> tuple[Tensor, dict[str, Any]]:
    """Chains in equilibrium on the device, and what the file says about it."""
    state = engine.sampler.initial(recipe.chains).to(engine.device)
    if engine.independent:
        return state, _independent(recipe)
    return state, _facts(equilibrate(engine.sampler, state, recipe.equilibration, recipe.thin))


def _independent(recipe: SampleRecipe) -> dict[str, Any]:
    """What the file says where every sweep draws anew."""
    return {
        "thin": recipe.thin or 1,
        "equilibration": 0,
        "equilibrated": 1,
        "equilibration_report": "independent draws: nothing to equilibrate",
    }


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
