"""What the studies share besides training."""

from collections.abc import Sequence
from pathlib import Path

from rsmi.errors import InputError


def default_out(arguments: Sequence[str], out: str | None) -> str:
    """The directory asked for, or `runs/NAME` for the config NAME.yaml."""
    if out is not None:
        return out
    if arguments and not arguments[0].startswith("-"):
        return str(Path("runs") / Path(arguments[0]).stem)
    raise InputError("no output directory; give --out DIR, or a config file as first argument")
