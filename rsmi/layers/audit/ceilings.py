"""Values that may show the limit of a method and not the layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rsmi.information import Estimate
from rsmi.layers.interval import SIGMAS, Interval
from rsmi.layers.report import Finding, LayerRow

_NEAR = 0.02
_ROUNDING = 1e-9
_OF_INPUTS = ("H(T)", "I(X;T)", "H(X|T)", "H(X|T,Y)")
_OF_LABELS = ("I(T;Y)", "H(Y|T)")


@dataclass(frozen=True)
class Ceiling:
    """A number that some values cannot exceed, whatever the layer does.

    Args:
        text: What it is, such as `ln N`.
        limit: Its value, nats.
        names: Patterns of the quantities and estimators that it limits.
        layer: The only layer concerned; all without.
    """

    text: str
    limit: float
    names: tuple[str, ...]
    layer: str | None = None

    def concerns(self, layer: str, name: str) -> bool:
        """Whether it limits this value."""
        return self.layer in (None, layer) and any(fnmatchcase(name, p) for p in self.names)


def ceiling_findings(rows: Sequence[LayerRow], ceilings: Sequence[Ceiling]) -> list[Finding]:
    """Values within 2 % of a number that they could not exceed, so that they may say only that.

    Exact values of a layer are left out: no method stopped them.

    Returns:
        One finding per value and ceiling.
    """
    return [
        _at_ceiling(row.name, name, value, ceiling)
        for row in rows
        for name, value in _values(row).items()
        for ceiling in ceilings
        if ceiling.concerns(row.name, name)
        and ceiling.limit > 0
        and abs(value - ceiling.limit) <= _NEAR * ceiling.limit
    ]


def beyond_findings(
    rows: Sequence[LayerRow], entropy_x: Estimate | None, entropy_y: Interval | None
) -> list[Finding]:
    """Estimates above the entropy of the input or of the label, where no layer can be.

    Args:
        rows: One per layer.
        entropy_x: H(X), where it is known.
        entropy_y: H(Y), with labels.

    Returns:
        One finding per estimate that is above by more than 3 standard errors.
    """
    upper_y = None if entropy_y is None else entropy_y.upper
    limits = [(_OF_INPUTS, "H(X)", entropy_x), (_OF_LABELS, "H(Y)", upper_y)]
    return [
        Finding(
            "beyond",
            row.name,
            f"{name} = {value.value:.4g} nats exceeds {limit} = {known.value:.4g}, as no layer "
            "can: it shows how the estimator fails",
        )
        for row in rows
        for name, value in row.estimators.items()
        for quantities, limit, known in limits
        if known is not None
        and name.split(".")[-1] in quantities
        and not (row.kind == "noisy" and name.endswith("H(T)"))
        and value.value - known.value > _ROUNDING + SIGMAS * math.hypot(value.error, known.error)
    ]


def _values(row: LayerRow) -> dict[str, float]:
    """Numbers that a ceiling may have stopped; an exact one is what it is."""
    ends = {
        name: value.lower if isinstance(value, Interval) else value
        for name, value in row.quantities.items()
        if not (isinstance(value, Interval) and value.is_exact)
    }
    return {name: e.value for name, e in (ends | dict(row.estimators)).items()}


def _at_ceiling(layer: str, name: str, value: float, ceiling: Ceiling) -> Finding:
    return Finding(
        "ceiling",
        layer,
        f"{name} = {value:.4g} nats is within 2 % of {ceiling.text} = {ceiling.limit:.4g}, which "
        "it cannot exceed: it may measure that limit and not the layer",
    )
