"""Read `result.json` back, trusting nothing in it."""

import json
from collections.abc import Mapping
from pathlib import Path

from rsmi.digest import KEY, plain_digest
from rsmi.errors import InputError, RsmiError
from rsmi.information import Plain, Quantity
from rsmi.report.result import FILE_NAME, SCHEMA, Result

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
