"""Studies of layers, one command each: `rsmi layers configs/layers_NAME.yaml`."""

import importlib
from collections.abc import Sequence

from rsmi.cli.configs import config_of, given
from rsmi.errors import InputError, nearest

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
    name = given(arguments).get("study") or config_of(arguments).get("study")
    if name is not None and name not in STUDIES:
        raise InputError(
            f"there is no study {name!r}; {nearest(name, STUDIES)}choose of {', '.join(STUDIES)}"
        )
    return name


def run_study(name: str, arguments: Sequence[str]) -> None:
    """Run the study of this name."""
    importlib.import_module(STUDIES[name]).main(arguments)
