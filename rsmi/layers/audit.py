"""The audit of one measurement: checks that catch nonsense before it is believed."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rsmi.information import Estimate
from rsmi.layers.collecting import Collected
from rsmi.layers.estimators import estimator_limits
from rsmi.layers.interval import SIGMAS, Interval, Value
from rsmi.layers.report import Finding, LayerRow
from rsmi.layers.rows import Rows

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


_ABOUT_INPUTS = ("H(T)", "I(X;T)")
_OPEN = 0.9
_ABOUT_LABELS = ("I(T;Y)", "*.I(T;Y)")


def audit_findings(
    builder: Rows, rows: Sequence[LayerRow], rounding: Mapping[str, float]
) -> list[Finding]:
    """Everything that a reader of these numbers must know.

    Args:
        builder: What built the rows.
        rows: One per layer, in the order of use.
        rounding: Share of rows whose last digits depend on the batch, by layer.
    """
    return [
        *_rounding_findings(rows, builder.found, rounding),
        *disagreement_findings(rows),
        *ceiling_findings(rows, _ceilings(builder, rows)),
        *beyond_findings(rows, builder.inputs.entropy, builder.entropy_y),
        *data_processing_findings(rows),
        *_open_findings(rows, builder.entropy_y),
    ]


def _ceilings(builder: Rows, rows: Sequence[LayerRow]) -> list[Ceiling]:
    found = builder.found
    n, chosen = len(found.x), builder.estimators
    ceilings = [Ceiling(f"ln N (N = {n} rows)", math.log(n), _ABOUT_INPUTS)]
    if chosen:
        limits = estimator_limits(builder.kept_weights, chosen)
        ceilings += [Ceiling(text, limit, (name,)) for name, (text, limit) in limits.items()]
    if found.labelled:
        classes = len(set(found.y.tolist()))
        ceilings.append(Ceiling(f"ln K (K = {classes} labels)", math.log(classes), _ABOUT_LABELS))
    for row in rows:
        ceilings += _ceilings_of_layer(builder, row)
    return ceilings


def _ceilings_of_layer(builder: Rows, row: LayerRow) -> list[Ceiling]:
    capacity = builder.log_capacity(row.name)
    result = []
    if math.isfinite(capacity):
        text = f"width x ln(levels) of the {row.width} units"
        result.append(Ceiling(text, capacity, _ABOUT_INPUTS, row.name))
    if row.kind == "noisy":
        text = f"ln K (K = {builder.noisy_batch} samples of a batch)"
        result.append(Ceiling(text, math.log(builder.noisy_batch), ("I(X;T)",), row.name))
    for bins in builder.estimators.range_bins if builder.estimators else ():
        text = f"width x ln({bins} bins)"
        names = tuple(f"range_bins({bins}).{q}" for q in _ABOUT_INPUTS)
        result.append(Ceiling(text, row.width * math.log(bins), names, row.name))
    return result


def _open_findings(rows: Sequence[LayerRow], entropy_y: Interval | None) -> list[Finding]:
    """Layers of which next to nothing is known of H(Y|T)."""
    found = []
    for row in rows:
        value = row.quantities.get("H(Y|T)")
        if not (entropy_y and isinstance(value, Interval)):
            continue
        if value.width > _OPEN * entropy_y.upper.value:
            text = (
                "H(Y|T) is hardly bounded: T tells little of Y, or the model q(y|t) is too weak; "
                "more rows or a larger model may tell more: pass training=Training() in Options, "
                "--training.epochs 20 in the command"
            )
            found.append(Finding("open", row.name, text))
    return found


def _rounding_findings(
    rows: Sequence[LayerRow], found: Collected, rounding: Mapping[str, float]
) -> list[Finding]:
    findings = []
    for row in rows:
        layer = found.layers[row.name]
        if layer.low == layer.high:
            text = f"every activation is {layer.low:g}: the layer is constant and keeps nothing"
            findings.append(Finding("constant", row.name, text))
        if row.kind != "noisy" and rounding.get(row.name, 0.0) > 0:
            findings.append(
                Finding(
                    "rounding",
                    row.name,
                    f"{rounding[row.name]:.1%} of rows change in their last digits with their "
                    "place in the batch, so values that should be equal may count as different: "
                    "use float64 (network.double() and inputs in float64; --dtype float64 in the "
                    "command), or quantise the network",
                )
            )
    return findings
