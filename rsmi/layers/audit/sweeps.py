"""Changes that are believed only if every scale shows them."""

import math
import re
from collections.abc import Mapping
from typing import Literal

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.interval import SIGMAS
from rsmi.layers.report import LayerRow

_ROUNDING = 1e-9

Verdict = Literal["compresses", "expands", "unchanged", "depends on the scale"]


def scale_sweep(before: LayerRow, after: LayerRow, family: str) -> dict[float, Estimate]:
    """Change of I(X;T) at every scale of one family of estimators.

    Args:
        before: A layer early in training (or a shallower one), measured with `Estimators`.
        after: The same later.
        family: `bins`, `range_bins` or `kernel` (its upper value).

    Returns:
        The change by scale, for `scale_verdict`.

    Raises:
        InputError: If the two rows share no estimator of this family.
    """
    pattern = re.compile(rf"{re.escape(family)}\(([^,)]+)(,upper)?\)\.I\(X;T\)")
    changes = {}
    for name, late in after.estimators.items():
        match = pattern.fullmatch(name)
        if match and name in before.estimators:
            early = before.estimators[name]
            error = math.hypot(early.error, late.error)
            changes[float(match[1])] = Estimate(late.value - early.value, error, "estimate")
    if not changes:
        raise InputError(
            f"the rows share no estimator of the family {family!r}; measure both with the same "
            "Estimators(fixed_widths=..., range_bins=..., kernel_sigmas=...)"
        )
    return changes


def scale_verdict(changes: Mapping[float, Estimate]) -> Verdict:
    """Whether information is lost, judged over a sweep of bins or noise.

    Args:
        changes: For each scale, the change of I(X;T) (late minus early, in training or depth).

    Returns:
        `compresses` (or `expands`) only if the change is negative (positive) beyond 3 standard
        errors at every scale.

    Raises:
        InputError: For fewer than two scales: one scale decides nothing.

    >>> down, up = Estimate(-1.0, 0.1, "estimate"), Estimate(1.0, 0.1, "estimate")
    >>> scale_verdict({0.1: down, 0.2: down}), scale_verdict({0.1: down, 0.2: up})
    ('compresses', 'depends on the scale')
    """
    if len(changes) < 2:
        raise InputError(
            f"a sweep over {len(changes)} scale; give at least 2, since the sign of a binned "
            "change often depends on the scale"
        )
    signs = {_sign(change) for change in changes.values()}
    if signs == {0}:
        return "unchanged"
    if len(signs) > 1:
        return "depends on the scale"
    return "compresses" if signs == {-1} else "expands"


def _sign(change: Estimate) -> int:
    beyond = max(SIGMAS * change.error, _ROUNDING)
    return 0 if abs(change.value) <= beyond else int(math.copysign(1, change.value))
