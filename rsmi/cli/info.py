"""`rsmi info`: what a file or directory holds, and whether it is whole."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rsmi.cli.parsing import parse
from rsmi.learning import load_filter, read_card
from rsmi.learning.store import DEFINITION
from rsmi.report import read_result
from rsmi.storage import FileReport, Samples, Selection, verify

DESCRIPTION = (
    "Check a sample file, a trained rule or a result.json from end to end and describe it."
)


def main(arguments: Sequence[str]) -> None:
    """Parse and run; `rsmi info FILE` is short for `--file FILE`."""
    if arguments and not arguments[0].startswith("-"):
        arguments = ["--file", *arguments]
    parse("info", info, arguments, DESCRIPTION)


def info(file: str, select: Selection = Selection()) -> None:  # noqa: B008, it is frozen
    """Describe a file.

    Args:
        file: A file of configurations, a directory with a trained rule, or a `result.json`.
        select: Which samples to describe, of a collection or an mcising file.
    """
    path = Path(file)
    if (path / DEFINITION).is_file():
        _print_rule(path)
    elif path.suffix == ".json":
        Console().print(read_result(path).table())
    else:
        _print_samples(path, select)


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


def _print_rule(path: Path) -> None:
    filter = load_filter(path)
    _print(f"rule in {path}: block {list(filter.block)}, coarse bits {filter.n_hidden}", {})
    Console().print(yaml.safe_dump(read_card(path), sort_keys=False), markup=False, highlight=False)
    if filter.n_visible <= 4 and filter.n_hidden == 1:
        up = filter.table()[:, 1].tolist()
        rows = {f"state {v}": f"{p:.4f}" for v, p in enumerate(up)}
        _print("p(h = +1 | v), bit i of the state set where spin i is up", rows)


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
