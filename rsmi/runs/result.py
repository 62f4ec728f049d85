"""The one result contract: what every command leaves behind in `result.json`, read back too."""

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import rsmi
from rsmi.digest import KEY, plain_digest
from rsmi.errors import AnalysisError, InputError, RsmiError
from rsmi.information import Outcome, Plain, Quantity
from rsmi.information.quantity import plain
from rsmi.runs.files import write_whole

PACKAGES = ("torch", "numpy", "numba", "h5py")
"""Packages whose version can change a number."""


def versions() -> dict[str, str]:
    """Versions of Python, this library and `PACKAGES`, whose metadata is read, not imported.

    >>> list(versions())
    ['python', 'rsmi', 'torch', 'numpy', 'numba', 'h5py']
    """
    own = {"python": platform.python_version(), "rsmi": rsmi.__version__}
    return own | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


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


_Types = type | tuple[type, ...]
_NUMBER = (int, float)
_RESULT: dict[str, _Types] = {
    "schema": str,
    "command": str,
    "config": dict,
    "seed": (int, type(None)),
    "versions": dict,
    "device": str,
    "timings": dict,
    "quantities": list,
}
_QUANTITY: dict[str, _Types] = {
    "name": str,
    "value": _NUMBER,
    "error": _NUMBER,
    "kind": str,
    "unit": str,
    "reference": (*_NUMBER, type(None)),
    "context": dict,
}


def read_result(path: Path) -> Result:
    """Read and check a result file, with its digest where it has one.

    Args:
        path: `result.json`, or the folder that holds it.

    Returns:
        The result, with the versions that made it.

    Raises:
        InputError: When the file is missing, broken, or not a result of this format.
    """
    return _checked(path)[0]


def result_has_digest(path: Path) -> bool:
    """Whether a result carries a digest, and so is known to be as it was written.

    Results of version 0.1.0 carry none.

    Raises:
        InputError: As `read_result`.
    """
    return _checked(path)[1]


def _checked(path: Path) -> tuple[Result, bool]:
    path = Path(path)
    file = path / FILE_NAME if path.is_dir() else path
    try:
        content = _load(file)
        kept = isinstance(content, dict) and KEY in content
        digest = content.pop(KEY) if kept else None
        result = _parse(content)
        if kept and plain_digest(content) != digest:
            raise InputError(
                f"its content is not what its {KEY} says, so it was changed or damaged"
            )
        return result, kept
    except (RsmiError, OSError, ValueError, OverflowError, RecursionError) as problem:
        raise InputError(
            f"{file} cannot be used: {problem}; expected a file of schema {SCHEMA} "
            f"as written by an rsmi command; run the command again"
        ) from problem


def _load(file: Path) -> Plain:
    return json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)


def _refuse_constant(text: str) -> None:
    raise InputError(f"it holds {text}, which JSON does not allow")


def _parse(content: Plain) -> Result:
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise InputError(f"its schema is {schema!r}")
    _check(content, _RESULT, "the result")
    _check_values(content["versions"], str, "versions")
    _check_values(content["timings"], _NUMBER, "timings")
    return Result(
        content["command"],
        content["config"],
        content["seed"],
        content["device"],
        content["timings"],
        [_quantity(index, entry) for index, entry in enumerate(content["quantities"])],
        content["versions"],
    )


def _quantity(index: int, entry: Plain) -> Quantity:
    _check(entry, _QUANTITY, f"quantity {index}")
    return Quantity(**entry)


def _check(entry: Plain, fields: Mapping[str, _Types], where: str) -> None:
    """Exactly the fields of the contract, each of its type."""
    if not isinstance(entry, dict) or set(entry) != set(fields):
        found = ", ".join(sorted(entry)) if isinstance(entry, dict) else type(entry).__name__
        raise InputError(f"{where} holds {found}; expected {', '.join(sorted(fields))}")
    for key, types in fields.items():
        _check_type(entry[key], types, f"{key!r} of {where}")


def _check_values(entries: Mapping[str, Plain], types: _Types, where: str) -> None:
    for key, value in entries.items():
        _check_type(value, types, f"{key!r} of {where}")


def _check_type(value: Plain, types: _Types, where: str) -> None:
    # A bool passes as an int in Python, yet no number of the contract is a truth value.
    if not isinstance(value, types) or isinstance(value, bool):
        raise InputError(f"{where} is {value!r}")
