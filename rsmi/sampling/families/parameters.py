"""The parameters of a family: which there are, what they mean, and the checks of given ones."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rsmi.errors import InputError, nearest

ParameterKind = Literal["number", "whole number", "text", "list of numbers"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model beside its shape and temperature.

    Args:
        kind: what may be given.
        meaning: one phrase with units.
        default: value that is taken without one; None where one must be given.
        choices: the texts that are allowed; any where it is empty.
    """

    kind: ParameterKind
    meaning: str
    default: Any = None
    choices: tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        """Whether a value is of the kind, and one of the choices.

        >>> Parameter("whole number", "seed").accepts(True)
        False
        """
        if self.kind == "text":
            return isinstance(value, str) and (not self.choices or value in self.choices)
        if self.kind == "list of numbers":
            return isinstance(value, list | tuple) and all(map(_is_number, value))
        if self.kind == "whole number":
            return isinstance(value, int) and not isinstance(value, bool)
        return _is_number(value)

    @property
    def expected(self) -> str:
        """What may be given, in words."""
        return f"one of {', '.join(self.choices)}" if self.choices else f"a {self.kind}"


def complete(model: str, known: Mapping[str, Parameter], given: object) -> dict[str, Any]:
    """All parameters of a model, defaults included, in the order in which they are listed.

    Args:
        model: name of the family.
        known: its parameters by name.
        given: what the user wrote.

    Raises:
        InputError: an unknown or missing name, or a value of the wrong kind; the message lists
            what is known.

    >>> complete("potts", {"states": Parameter("whole number", "q")}, {"states": 3})
    {'states': 3}
    """
    if not isinstance(given, Mapping):
        raise InputError(f"parameters is {given!r}; expected `name: value` pairs")
    listed = ", ".join(f"{name} ({p.meaning})" for name, p in known.items()) or "none at all"
    if unknown := sorted(set(map(str, given)) - set(known)):
        raise InputError(
            f"unknown parameter {unknown[0]!r} of model {model}; {nearest(unknown[0], known)}"
            f"expected {listed}"
        )
    missing = [name for name, p in known.items() if p.default is None and given.get(name) is None]
    if missing:
        raise InputError(
            f"model {model} needs the parameter {missing[0]!r}; add it below "
            f"`parameters:`; the model has {listed}"
        )
    found = {n: p.default if given.get(n) is None else given[n] for n, p in known.items()}
    for name, value in found.items():
        if not known[name].accepts(value):
            raise InputError(
                f"parameter {name} is {value!r}; expected {known[name].expected}: "
                f"{known[name].meaning}"
            )
    return {name: _plain(value, known[name].kind) for name, value in found.items()}


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _plain(value: Any, kind: ParameterKind) -> Any:
    """One spelling of a value, so that equal recipes have equal texts."""
    if kind == "list of numbers":
        return [float(number) for number in value]
    return float(value) if kind == "number" else value
