"""Values that may show the limit of a method and not the layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rsmi.layers.interval import Interval
from rsmi.layers.report import Finding, LayerRow

_NEAR = 0.02


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


def _values(row: LayerRow) -> dict[str, float]:
    ends = {k: v.lower if isinstance(v, Interval) else v for k, v in row.quantities.items()}
    return {name: e.value for name, e in (ends | dict(row.estimators)).items()}


def _at_ceiling(layer: str, name: str, value: float, ceiling: Ceiling) -> Finding:
    return Finding(
        "ceiling",
        layer,
        f"{name} = {value:.4g} nats is within 2 % of {ceiling.text} = {ceiling.limit:.4g}, which "
        "it cannot exceed: it may measure that limit and not the layer",
    )
