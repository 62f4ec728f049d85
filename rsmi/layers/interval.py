"""A quantity known to lie between two values, each with its own error."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

from rsmi.errors import InputError
from rsmi.information import Estimate


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

    def within(self, low: float, high: float) -> Self:
        """Cut off by bounds that hold without any error, such as 0 and ln K."""
        return type(self)(
            self.lower if self.lower.value > low else Estimate(low, 0.0, "lower"),
            self.upper if self.upper.value < high else Estimate(high, 0.0, "upper"),
        )

    def subtracted_from(self, total: "Interval") -> Self:
        """`total` minus this quantity: the ends change sides, the errors add up.

        The two errors may be correlated, so they are added and not combined in quadrature.
        """
        return type(self)(
            _difference(total.lower, self.upper, "lower"),
            _difference(total.upper, self.lower, "upper"),
        )

    def __str__(self) -> str:
        if self.is_exact:
            return str(self.lower)
        low, high = (Estimate(e.value, e.error, "estimate", "1") for e in (self.lower, self.upper))
        return f"{low} .. {high} {self.lower.unit}"


def _difference(a: Estimate, b: Estimate, side: str) -> Estimate:
    value, error = a.value - b.value, a.error + b.error
    if a.kind == b.kind == "exact":
        return Estimate(value, 0.0, "exact", a.unit)
    return Estimate(value, error, "lower" if side == "lower" else "upper", a.unit)
