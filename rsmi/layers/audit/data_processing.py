"""Information that seems to come back along the layers."""

import itertools
import math
from collections.abc import Sequence

from rsmi.information import Estimate
from rsmi.layers.interval import SIGMAS
from rsmi.layers.report import Finding, LayerRow, Value

_ROUNDING = 1e-9


def data_processing_findings(rows: Sequence[LayerRow]) -> list[Finding]:
    """Pairs of successive layers where information seems to come back.

    For a chain X, T_1, T_2 ... neither I(X;T) nor I(T;Y) can grow and neither H(X|T) nor
    H(Y|T) can fall. Certified values that break this show a mistake (or a network that is no
    chain); estimators break it often, which is what they are worth.

    Returns:
        One finding for each violation beyond 3 standard errors.
    """
    found = []
    for before, after in itertools.pairwise(rows):
        for name, value in after.quantities.items():
            if name in before.quantities and name in _DIRECTIONS:
                gain = _certain_gain(before.quantities[name], value, _DIRECTIONS[name])
                found += _violation(before, after, name, gain)
        for name, estimate in after.estimators.items():
            sign = _DIRECTIONS.get(name.split(".")[-1])
            if sign and name in before.estimators:
                gain = _gain(before.estimators[name], estimate, sign)
                found += _violation(before, after, name, gain)
    return found


_DIRECTIONS = {"I(X;T)": 1, "I(T;Y)": 1, "H(X|T)": -1, "H(Y|T)": -1, "H(X|T,Y)": -1}
"""Sign of the change that data processing forbids."""


def _violation(before: LayerRow, after: LayerRow, name: str, gain: float) -> list[Finding]:
    if gain <= _ROUNDING:
        return []
    verb = "rises" if _DIRECTIONS[name.split(".")[-1]] > 0 else "falls"
    text = (
        f"{name} {verb} by {gain:.3g} nats after '{before.name}', which no chain of layers can do"
    )
    return [Finding("data processing", after.name, text)]


def _certain_gain(before: Value, after: Value, sign: int) -> float:
    """By how much a quantity surely moved the forbidden way."""
    if isinstance(before, Estimate) or isinstance(after, Estimate):
        return 0.0
    if sign > 0:
        return _gain(before.upper, after.lower, 1)
    return _gain(before.lower, after.upper, -1)


def _gain(before: Estimate, after: Estimate, sign: int) -> float:
    return sign * (after.value - before.value) - SIGMAS * math.hypot(before.error, after.error)
