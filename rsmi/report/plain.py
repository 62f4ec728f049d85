"""Turn resolved settings into what JSON can hold."""

import math
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from rsmi.errors import InputError

Plain = Any
"""None, bool, int, float, str, or lists and dicts (with text keys) of these."""


def plain(value: object, where: str) -> Plain:
    """Copy nested settings as plain JSON values.

    Paths become text, tuples become lists, numpy scalars become Python numbers. An infinite
    number becomes the word `inf` (an infinite chain has shape `[inf]`), since JSON has none.

    Args:
        value: Settings, a context, or any part of them.
        where: How an error message names the value.

    Raises:
        InputError: For a value that JSON cannot hold.

    >>> plain({"shape": (6, math.inf)}, "config")
    {'shape': [6, 'inf']}
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    return _scalar(value, where)


def _scalar(value: object, where: str) -> Plain:
    """Unwrap a numpy or torch number, known by its `item` method."""
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "ndim", 0) == 0:
        return plain(item(), where)
    raise InputError(
        f"{where} is a {type(value).__name__}; expected a number, text, list or dict; "
        f"convert it before it is written"
    )
