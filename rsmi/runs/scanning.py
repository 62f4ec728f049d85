"""A scan: a task at every point of a grid, each in a folder of its own, and one table of them."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from rsmi.digest import plain_digest
from rsmi.errors import AnalysisError, InputError, RsmiError
from rsmi.information import Quantity
from rsmi.progress import Progress, Unwatched, Watcher, silent
from rsmi.runs.files import write_whole
from rsmi.runs.grid import Command, Point, Task, expand
from rsmi.runs.result import CONFIG_NAME, SAMPLES_NAME, Result, read_result
from rsmi.runs.settings import Compare, Exact, Execution, Exponents, ExponentsTask, Information, Run
from rsmi.runs.steps import draw, iterate_rule, value_task
from rsmi.runs.table import Axes, Fit, PointResult, ScanResult
from rsmi.sampling.families import System
from rsmi.storage import Cluster, SampleRecipe, check_lattice, describe, open_samples
from rsmi.storage.tasks import run_tasks, submit

POINTS, SAMPLES, JOBS = "points", "samples", "jobs"
"""Folders of a scan: its points, the samples that they share, logs of a cluster's jobs."""
LOG, REASON = "log.txt", "reason.txt"
"""In the folder of a point: what was said there, and why it failed."""


@dataclass(frozen=True)
class Scan:
    """A task at every point of a grid.

    Args:
        task: The task, with the settings that are the same everywhere.
        grid: The values to combine, by dotted path such as `window.buffer`.
        zip: Values that vary together, by dotted path: lists of equal length.
        columns: Names of the quantities of its table; without, those of information and exponents.
        fits: Curves through its columns, by name.
        figure: What is drawn against what.
    """

    task: Task
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    zip: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    fits: Mapping[str, Fit] = field(default_factory=dict)
    figure: Axes = field(default_factory=Axes)

    def __post_init__(self) -> None:
        keys = [*self.zip, *self.grid]
        for name, fit in self.fits.items():
            fit.check(f"fits.{name}", keys)
        self.figure.check(keys)

    def points(self) -> tuple[Point, ...]:
        """Every point, in order.

        Raises:
            InputError: As `rsmi.runs.expand`.
        """
        return expand(self.task, self.grid, self.zip)


def scan(
    asked: Scan,
    execution: Execution | None = None,
    processes: int = 1,
    cluster: Cluster | None = None,
    watcher: Watcher | None = None,
) -> ScanResult:
    """Carry a task out at every point of a grid.

    `out/points/NAME` is the folder of one point: what its command alone leaves behind. Points
    whose samples have the same recipe share one file, `out/samples/DIGEST.h5`. A point that was
    finished with the very same settings is kept; one that fails is a row with its reason.

    Args:
        asked: The task and its grid.
        execution: Where files go (a directory is needed), and with how many workers in all.
        processes: Processes of this machine that share points and workers. A script that asks for
            more than one must be guarded by `if __name__ == "__main__":`.
        cluster: Submit the points as jobs instead.
        watcher: Is told what is done.

    Returns:
        One row for each point, with the fits; `check()` raises where any failed.

    Raises:
        InputError: For a grid that cannot be, or without a directory.
    """
    execution, watcher = execution or Execution(), watcher or Unwatched()
    if execution.out is None:
        raise InputError("a scan has a folder for each point; give the directory for them")
    if processes < 1:
        raise InputError(f"processes is {processes}; expected at least 1")
    if cluster is not None:
        cluster.check()
    work = _Work(Path(execution.out), asked.points(), execution, processes, cluster, watcher)
    found = tuple(work.results())
    return ScanResult(found, asked.columns, asked.fits, asked.figure)


@dataclass(frozen=True)
class Job:
    """Something that one process does: draw samples, or carry out a point.

    Args:
        task: What to do.
        out: Its file of samples, or its folder.
        execution: How.
        drawn: Samples that are there already, for a point.
    """

    task: Task
    out: Path
    execution: Execution
    drawn: Path | None = None
    alone: bool = False


class _Work:
    """All points of a scan, and what is known of each."""

    def __init__(
        self,
        directory: Path,
        points: Sequence[Point],
        execution: Execution,
        processes: int,
        cluster: Cluster | None,
        watcher: Watcher,
    ) -> None:
        self.directory, self.points, self.watcher = directory, points, watcher
        self.processes, self.cluster = processes, cluster
        share = max(1, execution.workers // (processes if cluster is None else 1))
        self.execution = replace(execution, workers=share, resume=True)

    def results(self) -> Iterator[PointResult]:
        """Carry out what is missing, and read all of it."""
        known = {point.name: finished(self._folder(point), point) for point in self.points}
        missing = [point for point in self.points if known[point.name] is None]
        if kept := len(self.points) - len(missing):
            self.watcher.say(f"{kept} of {len(self.points)} points are finished and kept")
        failed = self._draw(missing)
        failed |= self._carry_out([point for point in missing if point.name not in failed])
        for point in self.points:
            found = known[point.name] or finished(self._folder(point), point)
            reason = failed.get(point.name) or "it left no result"
            yield found or PointResult(point, (), reason)

    def _folder(self, point: Point) -> Path:
        return self.directory / POINTS / point.name

    def _drawn(self, point: Point) -> Path | None:
        """The samples of a point, shared with all that have the same recipe."""
        if point.recipe is None:
            return None
        digest = plain_digest(point.recipe.to_yaml())
        return self.directory / SAMPLES / f"{digest[:16]}.h5"

    def _draw(self, points: Sequence[Point]) -> dict[str, str]:
        """Draw what points need, each recipe once; why those of some points could not be."""
        paths = {point.name: self._drawn(point) for point in points}
        recipes = {
            path: point.recipe for point in points if (path := paths[point.name]) is not None
        }
        jobs = [
            Job(recipe, path, self.execution)
            for path, recipe in recipes.items()
            if recipe is not None
        ]
        ends = self._ends(jobs, "sampling", f"Sampling {len(jobs)} recipes", "recipes")
        reasons = {job.out: reason for job, reason in zip(jobs, ends, strict=True) if reason}
        return {name: reasons[path] for name, path in paths.items() if path in reasons}

    def _carry_out(self, points: Sequence[Point]) -> dict[str, str]:
        """Carry out points; why some of them failed."""
        jobs = [
            Job(point.task, self._folder(point), self.execution, self._drawn(point))
            for point in points
        ]
        ends = self._ends(jobs, "points", f"Carrying out {len(jobs)} points", "points")
        return {p.name: reason for p, reason in zip(points, ends, strict=True) if reason}

    def _ends(self, jobs: Sequence[Job], stage: str, text: str, what: str) -> list[str | None]:
        """Why each job failed, or None."""
        ends: dict[int, str | None] = {}
        if not jobs:
            return []
        with self.watcher.stage(stage, text), self.watcher.counting(what) as progress:
            progress(0, len(jobs))
            for number, reason in self._all(jobs):
                ends[number] = reason
                if reason:
                    self.watcher.say(f"{jobs[number].out.name}: {reason}")
                progress(len(ends), len(jobs))
        return [ends[number] for number in range(len(jobs))]

    def _all(self, jobs: Sequence[Job]) -> Iterable[tuple[int, str | None]]:
        """Jobs as they end: in this process, in several, or on a cluster."""
        if self.cluster is not None:
            threads, logs = self.execution.workers, self.directory / JOBS
            return submit(jobs, work_alone, self.cluster, threads, logs)
        if self.processes == 1:
            return ((number, work(job, silent)) for number, job in enumerate(jobs))
        several = [replace(job, alone=True) for job in jobs]
        told = run_tasks(several, work, min(self.processes, len(jobs)))
        return ((end.task, end.failure) for end in told if end.done is None)


def finished(folder: Path, point: Point) -> PointResult | None:
    """What a folder holds of a point, if that was finished with the very same settings."""
    try:
        result = read_result(folder)
    except InputError:
        return None
    if result.config != point.settings:
        return None
    reason = folder / REASON
    failure = reason.read_text().strip() if reason.exists() else ""
    seconds = sum(result.timings.values())
    return PointResult(point, tuple(result.numbers), failure, seconds)


def work(job: Job, told: Progress) -> str | None:
    """Do a job; why that failed, or None."""
    watcher = Unwatched()
    if job.alone:
        torch.set_num_threads(job.execution.workers)
    try:
        if isinstance(job.task, SampleRecipe) and job.drawn is None and job.out.suffix == ".h5":
            draw(job.task, job.out, job.execution, watcher)
            return None
        return _settle(job, watcher)
    except RsmiError as error:
        return str(error)
    except (OSError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"


def work_alone(job: Job) -> str | None:
    """Do a job with nobody watching."""
    return work(replace(job, alone=True), silent)


def _settle(job: Job, watcher: Unwatched) -> str | None:
    """Carry out a point and write what it found."""
    point, folder = Point({}, job.task), job.out
    text = yaml.safe_dump({"command": point.command} | point.settings, sort_keys=False)
    write_whole(folder / CONFIG_NAME, text.encode())
    try:
        found, failure = carry_out(
            job.task, replace(job.execution, out=str(folder)), watcher, job.drawn
        )
    except RsmiError as reason:
        write_whole(folder / REASON, f"{reason}\n".encode())
        raise
    finally:
        write_whole(folder / LOG, "\n".join([*watcher.lines, ""]).encode())
    if failure is None:
        (folder / REASON).unlink(missing_ok=True)
    else:
        write_whole(folder / REASON, f"{failure}\n".encode())
    command = f"rsmi {point.command} {folder / CONFIG_NAME}"
    seed = getattr(job.task, "seed", None)
    Result(command, point.settings, seed, "cpu", watcher.timings, found).write(folder)
    return None if failure is None else str(failure)


def carry_out(
    task: Task, execution: Execution, watcher: Watcher, drawn: Path | None = None
) -> tuple[list[Quantity], RsmiError | None]:
    """Carry out any task.

    Args:
        task: What to do.
        execution: Where, and with how many workers.
        watcher: Is told what is done.
        drawn: Samples that were drawn from the task's recipe already.

    Returns:
        Its numbers, and why they are not all there.

    Raises:
        RsmiError: Where there are none.
    """
    match task:
        case Run():
            return _run(task, execution, watcher, drawn)
        case Compare():
            from rsmi.runs.comparing import measure_task

            return measure_task(task, execution, watcher, drawn), None
        case Information():
            return _information(task, execution, watcher)
        case ExponentsTask():
            return _exponents(task, execution, watcher)
        case Exact():
            return _exact(task, execution, watcher), None
        case Command():
            return _command(task, Path(str(execution.out)), execution), None
        case SampleRecipe():
            path = draw(task, Path(str(execution.out)) / SAMPLES_NAME, execution, watcher)
            with open_samples(path) as samples:
                return describe(samples).quantities(), None


def _command(task: Command, folder: Path, execution: Execution) -> list[Quantity]:
    """What a command finds that is given the config in a folder; its files go to one inside."""
    out, entry = folder / task.name, "import sys, rsmi.cli.main as cli; sys.exit(cli.main())"
    given = [task.name, folder / CONFIG_NAME, "--out", out, "--resume"]
    said = subprocess.run(
        [sys.executable, "-c", entry, *map(str, given)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": str(execution.workers)},
    )
    if said.returncode:
        words = " ".join(said.stderr.rpartition("error: ")[2].split())
        raise AnalysisError(words or f"it ended with exit code {said.returncode}")
    return read_result(out).numbers


def _run(
    task: Run, execution: Execution, watcher: Watcher, drawn: Path | None
) -> tuple[list[Quantity], RsmiError | None]:
    from rsmi.runs.pipeline import plan

    planned = plan(task, trust=execution.trust)
    found = planned.carry_out(execution, watcher, drawn)
    return found.quantities(), _failure(found.check)


def _failure(check: Any) -> RsmiError | None:
    try:
        check()
    except RsmiError as error:
        return error
    return None


def _information(
    task: Information, execution: Execution, watcher: Watcher
) -> tuple[list[Quantity], RsmiError | None]:
    with task.select.open(task.data) as samples, watcher.stage("information", "Valuing rules"):
        check_lattice(samples)
        found = value_task(task, samples, execution, watcher)
    return found.quantities(), _failure(found.check)


def _exponents(
    task: ExponentsTask, execution: Execution, watcher: Watcher
) -> tuple[list[Quantity], RsmiError | None]:
    settings = Exponents((task.rule,), task.levels, task.reach, task.blocks)
    with task.select.open(task.data) as samples:
        found = iterate_rule(
            samples, task.rule, settings, task.seed, execution, watcher, task.rule, task.block
        )
    return found.quantities(), _failure(found.verdict.check)


def _exact(task: Exact, execution: Execution, watcher: Watcher) -> list[Quantity]:
    from rsmi.learning import solve_rules

    system = System(task.shape, task.model, task.temperature, task.parameters)
    with watcher.stage("exact", f"Solving {system}"):
        found = solve_rules(
            system,
            task.cut.window(system.space),
            task.rules,
            symbols=task.symbols,
            z2=task.z2,
            trust=execution.trust,
        )
    return found.quantities()
