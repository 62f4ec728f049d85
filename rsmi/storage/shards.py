"""Draw every cell of a grid into a shard of its own, wherever there is a processor for it."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rsmi.errors import AnalysisError, InputError, RsmiError
from rsmi.progress import Progress, silent
from rsmi.sampling.select import AUTO
from rsmi.storage.collection import merge
from rsmi.storage.disk import make_directory
from rsmi.storage.generation import Drawing, generate
from rsmi.storage.grid import Cell, SampleGrid
from rsmi.storage.recipe import SampleRecipe
from rsmi.storage.room import check_disk, check_memory
from rsmi.storage.tasks import Cluster, run_tasks, submit

SHARDS = "shards"
COLLECTION = "samples.h5"
LOGS = "jobs"


def sample_grid(
    grid: SampleGrid,
    directory: str | os.PathLike[str],
    processes: int = 1,
    workers: int = 1,
    resume: bool = False,
    cluster: Cluster | None = None,
    progress: Progress = silent,
    device: str = AUTO,
) -> Path:
    """Draw every cell of a grid and merge the shards.

    `directory/shards/NAME.h5` is the sample file of one cell, the same as its recipe alone gives;
    `directory/samples.h5` is the collection of them. All bytes are the same for any number of
    processes, workers and jobs, and after any interruption that was followed by a resumed run.

    Args:
        grid: What to draw.
        directory: Where the files go.
        processes: Processes of this machine that share the cells. A script that asks for more
            than one must be guarded by `if __name__ == "__main__":`.
        workers: Threads of each process or job.
        resume: Keep finished shards and go on with interrupted ones.
        cluster: Submit the cells as jobs instead.
        progress: Called with (configurations done, configurations in all).
        device: Where the cells are drawn, as in `generate`.

    Returns:
        The path of the collection.

    Raises:
        InputError: Where shards are there without `resume`, or the cluster is not.
        AnalysisError: Where shards failed; names them. All others are finished.
    """
    target, cells = Path(directory), grid.cells()
    if processes < 1 or workers < 1:
        raise InputError(
            f"processes is {processes} and workers is {workers}; expected at least 1 of each"
        )
    if cluster is not None:
        cluster.check()
    _check_room(cells, target, processes if cluster is None else 0)
    _claim(target / SHARDS, resume)
    paths = [target / SHARDS / f"{cell.name}.h5" for cell in cells]
    tasks = [Task(c.recipe, path, workers, device) for c, path in zip(cells, paths, strict=True)]
    if cluster is not None:
        ends = list(submit(tasks, draw_alone, cluster, workers, target / LOGS))
    elif processes == 1:
        ends = _here(tasks, _Total(cells, progress))
    else:
        ends = list(_in_processes(tasks, processes, _Total(cells, progress)))
    _check_ends(cells, dict(ends))
    return merge(grid, paths, target / COLLECTION)


@dataclass(frozen=True)
class Task:
    """One shard to draw.

    Args:
        recipe: What to draw.
        path: Its file.
        workers: Threads.
        device: Where to draw it.
    """

    recipe: SampleRecipe
    path: Path
    workers: int
    device: str = AUTO


def draw(task: Task, told: Progress) -> str | None:
    """Draw one shard, or go on with it; why that failed, or None."""
    try:
        generate(task.recipe, task.path, task.workers, True, told, task.device)
    except RsmiError as error:
        return str(error)
    except (OSError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def draw_alone(task: Task) -> str | None:
    """Draw one shard with nobody watching."""
    return draw(task, silent)


class _Total:
    """Adds up what the shards tell."""

    def __init__(self, cells: Sequence[Cell], progress: Progress) -> None:
        self._all = [cell.recipe.chains * cell.recipe.records for cell in cells]
        self._done = [0] * len(cells)
        self._progress = progress

    def at(self, shard: int, done: int) -> None:
        """Take down how far a shard is."""
        self._done[shard] = done
        self._progress(sum(self._done), sum(self._all))

    def end(self, shard: int, failure: str | None) -> None:
        """A shard is whole, perhaps since an earlier run, or failed."""
        if failure is None:
            self.at(shard, self._all[shard])


def _here(tasks: Sequence[Task], total: _Total) -> list[tuple[int, str | None]]:
    ends = []
    for i, task in enumerate(tasks):
        failure = draw(task, _teller(total, i))
        total.end(i, failure)
        ends.append((i, failure))
    return ends


def _teller(adding: _Total, shard: int) -> Progress:
    return lambda done, total, what="": adding.at(shard, done)


def _in_processes(
    tasks: Sequence[Task], processes: int, total: _Total
) -> Iterator[tuple[int, str | None]]:
    for told in run_tasks(tasks, draw, min(processes, len(tasks))):
        if told.done is None:
            total.end(told.task, told.failure)
            yield told.task, told.failure
        else:
            total.at(told.task, told.done)


def _check_room(cells: Sequence[Cell], directory: Path, processes: int) -> None:
    """Refuse what cannot be drawn side by side here, or does not fit on the disk.

    Raises:
        InputError: Says how much is needed and how much is there.
    """
    drawings: dict[str, Drawing] = {}
    sizes = []
    for cell in cells:
        recipe = cell.recipe  # the size depends on little, a model may take its time
        key = repr((recipe.model, recipe.shape, recipe.parameters, recipe.chains, recipe.records))
        sizes.append(drawings.get(key) or drawings.setdefault(key, Drawing.of(recipe)))
    memory = sum(sorted((size.memory for size in sizes), reverse=True)[:processes])
    what = f"a grid of {len(cells)} cells"
    check_memory(memory, what, "lower chains or processes")
    shards = directory.glob(f"{SHARDS}/*")
    there = sum(512 * path.stat().st_blocks for path in shards)
    check_disk(
        sum(size.disk for size in sizes) - there,
        directory,
        what,
        "lower chains or records, give fewer values, or make room",
    )


def _claim(shards: Path, resume: bool) -> None:
    if not resume and shards.exists() and any(shards.iterdir()):
        raise InputError(
            f"{shards} holds shards already; add --resume to go on with them, or choose another "
            "--out"
        )
    make_directory(shards)


def _check_ends(cells: Sequence[Cell], ends: dict[int, str | None]) -> None:
    """Name the shards that failed, once all others are done."""
    failed = {cells[i].name: failure for i, failure in sorted(ends.items()) if failure is not None}
    if failed:
        lines = "\n".join(f"  {name}: {failure}" for name, failure in failed.items())
        raise AnalysisError(
            f"{len(failed)} of {len(cells)} shards failed, the others are finished:\n{lines}\n"
            "mend the cause, then run the same command with --resume"
        )
