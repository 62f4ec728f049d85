"""The one number type: a value never travels without its error and its kind."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from rsmi.errors import InputError

Kind = Literal["exact", "lower", "upper", "estimate"]

_KIND_TEXT = {"exact": "exact", "lower": "lower bound", "upper": "upper bound", "estimate": ""}


@dataclass(frozen=True)
class Estimate:
    """A measured or computed quantity with its standard error and what kind of claim it is.

    Args:
        value: The number, in `unit`.
        error: One standard error, in `unit`; 0 for an exact value.
        kind: `exact`; `lower` or `upper` (a certified bound, up to the sampling error given);
            `estimate` (neither side is certain).
        unit: `nats`, `bits`, `1` for a pure number, `sweeps` and so on.
        n: How many independent observations stand behind the value, where that is known.

    Raises:
        InputError: For a value or error that is not finite, a negative error, an exact value
            with an error, or an unknown kind.

    >>> print(Estimate(0.46123, 0.0007, "lower"))
    0.4612(7) nats (lower bound)
    >>> print(Estimate(1.0, 0.0, "exact", unit="1"))
    1 (exact)
    """

    value: float
    error: float
    kind: Kind
    unit: str = "nats"
    n: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(f"kind is {self.kind!r}; expected one of {', '.join(get_args(Kind))}")
        if not (math.isfinite(self.value) and math.isfinite(self.error) and self.error >= 0):
            raise InputError(
                f"an estimate needs a finite value and an error >= 0; "
                f"got value {self.value}, error {self.error}"
            )
        if self.kind == "exact" and self.error != 0:
            raise InputError(f"an exact value has error 0; got {self.error}; use kind 'estimate'")

    def __str__(self) -> str:
        words = [format_with_error(self.value, self.error)]
        if self.unit != "1":
            words.append(self.unit)
        if _KIND_TEXT[self.kind]:
            words.append(f"({_KIND_TEXT[self.kind]})")
        return " ".join(words)

    def deviation(self, reference: float) -> float:
        """Distance from `reference` in standard errors (infinite for a wrong exact value).

        >>> Estimate(1.02, 0.01, "estimate").deviation(1.0)
        2.0
        """
        gap = self.value - reference
        if self.error == 0:
            return 0.0 if gap == 0 else math.copysign(math.inf, gap)
        return round(gap / self.error, 10)


def format_with_error(value: float, error: float) -> str:
    """Write a value with its standard error in brackets, to one or two digits of the error.

    Two digits are kept when the first one is a 1, so that rounding never changes the error
    by more than 10 %.

    >>> format_with_error(0.9975, 0.0043)
    '0.998(4)'
    >>> format_with_error(0.9975, 0.0013)
    '0.9975(13)'
    >>> format_with_error(123.4, 15.0)
    '123(15)'
    >>> format_with_error(0.25, 0.0)
    '0.25'
    """
    if error == 0:
        return f"{value:.10g}"
    exponent = math.floor(math.log10(error))
    digits = 1 if float(f"{error:.1e}"[:3]) >= 2 else 2
    decimals = max(digits - 1 - exponent, 0)
    return f"{value:.{decimals}f}({round(error * 10**decimals)})"
