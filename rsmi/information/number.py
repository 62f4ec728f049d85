"""The one number type: a value never travels without its error and its kind."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from rsmi.errors import InputError

Kind = Literal["exact", "lower", "upper", "estimate"]

_SMALL = 1e-4
"""Below this a number is written with a power of ten."""

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


def format_with_error(value: float, error: float = 0.0, digits: int = 8) -> str:
    """Write a value with its standard error in brackets, to one or two digits of the error.

    Two digits are kept when the first one is a 1, so that rounding never changes the error
    by more than 10 %. This is how every number of the project is shown.

    Args:
        value: The number.
        error: One standard error, >= 0.
        digits: How many are shown of a value without error.

    >>> format_with_error(0.9975, 0.0043), format_with_error(0.9975, 0.0013)
    ('0.998(4)', '0.9975(13)')
    >>> format_with_error(123.4, 15.0), format_with_error(0.25)
    ('123(15)', '0.25')
    >>> format_with_error(2.5e-14, 3e-15), format_with_error(-0.0)
    ('2.5(3)e-14', '0')
    """
    if error == 0:
        return f"{value + 0.0:.{digits}g}"
    size = max(abs(value), error)
    if size < _SMALL:
        power = math.floor(math.log10(size))
        return f"{format_with_error(value / 10.0**power, error / 10.0**power)}e{power:03d}"
    leading, _, exponent = f"{error:.1e}".partition("e")
    decimals = max((leading[0] == "1") - int(exponent), 0)
    return f"{value:.{decimals}f}({round(error * 10**decimals)})"
