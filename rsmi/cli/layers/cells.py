"""Values of layers as text."""

from rsmi.information import Estimate, format_with_error
from rsmi.layers import Interval

Value = Interval | Estimate

_DIGITS = 6
_ROUNDING = 1e-12
"""An exact entropy below this is a zero that was rounded."""


def cell(value: Value) -> str:
    """`lower..upper`, one number where it is exact, or one side with its sign.

    >>> cell(Interval.exact(0.5)), cell(Estimate(1.25, 0.02, "lower"))
    ('0.5', '>= 1.25(2)')
    """
    if isinstance(value, Estimate):
        sign = {"lower": ">= ", "upper": "<= "}.get(value.kind, "")
        return sign + number(value)
    if value.is_exact:
        return number(value.lower)
    return f"{number(value.lower)}..{number(value.upper)}"


def number(value: Estimate) -> str:
    """A number with its error in brackets.

    >>> number(Estimate(2.5e-14, 0.0, "exact")), number(Estimate(0.25, 0.01, "lower"))
    ('0', '0.250(10)')
    """
    if value.error > 0:
        return format_with_error(value.value, value.error)
    return f"{0.0 if abs(value.value) < _ROUNDING else value.value:.{_DIGITS}g}"
