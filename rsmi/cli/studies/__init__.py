"""Studies of layers, one command each: `rsmi layers configs/layers_NAME.yaml`."""

import importlib
from collections.abc import Sequence
from pathlib import Path

import yaml

from rsmi.errors import InputError

STUDIES = {
    "twelve_bits": "rsmi.cli.studies.twelve_bits",
    "ising_phases": "rsmi.cli.studies.ising_phases",
    "digits": "rsmi.cli.studies.digits",
}
"""Name in a config's key `study` -> module with `main(arguments)`."""


def study_of(arguments: Sequence[str]) -> str | None:
    """The study that a config or an option names; None for a measurement of one's own network.

    >>> study_of(["--study", "digits", "--out", "here"])
    'digits'
    """
    name = _option(arguments, "--study") or _in_config(arguments)
    if name is not None and name not in STUDIES:
        raise InputError(f"there is no study {name!r}; choose of {', '.join(STUDIES)}")
    return name


def run_study(name: str, arguments: Sequence[str]) -> None:
    """Run the study of this name."""
    importlib.import_module(STUDIES[name]).main(arguments)


def _option(arguments: Sequence[str], name: str) -> str | None:
    for place, word in enumerate(arguments):
        if word == name and place + 1 < len(arguments):
            return arguments[place + 1]
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
    return None


def _in_config(arguments: Sequence[str]) -> str | None:
    first = arguments[0] if arguments and not arguments[0].startswith("-") else None
    path = _option(arguments, "--config") or first
    if path is None or not Path(path).is_file():
        return None
    try:
        config = yaml.safe_load(Path(path).read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        return None  # the parser says what is wrong with it
    return config.get("study") if isinstance(config, dict) else None
