"""The audit of one measurement: which checks are made of which numbers."""

import math
from collections.abc import Mapping, Sequence

from rsmi.layers.audit.ceilings import Ceiling, beyond_findings, ceiling_findings
from rsmi.layers.audit.data_processing import data_processing_findings
from rsmi.layers.audit.disagreement import disagreement_findings
from rsmi.layers.estimators import estimator_limits
from rsmi.layers.interval import Interval
from rsmi.layers.probe.collecting import Collected
from rsmi.layers.report import Finding, LayerRow
from rsmi.layers.rows import Rows

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
