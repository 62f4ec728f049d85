"""Lower values that are surely above upper ones."""

from collections.abc import Sequence

from rsmi.layers.interval import SIGMAS, Interval
from rsmi.layers.report import Finding, LayerRow


def disagreement_findings(rows: Sequence[LayerRow]) -> list[Finding]:
    """Quantities whose lower value exceeds the upper one by more than 3 of their common errors.

    Both are certified, so this shows a mistake: a wrong H(X), a layer that is not deterministic,
    samples that are less independent than was said.

    Returns:
        One finding for each such quantity.
    """
    return [
        Finding("disagreement", row.name, _text(name, value))
        for row in rows
        for name, value in row.quantities.items()
        if isinstance(value, Interval) and value.disagreement() > SIGMAS
    ]


def _text(name: str, value: Interval) -> str:
    return (
        f"the lower value of {name}, {value.lower}, exceeds the upper one, {value.upper}, by "
        f"{value.disagreement():.3g} of their common errors, so one of them is wrong: look at "
        "H(X), at the number of chains, and whether the layer is deterministic"
    )
