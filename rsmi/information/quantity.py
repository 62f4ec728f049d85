"""One line of a result: a named number with its error, its kind and the known value beside it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import Any, Self

from rsmi.errors import AnalysisError, InputError
from rsmi.information.number import Estimate, Kind, format_with_error

Plain = Any
"""None, bool, int, float, str, or lists and dicts (with text keys) of these."""

KIND_WORDS = {
    "exact": "exact",
    "lower": "lower bound",
    "upper": "upper bound",
    "estimate": "estimate",
}
"""The kinds of `rsmi.information.Estimate` and how a reader sees them."""

REFERENCE_ERROR = "reference_error"
"""Key of a context: one standard error of a reference that is an estimate itself."""

_DOTTED = re.compile(r"[a-z]\w*(\.[^\s.]+( [^\s.]+)*)+")


@dataclass(frozen=True)
class Quantity:
    r"""A named measured or exact number, as it stands in `result.json`.

    Args:
        name: Dotted name from `docs/results.md`, for example `exponents.y_t`.
        value: The number, in `unit`.
        error: One standard error, in `unit`; 0 for an exact value.
        kind: `exact`, `lower`, `upper` or `estimate`.
        unit: `nats`, `bits`, `sweeps` and so on; `1` for a pure number.
        reference: The known value, in `unit`, where there is one.
        context: What else tells this number from others of the same name (level, window, samples);
            `reference_error` is one standard error of a reference that is an estimate itself.

    Raises:
        InputError: For a name without a dot, an unknown kind, or a context that JSON cannot hold.
        AnalysisError: For a value, error or reference that is not finite, or a negative error.

    >>> Quantity("exponents.y_t", 0.9975, 0.0043, "estimate", "1", 1.0).deviation
    -0.5814
    """

    name: str
    value: float
    error: float
    kind: Kind
    unit: str
    reference: float | None = None
    context: Mapping[str, Plain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _DOTTED.fullmatch(self.name):
            raise InputError(
                f"quantity name is {self.name!r}; expected a dotted name such as "
                f"'exponents.y_t'; see docs/results.md"
            )
        if self.kind not in KIND_WORDS:
            raise InputError(
                f"{self.name}: kind is {self.kind!r}; expected one of {', '.join(KIND_WORDS)}"
            )
        self._check_finite()
        object.__setattr__(self, "context", plain(dict(self.context), f"{self.name}.context"))

    def _check_finite(self) -> None:
        errors = {"error": self.error, "error of the reference": self.reference_error}
        numbers = {"value": self.value, "reference": self.reference, **errors}
        for what, number in numbers.items():
            if number is not None and not math.isfinite(number):
                raise AnalysisError(
                    f"{self.name}: the {what} is {number}; a result holds finite numbers only; "
                    f"use more samples, or leave this quantity out"
                )
        for what, error in errors.items():
            if error < 0:
                raise AnalysisError(f"{self.name}: the {what} is {error}; expected error >= 0")

    @classmethod
    def of(
        cls, name: str, estimate: Estimate, reference: float | None = None, **context: Plain
    ) -> Self:
        """Name an `Estimate`; its number of observations goes into the context as `n`.

        Args:
            name: Dotted name from `docs/results.md`.
            estimate: The number with error, kind and unit.
            reference: The known value in the estimate's unit, where there is one.
            **context: See the class.
        """
        if estimate.n is not None:
            context = {"n": estimate.n, **context}
        return cls(
            name,
            float(estimate.value),
            float(estimate.error),
            estimate.kind,
            estimate.unit,
            None if reference is None else float(reference),
            context,
        )

    def about(self, **context: Plain) -> Self:
        """The same with more in its context, such as the network it belongs to."""
        return replace(self, context={**self.context, **context})

    def compared(self, other: "Quantity") -> Self:
        """The same with the value of another quantity as its reference, and that one's error.

        >>> exact = Quantity("information.exact.optimum", 0.461, 0.004, "estimate", "nats")
        >>> Quantity("information.learned", 0.47, 0.003, "lower", "nats").compared(exact).deviation
        1.8
        """
        context = {**self.context, REFERENCE_ERROR: other.error} if other.error else self.context
        return replace(self, reference=other.value, context=context)

    @property
    def reference_error(self) -> float:
        """One standard error of the reference; 0 for an exact one, or without."""
        found = self.context.get(REFERENCE_ERROR, 0.0)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise InputError(f"{self.name}: {REFERENCE_ERROR} is {found!r}; expected a number")
        return found

    @property
    def holds(self) -> bool:
        """Whether this is a bound that lies on its side of the reference, as a bound should.

        >>> Quantity("information.learned", 0.45, 0.001, "lower", "nats", 0.46).holds
        True
        """
        if self.reference is None:
            return False
        above = self.value - self.reference
        return (self.kind == "lower" and above <= 0) or (self.kind == "upper" and above >= 0)

    @property
    def deviation(self) -> float | None:
        """Distance from the reference in the standard errors of both.

        None without a reference or an error, and for a bound that `holds`: how far it stays from
        what it bounds is no sign of a fault.
        """
        scale = math.hypot(self.error, self.reference_error)
        if self.reference is None or scale == 0 or self.holds:
            return None
        return round((self.value - self.reference) / scale, 4)

    @property
    def text(self) -> str:
        """Value with its error in brackets, or 8 digits of it, and its unit.

        >>> Quantity("information.learned", 0.46123, 0.0007, "lower", "nats").text
        '0.4612(7) nats'
        """
        words = format_with_error(self.value, self.error)
        return words if self.unit == "1" else f"{words} {self.unit}"

    @property
    def reference_text(self) -> str:
        """The reference as `text` writes a value, without unit; empty where there is none.

        >>> measured = {"reference_error": 0.004}
        >>> Quantity("a.b", 0.45, 0.01, "estimate", "nats", 0.4612, measured).reference_text
        '0.461(4)'
        """
        return (
            ""
            if self.reference is None
            else format_with_error(self.reference, self.reference_error)
        )


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
