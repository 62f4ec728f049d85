"""One known answer beside what the installed code finds."""

import math
from dataclasses import dataclass

from rsmi.information import Estimate
from rsmi.layers.interval import Interval

BIT = math.log(2)


@dataclass(frozen=True)
class Check:
    """One known answer.

    Args:
        name: What was computed.
        expected: The answer.
        got: What the installed code finds.
        tolerance: Largest difference that passes.
        unit: Of all three.
    """

    name: str
    expected: float
    got: float
    tolerance: float
    unit: str = "bits"

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.got - self.expected) <= self.tolerance


def bits(value: Interval | Estimate) -> float:
    """A value in nats as bits, half way between two ends."""
    return (value.middle if isinstance(value, Interval) else value.value) / BIT
