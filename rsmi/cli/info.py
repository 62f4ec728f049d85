"""`rsmi info`: what a file or directory holds, and what is known of its being whole."""

import sys
from collections.abc import Sequence

from rsmi.cli.parsing import parse
from rsmi.report.inspecting import inspect_path
from rsmi.storage import Selection

DESCRIPTION = (
    "Check a sample file, a trained rule, weights of a network, a result.json or the directory of "
    "a run from end to end, say what that check can see, and describe it."
)


def main(arguments: Sequence[str]) -> None:
    """Parse and run; `rsmi info FILE` is short for `--file FILE`."""
    if arguments and not arguments[0].startswith("-"):
        arguments = ["--file", *arguments]
    parse("info", info, arguments, DESCRIPTION)


def info(file: str, select: Selection = Selection()) -> None:  # noqa: B008, it is frozen
    """Describe a file.

    Args:
        file: A file of configurations, weights of a network (.safetensors, .pt, .pth, .ckpt), a
            `result.json`, or a directory with a trained rule or with what a command left behind.
        select: Which samples to describe, of a file that holds several.
    """
    sys.stdout.write(f"{inspect_path(file, select).table()}\n")
