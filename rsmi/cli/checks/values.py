"""Short ways to write what checks compute."""

from collections.abc import Callable
from decimal import Decimal

from rsmi.information import Estimate


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
