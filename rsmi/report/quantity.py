"""One line of a result: a named number with its error, its kind and the exact value beside it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from rsmi.errors import AnalysisError, InputError
from rsmi.report.plain import Plain, plain

if TYPE_CHECKING:
    from rsmi.information.estimate import Estimate, Kind

KIND_WORDS = {
    "exact": "exact",
    "lower": "lower bound",
    "upper": "upper bound",
    "estimate": "estimate",
}
"""The kinds of `rsmi.information.Estimate` and how a reader sees them."""

SIGNIFICANT = 8
"""Digits shown of an exact value; `result.json` holds all of them."""

_DOTTED = re.compile(r"[a-z]\w*(\.[^\s.]+)+")


@dataclass(frozen=True)
class Quantity:
    r"""A named measured or exact number, as it stands in `result.json`.

    Args:
        name: Dotted name from `docs/results.md`, for example `exponents.y_t`.
        value: The number, in `unit`.
        error: One standard error, in `unit`; 0 for an exact value.
        kind: `exact`, `lower`, `upper` or `estimate`.
        unit: `nats`, `bits`, `sweeps` and so on; `1` for a pure number.
        reference: The exact value, in `unit`, where one is known.
        context: What else tells this number from others of the same name (level, window, samples).

    Raises:
        InputError: For a name without a dot, an unknown kind, or a context that JSON cannot hold.
        AnalysisError: For a value, error or reference that is not finite, or a negative error.

    >>> Quantity("exponents.y_t", 0.9975, 0.0043, "estimate", "1", 1.0).deviation
    -0.5814
    """

    name: str
    value: float
    error: float
    kind: "Kind"
    unit: str
    reference: float | None = None
    context: Mapping[str, Plain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _DOTTED.fullmatch(self.name):
            raise InputError(
                f"quantity name is {self.name!r}; expected a dotted name without spaces such as "
                f"'exponents.y_t'; see docs/results.md"
            )
        if self.kind not in KIND_WORDS:
            raise InputError(
                f"{self.name}: kind is {self.kind!r}; expected one of {', '.join(KIND_WORDS)}"
            )
        self._check_finite()
        object.__setattr__(self, "context", plain(dict(self.context), f"{self.name}.context"))

    def _check_finite(self) -> None:
        numbers = {"value": self.value, "error": self.error, "reference": self.reference}
        for what, number in numbers.items():
            if number is not None and not math.isfinite(number):
                raise AnalysisError(
                    f"{self.name}: the {what} is {number}; a result holds finite numbers only; "
                    f"use more samples, or leave this quantity out"
                )
        if self.error < 0:
            raise AnalysisError(f"{self.name}: the error is {self.error}; expected error >= 0")

    @classmethod
    def of(
        cls, name: str, estimate: "Estimate", reference: float | None = None, **context: Plain
    ) -> Self:
        """Name an `Estimate`; its number of observations goes into the context as `n`.

        Args:
            name: Dotted name from `docs/results.md`.
            estimate: The number with error, kind and unit.
            reference: The exact value in the estimate's unit, where one is known.
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

    @property
    def deviation(self) -> float | None:
        """Distance from the reference in standard errors; None without a reference or error."""
        if self.reference is None or self.error == 0:
            return None
        return round((self.value - self.reference) / self.error, 4)

    @property
    def text(self) -> str:
        """Value with its error in brackets, or `SIGNIFICANT` digits of it, and its unit.

        >>> Quantity("information.learned", 0.46123, 0.0007, "lower", "nats").text
        '0.4612(7) nats'
        """
        from rsmi.information.estimate import format_with_error

        exact = f"{self.value:.{SIGNIFICANT}g}"
        words = format_with_error(self.value, self.error) if self.error else exact
        return words if self.unit == "1" else f"{words} {self.unit}"
