"""One check: a number that is known, and a function that computes it again."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rsmi.information import Estimate
from rsmi.report import Quantity

SIGMAS = 5.0
"""Standard errors allowed to a sampled value; the seeds are fixed, so none fails by chance."""

BOUND_SIGMAS = 3.0
"""Standard errors by which a lower bound may lie above the exact value."""


@dataclass(frozen=True)
class Check:
    """A known value and how the installed code computes it.

    Args:
        name: Dotted name within the section.
        section: Name of the section.
        compute: Computes the value; a sampled one comes with its standard error.
        expected: The known value, in the unit of what `compute` returns.
        tolerance: Largest deviation besides the sampling error; for a lower bound, how far
            it may stay below the exact value.
        source: Where the known value comes from.
    """

    name: str
    section: str
    compute: Callable[[], Estimate]
    expected: float
    tolerance: float
    source: str

    def holds(self, got: Estimate) -> bool:
        """Whether a computed value agrees with the known one.

        >>> check = Check("half", "demo", lambda: Estimate(0.0, 0.0, "exact"), 0.5, 1e-3, "")
        >>> check.holds(Estimate(0.52, 0.01, "estimate")), check.holds(Estimate(0.52, 0.0, "exact"))
        (True, False)
        >>> check.holds(Estimate(0.54, 0.01, "lower"))
        False
        """
        excess = got.value - self.expected
        if got.kind == "lower":
            return -self.tolerance <= excess <= BOUND_SIGMAS * got.error
        return abs(excess) <= self.tolerance + SIGMAS * got.error


@dataclass(frozen=True)
class Outcome:
    """What became of a check.

    Args:
        check: The check.
        got: The value computed; None where the code failed.
        failure: Why it failed; empty otherwise.
        seconds: Time it took.
    """

    check: Check
    got: Estimate | None
    failure: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the value was computed and agrees."""
        return self.got is not None and self.check.holds(self.got)

    def quantity(self) -> Quantity | None:
        """The line of `result.json`; None where there is no value."""
        if self.got is None:
            return None
        check = self.check
        return Quantity.of(
            f"verify.{check.section}.{check.name}",
            self.got,
            check.expected,
            tolerance=check.tolerance,
            passed=self.passed,
            source=check.source,
        )


def evaluate(check: Check) -> Outcome:
    """Carry out a check; an error in the code under test is an outcome like any other."""
    start = time.perf_counter()
    got, failure = None, ""
    try:
        got = check.compute()
    except Exception as error:  # whatever a broken installation may raise
        failure = f"{type(error).__name__}: {error}"
    return Outcome(check, got, failure, time.perf_counter() - start)
