"""One check: a number that is known, and a function that computes it again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from rsmi.information import Estimate, Outcome, Quantity, Sheet, format_with_error
from rsmi.report.figures import values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIGMAS = 5.0
"""Standard errors allowed to a sampled value; the seeds are fixed, so none fails by chance."""

_DIGITS = 10
"""Digits shown of an exact value."""

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

    def allowed(self, got: Estimate) -> float:
        """How far a computed value may lie from the known one, on the side on which it lies."""
        if got.kind == "lower":
            return BOUND_SIGMAS * got.error if got.value > self.expected else self.tolerance
        return self.tolerance + SIGMAS * got.error

    def holds(self, got: Estimate) -> bool:
        """Whether a computed value agrees with the known one.

        >>> check = Check("half", "demo", lambda: Estimate(0.0, 0.0, "exact"), 0.5, 1e-3, "")
        >>> check.holds(Estimate(0.52, 0.01, "estimate")), check.holds(Estimate(0.52, 0.0, "exact"))
        (True, False)
        >>> check.holds(Estimate(0.54, 0.01, "lower"))
        False
        """
        return abs(got.value - self.expected) <= self.allowed(got)


@dataclass(frozen=True)
class Checked:
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
    def name(self) -> str:
        """Section and name."""
        return f"{self.check.section}.{self.check.name}"

    @property
    def passed(self) -> bool:
        """Whether the value was computed and agrees."""
        return self.got is not None and self.check.holds(self.got)

    def cells(self) -> list[str]:
        """The line of a table: name, known value, value computed, tolerance, verdict."""
        known, got = self.check.expected, self.got
        return [
            f"  {self.check.name}",
            format_with_error(known, digits=_DIGITS),
            "error" if got is None else format_with_error(got.value, got.error, _DIGITS),
            f"{self.check.tolerance:.1g}",
            "pass" if self.passed else "FAIL",
        ]


@dataclass(frozen=True, repr=False)
class Verification(Outcome):
    """Known values beside what the installed code computes.

    Args:
        checked: One for each check, section by section.
    """

    checked: Sequence[Checked]

    @property
    def failed(self) -> list[Checked]:
        """The checks whose value does not agree, or could not be computed."""
        return [checked for checked in self.checked if not checked.passed]

    @property
    def passed(self) -> bool:
        """Whether every value agrees."""
        return not self.failed

    def quantities(self) -> list[Quantity]:
        """How many failed, then every value that was computed, the known one as its reference."""
        counts = {"checks": len(self.checked)}
        failed = Quantity("verify.failed", len(self.failed), 0.0, "exact", "1", 0.0, counts)
        found = [
            Quantity.of(
                f"verify.{checked.name}",
                checked.got,
                checked.check.expected,
                tolerance=checked.check.tolerance,
                passed=checked.passed,
                source=checked.check.source,
            )
            for checked in self.checked
            if checked.got is not None
        ]
        return [failed, *found]

    def sheets(self) -> list[Sheet]:
        """Known and computed values, one part for each section."""
        rows: list[list[str]] = []
        for section in _sections(self.checked):
            own = [checked for checked in self.checked if checked.check.section == section]
            rows += [[section], *(checked.cells() for checked in own)]
        return [Sheet("", ["check", "expected", "got", "tolerance", ""], rows)] if rows else []

    def plot(self) -> "Figure":
        """Draw the largest deviation of each section, as a share of what is allowed."""
        shares = dict.fromkeys(_sections(self.checked), 0.0)
        for checked in self.checked:
            if checked.got is not None and (allowed := checked.check.allowed(checked.got)):
                share = abs(checked.got.value - checked.check.expected) / allowed
                shares[checked.check.section] = max(share, shares[checked.check.section])
        unit = "of the deviation allowed"
        return values(
            [Quantity(f"verify.{s}", v, 0.0, "exact", unit, 1.0) for s, v in shares.items()]
        )


def _sections(checked: Sequence[Checked]) -> list[str]:
    return list(dict.fromkeys(one.check.section for one in checked))


def evaluate(check: Check) -> Checked:
    """Carry out a check; an error in the code under test is an outcome like any other."""
    start = time.perf_counter()
    got, failure = None, ""
    try:
        got = check.compute()
    except Exception as error:  # whatever a broken installation may raise
        failure = f"{type(error).__name__}: {error}"
    return Checked(check, got, failure, time.perf_counter() - start)


def exactly(value: float, unit: str = "1") -> Estimate:
    """A value without sampling error.

    >>> print(exactly(0.5, "nats"))
    0.5 nats (exact)
    """
    return Estimate(float(value), 0.0, "exact", unit)


def lazily(compute: Callable[[], float], unit: str = "1") -> Callable[[], Estimate]:
    """Turn a function that returns a float into one that returns an exact estimate.

    >>> print(lazily(lambda: 2.0)())
    2 (exact)
    """
    return lambda: exactly(compute(), unit)


def quoted(digits: str) -> tuple[float, float]:
    """A number as it is quoted, and one unit of its last digit.

    >>> quoted("-7.13e-4")
    (-0.000713, 1e-06)
    """
    exponent = Decimal(digits).as_tuple().exponent
    return float(digits), float(Decimal((0, (1,), int(exponent))))
