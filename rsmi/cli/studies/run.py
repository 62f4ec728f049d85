"""What the studies share besides training."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rsmi.cli.output import Output
from rsmi.errors import InputError
from rsmi.report import Figure, Result, Sheet, write_report


def default_out(arguments: Sequence[str], out: str | None) -> str:
    """The directory asked for, or `runs/NAME` for the config NAME.yaml."""
    if out is not None:
        return out
    if arguments and not arguments[0].startswith("-"):
        return str(Path("runs") / Path(arguments[0]).stem)
    raise InputError("no output directory; give --out DIR, or a config file as first argument")


def published(
    output: Output,
    result: Result,
    title: str,
    tables: Sequence[Sheet],
    draw: Callable[[Path], Sequence[Figure]],
    headline: Sequence[str] = (),
) -> None:
    """Draw the figures and write the page.

    Args:
        output: Of the study, with a directory.
        result: What the page lists.
        title: Of the page.
        tables: Shown first.
        draw: Draws the figures into a directory.
        headline: Names of quantities for the top of the page.
    """
    assert output.directory is not None
    with output.stage("figures", "Drawing"):
        figures = draw(output.directory / "figures")
    output.say(write_report(output.directory, result, figures, headline, title, tables))
