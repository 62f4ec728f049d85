"""`rsmi verify`: known exact values, computed again by the installed code."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from rich import box
from rich.table import Table
from rich.text import Text

from rsmi.cli.checks import SECTIONS, Outcome, evaluate
from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError, nearest
from rsmi.information import format_with_error
from rsmi.report import Quantity

DESCRIPTION = (
    "Compute known exact values again with the installed code: `rsmi verify [all]` or "
    f"`rsmi verify SECTION ...` with sections {', '.join(SECTIONS)}. Exit code 1 if any differs."
)
EVERYTHING = "all"


@dataclass(frozen=True)
class Verify:
    """Which sections to check.

    Args:
        sections: Names of sections, or `all`.
    """

    sections: tuple[str, ...] = (EVERYTHING,)

    def __post_init__(self) -> None:
        known = [EVERYTHING, *SECTIONS]
        unknown = [name for name in self.sections if name not in known]
        if unknown or not self.sections:
            raise InputError(
                f"unknown section {', '.join(map(repr, unknown)) or '(none)'}; "
                f"{nearest(unknown[0] if unknown else '', known)}expected {', '.join(known)}"
            )

    @property
    def names(self) -> list[str]:
        """The sections to check, each once."""
        everything = EVERYTHING in self.sections
        return [name for name in SECTIONS if everything or name in self.sections]


def main(arguments: Sequence[str]) -> int:
    """Parse, check, print the table; 0 if every check passed, else 1."""
    task, execution = parse("verify", Verify, _with_sections(arguments), DESCRIPTION)
    output = Output("verify", task, execution.out, execution.resume)
    outcomes: list[Outcome] = []
    with _one_thread():
        for name in task.names:
            with output.stage(name, f"Checking {name}"):
                outcomes += [evaluate(check) for check in SECTIONS[name]()]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    output.finish(_quantities(outcomes, len(failed)), seed=None, table=_table(outcomes))
    output.say(f"{len(outcomes) - len(failed)} of {len(outcomes)} checks passed")
    for outcome in failed:
        output.say(f"failed: {outcome.check.section}.{outcome.check.name} {outcome.failure}")
    return 1 if failed else 0


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch on one thread: on a busy machine small tensors wait for the others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _with_sections(arguments: Sequence[str]) -> list[str]:
    """Leading words are names of sections."""
    words = list(arguments)
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    if count == 0:
        return words
    return [f"--sections=[{','.join(words[:count])}]", *words[count:]]


def _quantities(outcomes: Sequence[Outcome], failed: int) -> list[Quantity]:
    summary = Quantity("verify.failed", failed, 0.0, "exact", "1", 0.0, {"checks": len(outcomes)})
    found = [outcome.quantity() for outcome in outcomes]
    return [summary, *(quantity for quantity in found if quantity is not None)]


def _table(outcomes: Sequence[Outcome]) -> Table:
    """Expected and computed values, one part for each section."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("check", overflow="fold")
    for name in ("expected", "got", "tolerance"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    section = None
    for outcome in outcomes:
        if outcome.check.section != section:
            section = outcome.check.section
            table.add_section()
            table.add_row(Text(section, style="bold"))
        table.add_row(*_cells(outcome))
    return table


def _cells(outcome: Outcome) -> tuple[Text, ...]:
    check = outcome.check
    got = (
        "error" if outcome.got is None else format_with_error(outcome.got.value, outcome.got.error)
    )
    verdict = Text("pass", style="green") if outcome.passed else Text("FAIL", style="bold red")
    expected = f"{check.expected:.10g}"
    return (
        Text(f"  {check.name}"),
        Text(expected),
        Text(got),
        Text(f"{check.tolerance:.1g}"),
        verdict,
    )
