"""`rsmi info`: what a file or directory holds, and whether it is whole."""

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rsmi.cli.output import CONFIG_NAME
from rsmi.cli.parsing import parse
from rsmi.cli.rules import RULE
from rsmi.cli.sample import FILE_NAME as SAMPLES
from rsmi.errors import InputError
from rsmi.learning import TableFilter, load_filter, read_card
from rsmi.learning.store import DEFINITION
from rsmi.report import read_result
from rsmi.report.result import FILE_NAME as RESULT
from rsmi.storage import FileReport, Samples, Selection, verify

DESCRIPTION = (
    "Check a sample file, a trained rule, a result.json or the directory of a run from end to end "
    "and describe it."
)


def main(arguments: Sequence[str]) -> None:
    """Parse and run; `rsmi info FILE` is short for `--file FILE`."""
    if arguments and not arguments[0].startswith("-"):
        arguments = ["--file", *arguments]
    parse("info", info, arguments, DESCRIPTION)


def info(file: str, select: Selection = Selection()) -> None:  # noqa: B008, it is frozen
    """Describe a file.

    Args:
        file: A file of configurations, a `result.json`, or a directory with a trained rule or with
            what a command left behind.
        select: Which samples to describe, of a collection or an mcising file.
    """
    path = Path(file)
    if (path / DEFINITION).is_file():
        _print_rule(path)
    elif path.is_dir():
        _print_run(path, select)
    elif path.suffix == ".json":
        _console().print(read_result(path).table())
    else:
        _print_samples(path, select)


def _print_run(directory: Path, select: Selection) -> None:
    """What a command left behind: samples, a rule, numbers, or that it has not ended."""
    result, config = directory / RESULT, directory / CONFIG_NAME
    if not result.is_file() and not config.is_file():
        raise InputError(
            f"{directory} is a directory without {RESULT}, {CONFIG_NAME} or {DEFINITION}, so no "
            "run and no rule; name the file in it that is meant"
        )
    if (directory / SAMPLES).is_file():
        _print_samples(directory / SAMPLES, select)
    if (directory / RULE / DEFINITION).is_file():
        _print_title(directory / RULE)
    if result.is_file():
        found = read_result(result)
        about = {"device": found.device, "time": f"{sum(found.timings.values()):.1f} s"}
        _print(f"result of {found.command}", {"seed": str(found.seed)} | about)
        _console().print(found.table())
    else:
        _print(f"{directory} holds a run without {RESULT}: it has not ended", {})
        Console().print("  the same command with --resume goes on from here", highlight=False)


def _print_samples(path: Path, select: Selection) -> None:
    report = verify(path, select.temperature)
    if select == Selection():
        facts = {name: str(value) for name, value in report.attributes.items()}
        _print(report.source, _facts(report) | facts)
    else:
        with select.open(path) as samples:
            _print(samples.source, _facts(samples))
    for check in report.checks:
        Console().print(f"  {check}", markup=False, highlight=False, soft_wrap=True)


def _facts(samples: FileReport | Samples) -> dict[str, str]:
    return {
        "configurations": f"{samples.n} in {samples.chains} chains",
        "lattice": " x ".join(map(str, samples.shape)) or "several",
        "model": "unknown" if samples.model is None else _pairs(samples.model),
    }


def _print_title(path: Path) -> TableFilter:
    """One line about a rule."""
    filter = load_filter(path)
    _print(f"rule in {path}: block {list(filter.block)}, coarse bits {filter.n_hidden}", {})
    return filter


def _print_rule(path: Path) -> None:
    filter = _print_title(path)
    Console().print(yaml.safe_dump(read_card(path), sort_keys=False), markup=False, highlight=False)
    if filter.n_visible <= 4 and filter.n_hidden == 1:
        up = filter.table()[:, 1].tolist()
        rows = {f"state {v}": f"{p:.4f}" for v, p in enumerate(up)}
        _print("p(h = +1 | v), bit i of the state set where spin i is up", rows)


def _console() -> Console:
    """As wide as the terminal, and wide enough for tables in a file."""
    return Console(width=None if sys.stdout.isatty() else 100)


def _print(title: str, facts: dict[str, str]) -> None:
    console = Console(highlight=False)
    console.print(title, markup=False, style="bold", soft_wrap=True)
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(value))
    console.print(table)


def _pairs(facts: dict[str, str | float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())
