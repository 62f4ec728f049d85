"""One front door: conditional entropies of chosen layers of any network."""

import os
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.findings import audit_findings
from rsmi.layers.inputs.batches import InputKind, Inputs
from rsmi.layers.inputs.samples import file_inputs, sampled_inputs
from rsmi.layers.network.selection import Selector, unwrapped
from rsmi.layers.options import Options
from rsmi.layers.probe.collecting import Collected, collect
from rsmi.layers.probe.hooks import Probe
from rsmi.layers.probe.rounding import rounding_sensitivity
from rsmi.layers.report import LayerReport, LayerRow
from rsmi.layers.rows import Rows
from rsmi.layers.setting import WITH_LABELS, LayerKind, Setting

Data = Inputs | Tensor | str | os.PathLike[str]


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

    >>> import torch
    >>> from rsmi.layers.inputs.finite import finite_inputs
    >>> both_negative = finite_inputs(torch.tensor([[-1.0], [-2.0]]))
    >>> print(analyse_layers(nn.ReLU(), both_negative)["model"].quantities["H(X|T)"])
    0.6931471806 nats (exact)
    """
    inputs = _inputs(data, labels, setting)
    chosen, rule = options or Options(), setting or Setting(inputs.kind)
    network = unwrapped(model)
    found, rounding = _stream(network, inputs, layers, rule, chosen)
    builder = Rows(network, inputs, found, rule, chosen.training, chosen.estimators)
    rows = [_only(builder.row(name), chosen.quantities) for name in found.layers]
    findings = audit_findings(builder, rows, rounding)
    return LayerReport(rows, inputs.kind, len(found.x), inputs.entropy, builder.entropy_y, findings)


def _stream(
    network: nn.Module,
    inputs: Inputs,
    layers: Selector | Sequence[Selector] | None,
    rule: Setting,
    options: Options,
) -> tuple[Collected, dict[str, float]]:
    """Codes of all layers, and how far rounding decides them."""
    with Probe(
        network, layers, take=options.take, device=options.device, autocast=options.autocast
    ) as probe:
        kinds = {name: rule.kind(network, name) for name in probe.layers}
        _check_quantities(rule, kinds, options.quantities)
        rounding = rounding_sensitivity(probe, inputs, options.batch_size)
        found = collect(
            probe,
            inputs,
            batch_size=options.batch_size,
            keep=_rows_to_keep(options, inputs.kind, kinds),
            progress=options.progress,
        )
    return found, rounding


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
    needed = kind != "finite" or options.estimators
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
            f"{need}, and rows kept (options.keep)"
        )
    kept = {q: v for q, v in row.quantities.items() if q in quantities}
    return LayerRow(row.name, row.kind, row.width, kept, row.refused, row.estimators)
