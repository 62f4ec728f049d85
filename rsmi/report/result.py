"""The one result contract: what every command leaves behind in `result.json`."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rsmi.digest import KEY, plain_digest
from rsmi.errors import AnalysisError, InputError
from rsmi.information import Outcome, Plain, Quantity
from rsmi.information.quantity import plain
from rsmi.report.files import write_whole
from rsmi.report.versions import versions

SCHEMA = "rsmi.result/1"
"""Name and version of the format; a change that breaks a reader raises the number."""

FILE_NAME = "result.json"
CONFIG_NAME, SAMPLES_NAME, RULE_NAME = "config.yaml", "samples.h5", "rule"
"""What a command leaves in its directory: its numbers, its settings, samples, a learned rule."""


@dataclass(frozen=True, repr=False)
class Result(Outcome):
    """Everything one command found, with what is needed to repeat it.

    Args:
        command: The command line, for example `rsmi run configs/ising2d.yaml`.
        config: The resolved settings, nested dicts of plain values.
        seed: Seed of all random numbers; None for a command that draws none.
        device: Where it ran, for example `cpu` or `NVIDIA H200`.
        timings: Seconds per stage.
        numbers: The quantities, in order.
        versions: Software versions; those installed now unless given.

    Raises:
        InputError: For settings that JSON cannot hold.
        AnalysisError: For a timing that is negative or not finite.

    >>> result = Result("rsmi exact", {"model": "ising"}, None, "cpu", {"total": 0.1}, [])
    >>> result.versions["python"] != ""
    True
    """

    command: str
    config: Mapping[str, Plain]
    seed: int | None
    device: str
    timings: Mapping[str, float]
    numbers: list[Quantity]
    versions: Mapping[str, str] = field(default_factory=versions)

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", plain(dict(self.config), "config"))
        for stage, seconds in self.timings.items():
            if not (math.isfinite(seconds) and seconds >= 0):
                raise AnalysisError(
                    f"timing of {stage!r} is {seconds}; expected a number of seconds >= 0"
                )

    def find(self, name: str) -> Quantity:
        """The only quantity of that name.

        Raises:
            InputError: When no quantity, or more than one, has the name.
        """
        found = [quantity for quantity in self.numbers if quantity.name == name]
        if len(found) != 1:
            raise InputError(
                f"{len(found)} quantities are named {name!r}; expected exactly one; the result "
                f"holds {', '.join(sorted({q.name for q in self.numbers})) or 'none'}"
            )
        return found[0]

    def write(self, directory: Path) -> Path:
        """Write `result.json` into `directory`, whole or not at all.

        Returns:
            Path of the file.

        Raises:
            OSError: When the disk refuses; an older file is then still intact.
        """
        contract = self.to_dict()
        contract[KEY] = plain_digest(contract)
        text = json.dumps(contract, indent=2, ensure_ascii=False, allow_nan=False)
        # What no text can hold, as in a file name that is not UTF-8, stands as JSON's own escape.
        content = f"{text}\n".encode(errors="backslashreplace")
        return write_whole(Path(directory) / FILE_NAME, content)

    def quantities(self) -> list[Quantity]:
        """The numbers."""
        return self.numbers

    def to_dict(self) -> dict[str, Plain]:
        """The fields of `result.json`, all but its digest."""
        return {
            "schema": SCHEMA,
            "command": self.command,
            "config": self.config,
            "seed": self.seed,
            "versions": dict(self.versions),
            "device": self.device,
            "timings": {stage: float(seconds) for stage, seconds in self.timings.items()},
            "quantities": [asdict(quantity) for quantity in self.numbers],
        }
