"""Which of several values is meant, where a user gives as many digits as tell them apart."""

import math
import os
from collections.abc import Sequence

from rsmi.errors import InputError

_SAME = 1e-9
_SHOWN = 40
_DIGITS = 3  # decimals that a rounded temperature must agree in, at least


def choose_temperature(
    path: str | os.PathLike[str], present: Sequence[float], asked: float | None
) -> float:
    """One of the temperatures of a file.

    A temperature with fewer digits, such as 2.269 for the critical one, is understood where it
    fits a single one.

    Args:
        path: The file, for messages.
        present: Its temperatures.
        asked: The one to find; may be None where there is one only.

    Raises:
        InputError: Where it is not there or not unique; the message lists what there is.

    >>> choose_temperature("scan.h5", [2.0, 2.269185314213022], 2.269)
    2.269185314213022
    """
    if asked is None:
        if len(present) > 1:
            raise InputError(
                f"{path} holds {len(present)} temperatures ({_listed(present)}); choose one with "
                "temperature=, or --select.temperature"
            )
        return present[0]
    return choose_value(path, "temperature", present, asked)


def choose_value(
    path: str | os.PathLike[str], name: str, present: Sequence[float], asked: float
) -> float:
    """One of the values of a parameter; as `choose_temperature`, with its name in the message."""
    found = [value for value in present if math.isclose(value, asked, rel_tol=_SAME)]
    found = found or [value for value in present if _rounds_to(value, asked)]
    if len(found) != 1:
        problem = f"several {name}s near" if found else f"no {name}"
        raise InputError(
            f"{path} has {problem} {asked:g}; it holds {_listed(present)}; choose one of them"
        )
    return found[0]


def _listed(present: Sequence[float]) -> str:
    shown = [f"{value:g}" for value in sorted(present)]
    return ", ".join(shown if len(shown) <= _SHOWN else [*shown[:_SHOWN], "..."])


def _rounds_to(value: float, asked: float) -> bool:
    """Whether a temperature agrees in all decimals that were given, and in three at least."""
    decimals = len(repr(asked).partition(".")[2])
    return abs(value - asked) <= 0.5 * 10.0 ** -max(decimals, _DIGITS)
