r"""What is certain of any layer, whatever an estimate says.

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

from rsmi.information import Estimate
from rsmi.layers.interval import Interval, better
from rsmi.layers.report import Value

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
