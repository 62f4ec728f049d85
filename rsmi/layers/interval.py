"""A quantity known to lie between two values, each with its own error."""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Self

from rsmi.errors import InputError
from rsmi.information import Estimate

SIGMAS = 3.0
"""Standard errors from which on two values disagree and are not only scattered."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Interval:
    """Lower and upper value of one quantity.

    Args:
        lower: Kind `lower`, or `exact`.
        upper: Kind `upper`, or `exact`; in the same unit.

    Raises:
        InputError: For another kind, or different units.

    >>> print(Interval.exact(1.5))
    1.5 nats (exact)
    >>> print(Interval(Estimate(1.0, 0.01, "lower"), Estimate(1.2, 0.02, "upper")))
    1.000(10) .. 1.20(2) nats
    """

    lower: Estimate
    upper: Estimate

    def __post_init__(self) -> None:
        kinds = self.lower.kind, self.upper.kind
        if kinds[0] not in ("lower", "exact") or kinds[1] not in ("upper", "exact"):
            raise InputError(
                f"an interval of kinds {kinds[0]!r} and {kinds[1]!r}; expected a lower (or exact) "
                "and an upper (or exact) value"
            )
        if self.lower.unit != self.upper.unit:
            raise InputError(
                f"an interval from {self.lower.unit} to {self.upper.unit}; convert one of them"
            )

    @classmethod
    def exact(cls, value: float, n: int | None = None) -> Self:
        """A value without any error, in nats; rounding below zero is cut off."""
        estimate = Estimate(max(value, 0.0), 0.0, "exact", n=n)
        return cls(estimate, estimate)

    @classmethod
    def around(cls, known: Estimate) -> Self:
        """Both ends are one known number with its error, such as a measured H(X).

        >>> print(Interval.around(Estimate(4.0, 0.1, "estimate")))
        4.00(10) .. 4.00(10) nats
        """
        if known.kind == "exact":
            return cls(known, known)
        return cls(replace(known, kind="lower"), replace(known, kind="upper"))

    @property
    def is_exact(self) -> bool:
        """Whether both ends are one exact value."""
        return self.lower == self.upper and self.lower.kind == "exact"

    @property
    def width(self) -> float:
        """Upper minus lower value, without their errors."""
        return self.upper.value - self.lower.value

    @property
    def middle(self) -> float:
        """Half way between the values."""
        return 0.5 * (self.lower.value + self.upper.value)

    def at(self, confidence: float) -> tuple[float, float]:
        """Ends that enclose the true value with at least this probability.

        Each end misses with half of what is left; the averages behind them are taken as normal.

        >>> ends = Interval(Estimate(1.0, 0.01, "lower"), Estimate(1.2, 0.02, "upper")).at(0.99)
        >>> [round(end, 4) for end in ends]
        [0.9742, 1.2515]
        """
        if not 0 < confidence < 1:
            raise InputError(f"confidence is {confidence}; expected a probability such as 0.99")
        z = NormalDist().inv_cdf(0.5 + confidence / 2)
        return (
            self.lower.value - z * self.lower.error,
            self.upper.value + z * self.upper.error,
        )

    def contains(self, value: float, confidence: float = 0.99) -> bool:
        """Whether the value lies between the ends at this confidence (rounding forgiven)."""
        low, high = self.at(confidence)
        slack = 1e-9 * max(1.0, abs(value))
        return low - slack <= value <= high + slack

    def above(self, limit: Estimate) -> Self:
        """With another lower value where that is the better one, see `better`."""
        return type(self)(replace(better(self.lower, limit, 1), kind="lower"), self.upper)

    def below(self, limit: Estimate) -> Self:
        """With another upper value where that is the better one, see `better`."""
        return type(self)(self.lower, replace(better(self.upper, limit, -1), kind="upper"))

    def disagreement(self) -> float:
        """By how much the lower value exceeds the upper one, in their common standard error.

        0 where it does not; infinite where neither has an error.

        >>> Interval(Estimate(2.0, 0.3, "lower"), Estimate(1.0, 0.4, "upper")).disagreement()
        2.0
        """
        excess = self.lower.value - self.upper.value
        if excess <= _ROUNDING:
            return 0.0
        error = math.hypot(self.lower.error, self.upper.error)
        return excess / error if error else math.inf

    def ordered(self) -> Self:
        """The lower value not above the upper one, unless they disagree.

        Two ends that have crossed by at most 3 of their common standard errors are scatter. A
        certain end then stays and the other one moves to it; of two uncertain ends each takes
        the other's place, which keeps both valid. Beyond that nothing is changed, so that the
        disagreement is seen.

        >>> print(Interval(Estimate(1.1, 0.1, "lower"), Estimate(1.0, 0.0, "upper")).ordered())
        1.00(10) .. 1 nats
        """
        low, high = self.lower, self.upper
        if low.value <= high.value or self.disagreement() > SIGMAS:
            return self
        if high.error == 0:
            return type(self)(replace(low, value=high.value), high)
        if low.error == 0:
            return type(self)(low, replace(high, value=low.value))
        error = max(low.error, high.error)
        return type(self)(
            replace(low, value=high.value, error=error), replace(high, value=low.value, error=error)
        )

    def __str__(self) -> str:
        if self.is_exact:
            return str(self.lower)
        low, high = (Estimate(e.value, e.error, "estimate", "1") for e in (self.lower, self.upper))
        return f"{low} .. {high} {self.lower.unit}"


def better(now: Estimate | None, other: Estimate, sign: int) -> Estimate:
    """The better of two lower values (sign 1) or upper values (sign -1).

    A value without error is compared as it is. Of two with errors the better one has to lead by
    3 of their common standard errors; else the one with the smaller error is taken, since the
    best of values that only scatter would not keep its promise.

    >>> a, b = Estimate(1.0, 0.1, "lower"), Estimate(1.1, 0.2, "lower")
    >>> better(a, b, 1).value, better(a, Estimate(2.0, 0.2, "lower"), 1).value
    (1.0, 2.0)
    """
    if now is None:
        return other
    lead = sign * (other.value - now.value)
    if now.error == 0 or other.error == 0:
        return other if lead > 0 else now
    if abs(lead) > SIGMAS * math.hypot(now.error, other.error):
        return other if lead > 0 else now
    return other if other.error < now.error else now
