"""`rsmi scan`: any task at every point of a grid of its settings."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from rsmi.cli.output import Output, default_out
from rsmi.cli.parsing import parse
from rsmi.cli.sample import Job
from rsmi.report.runs import write_scan
from rsmi.runs.grid import COMMANDS, Task, check_grid, fitting
from rsmi.runs.scanning import Scan, scan
from rsmi.runs.settings import to_plain
from rsmi.runs.table import Axes, Fit
from rsmi.sampling.threads import cores
from rsmi.storage import Cluster

DESCRIPTION = (
    "Carry out a task at every point of a grid of its settings, each in a folder of its own; with "
    "--resume only what is missing or changed. See docs/scans.md."
)


@dataclass(frozen=True)
class ScanTask:
    """A task and the settings that vary.

    Args:
        task: The command of the task.
        base: Its settings, as its own config has them.
        grid: A list of values for each setting to vary, by dotted path such as `window.buffer`.
        zip: Settings that vary together: lists of equal length.
        columns: Names of the quantities of the table; without, those of information and exponents.
        fits: Curves through columns, by name: `x`, `y`, and `curves` or a `feature`.
        figure: What is drawn against what.
        processes: Processes of this machine that share the points; one for each core without.
        cluster: Submit jobs instead: to `slurm`, to processes of this machine (`local`), or to
            this very process (`debug`).
        job: What each job may use.
    """

    task: Literal["run", "information", "exact", "exponents", "sample"]
    base: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, Any] = field(default_factory=dict)
    zip: dict[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    fits: dict[str, Any] = field(default_factory=dict)
    figure: Axes = field(default_factory=Axes)
    processes: int = field(default_factory=cores)
    cluster: Literal["slurm", "local", "debug"] | None = None
    job: Job = field(default_factory=Job)


def main(arguments: Sequence[str]) -> None:
    """Parse, scan, write."""
    task, execution = parse("scan", ScanTask, arguments, DESCRIPTION, sampling=True, rules=True)
    task = replace(task, grid=_dotted(task.grid), zip=_dotted(task.zip))
    asked = asked_of(task)
    count = len(asked.points())
    execution = replace(execution, out=execution.out or default_out(arguments))
    settings = {key: getattr(task, key) for key in ("task", "base", "grid", "zip", "columns")}
    settings |= {"fits": task.fits, "figure": task.figure}
    output = Output("scan", settings, execution.out, execution.resume, grows=True)
    output.say(f"{count} points of `rsmi {task.task}`")
    job = task.job
    cluster = task.cluster and Cluster(
        task.cluster, job.partition, job.minutes, job.memory_gb, job.most
    )
    found = scan(asked, execution, min(task.processes, count), cluster, output)
    result = output.finish(found, None)
    with output.stage("figures", "Drawing"):
        output.say(write_scan(Path(str(execution.out)), found, result))
    found.check()


def asked_of(task: ScanTask) -> Scan:
    """The scan that a config describes."""
    check_grid(COMMANDS[task.task], task.grid, task.zip)
    fits = {name: fitting(Fit, fit, f"fits.{name}") for name, fit in task.fits.items()}
    base = _base(task)
    return Scan(base, task.grid, task.zip, task.columns, fits, task.figure)


def _dotted(grid: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A grid by dotted path, whether it was written so or nested; what comes later counts.

    >>> _dotted({"window.buffer": [0, 1], "seed": [1], "window": {"buffer": [2]}})
    {'window.buffer': [2], 'seed': [1]}
    """
    found: dict[str, Any] = {}
    for key, values in grid.items():
        inner = isinstance(values, Mapping)
        found |= _dotted(values, f"{prefix}{key}.") if inner else {f"{prefix}{key}": values}
    return found


def _base(task: ScanTask) -> Task:
    """The task at the first point, by the door through which its own command takes a config."""
    first = {key: values[0] for key, values in {**task.zip, **task.grid}.items()}
    settings = to_plain(task.base)
    for key, value in first.items():
        settings = _with(settings, key.split("."), value)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "base.yaml"
        path.write_text(yaml.safe_dump(settings))
        found: Task
        found, _ = parse(task.task, COMMANDS[task.task], [str(path)], DESCRIPTION)
    return found


def _with(settings: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Nested settings with one of them set.

    >>> _with({"window": {"block": [2, 2]}}, ["window", "buffer"], 1)
    {'window': {'block': [2, 2], 'buffer': 1}}
    """
    name, *rest = path
    inner = settings.get(name)
    inner = inner if isinstance(inner, Mapping) else {}
    return {**settings, name: _with(inner, rest, value) if rest else value}
