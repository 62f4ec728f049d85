r"""Quantities known to lie between two values, and what is certain of any layer.

With T a function of X, or of X and independent noise, and Y drawn given X:

.. math::
    0 \le H(T), H(X|T), H(Y|T), H(X|T,Y), I(X;T), I(T;Y) \\
    H(T) \le \mathrm{width} \cdot \ln(\mathrm{levels}), \qquad
    I(X;T) = H(T) \le H(X) \text{ without noise}, \qquad I(X;T) \le H(X) \\
    H(X|T) = H(X) - I(X;T), \qquad H(Y|T) = H(Y) - I(T;Y) \\
    I(T;Y) \le \min(H(Y), I(X;T)) \\
    H(X|T) - H(Y|T) \le H(X|T,Y) \le H(X|T)

Nothing is imposed along the layers: whether information can come back there is what the audit
checks. Values are only ever replaced by better ones; a lower value that is surely above the
upper one stays where it is, and the audit names it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Self

from rsmi.errors import InputError
from rsmi.information import Estimate

SIGMAS = 3.0
"""Standard errors from which on two values disagree and are not only scattered."""
_ROUNDING = 1e-9
_ZERO = 1e-12


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
        """A value without any error, in nats; what is rounding about zero is zero."""
        estimate = Estimate(value if value > _ZERO else 0.0, 0.0, "exact", n=n)
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


Value = Interval | Estimate


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


_ORDER = ("H(T)", "H(X|T)", "I(X;T)", "H(Y|T)", "I(T;Y)", "H(X|T,Y)")


@dataclass(frozen=True)
class Known:
    """What is known beside the measurement of a layer.

    Args:
        entropy_x: H(X), exact or with an error.
        entropy_y: H(Y), with labels.
        log_capacity: ln of the number of values T can take; infinite for floats.
        noisy: Whether T has noise of its own, so that H(T) is none of its quantities.
    """

    entropy_x: Estimate | None = None
    entropy_y: Interval | None = None
    log_capacity: float = math.inf
    noisy: bool = False


def certain_quantities(measured: Mapping[str, Value], known: Known) -> dict[str, Value]:
    """All quantities of a layer that follow from those measured, within what is certain.

    Args:
        measured: Any of H(T), I(X;T), H(X|T), H(Y|T), H(X|T,Y); an `Estimate` is a lower value.
        known: What else is known.

    Returns:
        Nats; an `Interval`, or an `Estimate` of kind `lower` where nothing bounds it above.

    >>> measured = Interval(Estimate(-0.1, 0.1, "lower"), Estimate(0.9, 0.1, "upper"))
    >>> known = Known(Estimate(0.5, 0.0, "exact"), noisy=True)
    >>> print(certain_quantities({"I(X;T)": measured}, known)["I(X;T)"])
    0 .. 0.5 nats
    """
    ends = _Ends()
    for name, value in measured.items():
        ends.add(name, value)
    _about_inputs(ends, known)
    if known.entropy_y is not None and "H(Y|T)" in measured:
        _about_labels(ends, known.entropy_y)
    if "H(X|T,Y)" in measured:
        _about_both(ends)
    return {name: ends.value(name) for name in _ORDER if name in ends.lower}


class _Ends:
    """The best lower and upper value of every quantity so far."""

    def __init__(self) -> None:
        self.lower: dict[str, Estimate] = {}
        self.upper: dict[str, Estimate] = {}

    def add(self, name: str, value: Value) -> None:
        """A value that was measured."""
        self.raise_to(name, value if isinstance(value, Estimate) else value.lower)
        if isinstance(value, Interval):
            self.cap_at(name, value.upper)

    def raise_to(self, name: str, limit: Estimate | None) -> None:
        """Another lower value."""
        if limit is not None:
            now = self.lower.get(name)
            self.lower[name] = replace(better(now, limit, 1), kind="lower")

    def cap_at(self, name: str, limit: Estimate | None) -> None:
        """Another upper value."""
        if limit is not None:
            now = self.upper.get(name)
            self.upper[name] = replace(better(now, limit, -1), kind="upper")

    def keep_positive(self) -> None:
        """No entropy or information of discrete variables is below 0."""
        for name in self.lower:
            self.raise_to(name, Estimate(0.0, 0.0, "lower"))

    def same(self, a: str, b: str) -> None:
        """Two quantities are one."""
        for name, other in ((a, b), (b, a)):
            self.raise_to(name, self.lower.get(other))
            self.cap_at(name, self.upper.get(other))

    def rest(self, total: Interval, a: str, b: str) -> None:
        """a + b = total."""
        for name, other in ((a, b), (b, a)):
            self.raise_to(name, _minus(total.lower, self.upper.get(other)))
            self.cap_at(name, _minus(total.upper, self.lower.get(other)))

    def value(self, name: str) -> Value:
        """Both ends, where there are two."""
        if name not in self.upper:
            return self.lower[name]
        return Interval(self.lower[name], self.upper[name]).ordered()


def _about_inputs(ends: _Ends, known: Known) -> None:
    if not known.noisy:
        if math.isfinite(known.log_capacity):
            ends.cap_at("H(T)", Estimate(known.log_capacity, 0.0, "upper"))
        ends.same("H(T)", "I(X;T)")
    if known.entropy_x is not None:
        ends.cap_at("I(X;T)", known.entropy_x)
        ends.cap_at("H(X|T)", known.entropy_x)
        ends.rest(Interval.around(known.entropy_x), "I(X;T)", "H(X|T)")
    ends.keep_positive()
    if not known.noisy:
        ends.same("H(T)", "I(X;T)")


def _about_labels(ends: _Ends, entropy_y: Interval) -> None:
    ends.cap_at("H(Y|T)", entropy_y.upper)
    ends.cap_at("I(T;Y)", entropy_y.upper)
    ends.cap_at("I(T;Y)", ends.upper.get("I(X;T)"))
    ends.rest(entropy_y, "H(Y|T)", "I(T;Y)")
    ends.keep_positive()


def _about_both(ends: _Ends) -> None:
    ends.cap_at("H(X|T,Y)", ends.upper.get("H(X|T)"))
    ends.raise_to("H(X|T,Y)", _minus(ends.lower.get("H(X|T)"), ends.upper.get("H(Y|T)")))
    ends.keep_positive()


def _minus(a: Estimate | None, b: Estimate | None) -> Estimate | None:
    """The errors may be correlated, so they are added and not combined in quadrature."""
    if a is None or b is None:
        return None
    return Estimate(a.value - b.value, a.error + b.error, "estimate")
