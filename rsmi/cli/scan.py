"""`rsmi scan`: any task at every point of a grid of its settings."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from rsmi.cli.main import COMMANDS as KNOWN
from rsmi.cli.output import Output, default_out
from rsmi.cli.parsing import parse
from rsmi.errors import InputError, nearest
from rsmi.report.runs import write_scan
from rsmi.runs.grid import COMMANDS, Command, Task, check_grid, fitting, nested
from rsmi.runs.scanning import Scan, scan
from rsmi.runs.settings import to_plain
from rsmi.runs.table import Axes, Fit
from rsmi.sampling.threads import cores
from rsmi.storage import Job

DESCRIPTION = (
    "Carry out a task at every point of a grid of its settings, each in a folder of its own; with "
    "--resume only what is missing or changed. See docs/scans.md."
)


_Setting = bool | str | int | float | list | dict | None  # type: ignore[type-arg]
"""No `Any`: in its place the parser would make an object of everything that names a class."""
_NO_TASKS = ("scan", "verify", "info")
"""Commands that leave no result of settings."""


@dataclass(frozen=True)
class ScanTask:
    """A task and the settings that vary.

    Args:
        task: The command of the task: `run`, `information`, `exact`, `exponents`, `sample`, or any
            other that leaves a result, such as `fit`, in a process of its own.
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

    task: str
    base: dict[str, _Setting] = field(default_factory=dict)
    grid: dict[str, list] = field(default_factory=dict)  # type: ignore[type-arg]
    zip: dict[str, list] = field(default_factory=dict)  # type: ignore[type-arg]
    columns: tuple[str, ...] = ()
    fits: dict[str, dict] = field(default_factory=dict)  # type: ignore[type-arg]
    figure: Axes = field(default_factory=Axes)
    processes: int = field(default_factory=cores)
    cluster: Literal["slurm", "local", "debug"] | None = None
    job: Job = field(default_factory=Job)


def main(arguments: Sequence[str]) -> None:
    """Parse, scan, write."""
    words, own = _parted(arguments)
    task, execution = parse("scan", ScanTask, words, DESCRIPTION, sampling=True, rules=True)
    task = _overridden(task, own)
    asked = asked_of(task)
    count = len(asked.points())
    execution = replace(execution, out=execution.out or default_out(arguments))
    settings = {key: getattr(task, key) for key in ("task", "base", "grid", "zip", "columns")}
    settings |= {"fits": task.fits, "figure": task.figure}
    output = Output("scan", settings, execution.out, execution.resume, grows=True)
    output.say(f"{count} points of `rsmi {task.task}`")
    cluster = task.job.cluster(task.cluster)
    found = scan(asked, execution, min(task.processes, count), cluster, output)
    result = output.finish(found, None)
    with output.stage("figures", "Drawing"):
        output.say(write_scan(Path(str(execution.out)), found, result))
    found.check()


def asked_of(task: ScanTask) -> Scan:
    """The scan that a config describes."""
    known = [name for name in KNOWN if name not in _NO_TASKS]
    if task.task not in known:
        raise InputError(
            f"task is {task.task!r}; {nearest(task.task, known)}expected one of {', '.join(known)}"
        )
    check_grid(COMMANDS.get(task.task, Command), task.grid, task.zip)
    fits = {name: fitting(Fit, fit, f"fits.{name}") for name, fit in task.fits.items()}
    base = _base(task)
    return Scan(base, task.grid, task.zip, task.columns, fits, task.figure)


_GROUPS = ("base", "grid", "zip")
"""Keys whose own keys are settings of the task, by dotted path."""


def _parted(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Arguments that the parser knows, and those that set a single setting of the task.

    >>> _parted(["a.yaml", "--grid.window.buffer", "[1,2]", "--base.seed=3", "--resume"])
    (['a.yaml', '--resume'], {'grid.window.buffer': '[1,2]', 'base.seed': '3'})
    """
    words, kept, own = list(arguments), [], {}
    while words:
        word = words.pop(0)
        name, joined, value = word.partition("=")
        if name.startswith(tuple(f"--{group}." for group in _GROUPS)):
            own[name[2:]] = value if joined else words.pop(0) if words else ""
        else:
            kept.append(word)
    return kept, own


def _overridden(task: ScanTask, own: Mapping[str, str]) -> ScanTask:
    """A config with single settings of its task changed.

    Raises:
        InputError: For a value that is no YAML.
    """
    groups: dict[str, dict[str, Any]] = {name: dict(getattr(task, name)) for name in _GROUPS}
    for name, text in own.items():
        group, _, key = name.partition(".")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise InputError(f"--{name} is {text}; expected a value as YAML writes it") from None
        inner = nested(groups[group], key.split("."), value) if group == "base" else {key: value}
        groups[group] |= inner
    return replace(task, base=groups["base"], grid=groups["grid"], zip=groups["zip"])


def _base(task: ScanTask) -> Task:
    """The task at the first point, by the door through which its own command takes a config."""
    first = {key: values[0] for key, values in {**task.zip, **task.grid}.items()}
    settings = to_plain(task.base)
    for key, value in first.items():
        settings = nested(settings, key.split("."), value)
    if task.task not in COMMANDS:
        return Command(task.task, settings)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "base.yaml"
        path.write_text(yaml.safe_dump(settings))
        found: Task
        found, _ = parse(task.task, COMMANDS[task.task], [str(path)], DESCRIPTION)
    return found
