"""One front door: conditional entropies of chosen layers of any network."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.accumulate import Collected, Progress, collect, rounding_sensitivity
from rsmi.layers.audit import Ceiling, ceiling_findings, data_processing_findings
from rsmi.layers.autoregressive import Training
from rsmi.layers.estimators import Estimators
from rsmi.layers.inputs import InputKind, Inputs, file_inputs, sampled_inputs
from rsmi.layers.probe import Key, Probe
from rsmi.layers.report import Finding, LayerReport, LayerRow
from rsmi.layers.rows import Rows
from rsmi.layers.selection import Selector, unwrapped
from rsmi.layers.setting import WITH_LABELS, LayerKind, Setting

Data = Inputs | Tensor | str | os.PathLike[str]

_ABOUT_INPUTS = ("H(T)", "I(X;T)", "*.H(T)", "*.I(X;T)")
_ABOUT_LABELS = ("I(T;Y)", "*.I(T;Y)")


@dataclass(frozen=True)
class Options:
    """How to measure.

    Args:
        quantities: Only these; asking for one that is infinite is refused. Without, all that
            are defined.
        take: As in `Probe`.
        device: As in `Probe`.
        autocast: As in `Probe`.
        batch_size: Rows per forward pass.
        keep: Raw rows kept for certified values of samples, estimators and noise, 4 bytes per
            activation; 0 for none, and then only codes of 16 bytes per row are held.
        training: Train networks on the kept rows for tighter certified values of samples;
            without, only counts are used.
        estimators: Columns of common estimators.
        progress: Called with the number of rows done after each batch.
    """

    quantities: Sequence[str] | None = None
    take: Mapping[str, Key] | None = None
    device: torch.device | str | None = None
    autocast: torch.dtype | None = None
    batch_size: int = 1024
    keep: int = 20_000
    training: Training | None = None
    estimators: Estimators | None = None
    progress: Progress | None = None


def analyse_layers(
    model: nn.Module,
    data: Data,
    *,
    layers: Selector | Sequence[Selector] | None = None,
    labels: Tensor | None = None,
    setting: Setting | None = None,
    options: Options | None = None,
) -> LayerReport:
    """Measure H(T), H(X|T), I(X;T), H(Y|T), I(T;Y) and H(X|T,Y) of every layer.

    With a finite set of inputs all values are exact. With samples each has a lower and an
    upper value where they can be certified. Quantities that are infinite are left out, with
    the reason in `LayerRow.refused`.

    Args:
        model: Any network.
        data: `Inputs` (see `finite_inputs`, `sampled_inputs`, `loader_inputs`), a file, or a
            tensor of samples: floats are taken as continuous unless the setting says otherwise.
        layers: As in `select_layers`.
        labels: (n,) integers, with a tensor.
        setting: Kinds of inputs and layers, where they cannot be seen.
        options: How to measure.

    Returns:
        One row per layer, in the order of use, with the findings of the audit.

    Raises:
        InputError: For anything that cannot be measured; the message says what to do.

    >>> from rsmi.layers.inputs import finite_inputs
    >>> both_negative = finite_inputs(torch.tensor([[-1.0], [-2.0]]))
    >>> print(analyse_layers(nn.ReLU(), both_negative)["model"].quantities["H(X|T)"])
    0.6931471806 nats (exact)
    """
    inputs = _inputs(data, labels, setting)
    chosen, rule = options or Options(), setting or Setting(inputs.kind)
    network = unwrapped(model)
    with Probe(
        network, layers, take=chosen.take, device=chosen.device, autocast=chosen.autocast
    ) as probe:
        kinds = {name: rule.kind(network, name) for name in probe.layers}
        _check_quantities(rule, kinds, chosen.quantities)
        rounding = rounding_sensitivity(probe, inputs, chosen.batch_size)
        found = collect(
            probe,
            inputs,
            batch_size=chosen.batch_size,
            keep=_rows_to_keep(chosen, inputs.kind, kinds),
            progress=chosen.progress,
        )
    builder = Rows(network, inputs, found, rule, chosen.training, chosen.estimators)
    rows = [_only(builder.row(name), chosen.quantities) for name in found.layers]
    findings = [
        *_rounding_findings(rows, found, rounding),
        *ceiling_findings(rows, _ceilings(builder, rows)),
        *data_processing_findings(rows),
    ]
    return LayerReport(
        rows, inputs.kind, len(found.x), inputs.entropy, builder.entropy_y(), findings
    )


def _inputs(data: Data, labels: Tensor | None, setting: Setting | None) -> Inputs:
    if isinstance(data, Tensor):
        kind = (
            setting.inputs
            if setting
            else ("continuous" if data.is_floating_point() else "discrete")
        )
        if kind == "finite":
            raise InputError(
                "a tensor of samples was declared a finite set; pass finite_inputs(x, labels, "
                "weights) with every input once"
            )
        return sampled_inputs(data, labels, kind=kind)
    if labels is not None:
        raise InputError("labels were given beside inputs that bring their own; leave them out")
    inputs = data if isinstance(data, Inputs) else file_inputs(data)
    if setting and setting.inputs != inputs.kind:
        raise InputError(
            f"the setting says {setting.inputs} inputs, the data are {inputs.kind}; make them agree"
        )
    return inputs


def _check_quantities(
    rule: Setting, kinds: Mapping[str, LayerKind], quantities: Sequence[str] | None
) -> None:
    for quantity in quantities or ():
        for name, kind in kinds.items():
            rule.check(quantity, kind, name)


def _rows_to_keep(options: Options, kind: InputKind, kinds: Mapping[str, LayerKind]) -> int:
    needed = kind != "finite" or options.estimators or "noisy" in kinds.values()
    return options.keep if needed else 0


def _only(row: LayerRow, quantities: Sequence[str] | None) -> LayerRow:
    """The row without quantities that nobody asked for."""
    if quantities is None:
        return row
    missing = [q for q in quantities if q not in row.quantities]
    if missing:
        need = "labels" if missing[0] in WITH_LABELS else "samples with known H(X)"
        raise InputError(
            f"{missing[0]} of layer '{row.name}' cannot be measured from this input; it needs "
            f"{need}, and for labels of a noisy layer options.training"
        )
    kept = {q: v for q, v in row.quantities.items() if q in quantities}
    return LayerRow(row.name, row.kind, row.width, kept, row.refused, row.estimators)


def _ceilings(builder: Rows, rows: Sequence[LayerRow]) -> list[Ceiling]:
    found = builder.found
    n, kept = len(found.x), len(found.kept)
    ceilings = [Ceiling(f"ln N (N = {n} rows)", math.log(n), ("H(T)", "I(X;T)"))]
    if kept:
        ceilings.append(Ceiling(f"ln N (N = {kept} rows kept)", math.log(kept), _ABOUT_INPUTS[2:]))
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
        result.append(Ceiling(text, capacity, _ABOUT_INPUTS[:2], row.name))
    for bins in builder.estimators.range_bins if builder.estimators else ():
        text = f"width x ln({bins} bins)"
        names = tuple(f"range_bins({bins}).{q}" for q in _ABOUT_INPUTS[:2])
        result.append(Ceiling(text, row.width * math.log(bins), names, row.name))
    return result


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
                    "use float64 or quantise the network",
                )
            )
    return findings
