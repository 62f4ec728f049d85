"""One front door: conditional entropies of chosen layers of any network."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.audit import audit_findings
from rsmi.layers.collecting import Collected, Progress, collect
from rsmi.layers.counting import label_entropy
from rsmi.layers.estimators import Estimators
from rsmi.layers.inputs import InputKind, Inputs, input_rows, seen_kind
from rsmi.layers.models import Training
from rsmi.layers.probe import Key, Probe
from rsmi.layers.reading import file_inputs, loader_inputs, parted, sampled_inputs
from rsmi.layers.report import Finding, LayerReport, LayerRow
from rsmi.layers.rows import Rows
from rsmi.layers.selection import Selector, unwrapped
from rsmi.layers.setting import WITH_LABELS, LayerKind, Setting


@dataclass(frozen=True)
class Options:
    """How to measure.

    Args:
        quantities: Only these; asking for one that is infinite is refused. Without, all that
            are defined.
        take: As in `Probe`.
        device: As in `Probe`.
        autocast: As in `Probe`.
        batch_size: Rows per forward pass, at most.
        keep: Raw rows kept, at most, for certified values of samples, estimators and noise, 4
            bytes per activation; 0 for none, and then only codes of 16 bytes per row are held.
        training: Train networks on the kept rows for tighter certified values of samples.
            Without, counts are used, and a small classifier of the labels where they leave H(Y|T)
            open; it is fitted to one part of the kept rows and evaluated on another.
        estimators: Columns of common estimators.
        progress: Called with the number of rows done after each batch.
        measured: Called with the number of layers whose quantities and estimators are done, and
            the number of all, after each layer.
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
    measured: Callable[[int, int], None] | None = None


_ROUNDING = 1e-9

Data = Inputs | Tensor | Iterable[Any] | str | os.PathLike[str]


def analyse_layers(
    model: nn.Module,
    data: Data,
    *,
    layers: Selector | Sequence[Selector] | None = None,
    labels: Any = None,
    setting: Setting | None = None,
    options: Options | None = None,
) -> LayerReport:
    """Measure H(T), H(X|T), I(X;T), H(Y|T), I(T;Y) and H(X|T,Y) of every layer.

    With a finite set of inputs all values are exact. With samples each has a lower and an
    upper value where they can be certified. Quantities that are infinite are left out, with
    the reason in `LayerRow.refused`. What it says of labels holds for the inputs it is measured
    on: of rows that the network was trained on it is what the network remembers.

    The network and the data are left as they are, and so are all random numbers.

    Args:
        model: Any network.
        data: `Inputs` (see `finite_inputs`, `sampled_inputs`, `loader_inputs`), a file, samples
            (a tensor or array; a tuple of these and their labels; a dict of what the network
            takes, labels among it), or a DataLoader: floats are taken as continuous unless the
            setting says otherwise.
        layers: As in `select_layers`. Without, layers that cannot be measured are left out, and
            named in the findings.
        labels: (n,) integers >= 0, with a tensor, array or tuple of inputs.
        setting: Kinds of inputs and layers, where they cannot be seen.
        options: How to measure.

    Returns:
        One row per layer, in the order of use, with the findings of the audit.

    Raises:
        InputError: For anything that cannot be measured; the message says what to do.

    >>> import torch
    >>> from rsmi.layers.inputs import finite_inputs
    >>> both_negative = finite_inputs(torch.tensor([[-1.0], [-2.0]]))
    >>> print(analyse_layers(nn.ReLU(), both_negative)["model"].quantities["H(X|T)"])
    0.69314718 nats (exact)
    """
    inputs = _inputs(data, labels, setting)
    chosen, rule = options or Options(), setting or Setting(inputs.kind)
    network = unwrapped(model)
    found, left_out = _stream(network, inputs, layers, rule, chosen)
    builder = Rows(network, inputs, found, rule, chosen.training, chosen.estimators)
    rows = []
    for place, name in enumerate(found.layers, 1):
        rows.append(_only(builder.row(name), chosen.quantities))
        if chosen.measured:
            chosen.measured(place, len(found.layers))
    findings = [*audit_findings(builder, rows, found.rounding), *left_out]
    return LayerReport(rows, inputs.kind, len(found.x), inputs.entropy, builder.entropy_y, findings)


def _stream(
    network: nn.Module,
    inputs: Inputs,
    layers: Selector | Sequence[Selector] | None,
    rule: Setting,
    options: Options,
) -> tuple[Collected, list[Finding]]:
    """Codes of all layers, and those layers that nobody chose and that have none."""
    with Probe(
        network, layers, take=options.take, device=options.device, autocast=options.autocast
    ) as probe:
        kinds = _kinds(rule, network, probe)
        _check_quantities(rule, kinds, options.quantities)
        found = collect(
            probe,
            inputs,
            batch_size=options.batch_size,
            keep=_rows_to_keep(options, inputs.kind),
            progress=options.progress,
        )
    _check_entropy(inputs, found)
    return found, [Finding("left out", *one) for one in probe.left_out.items()]


def _check_entropy(inputs: Inputs, found: Collected) -> None:
    """H(X) of a finite set is that of the rows that were sent: I(X;T) + H(X|T) = H(X)."""
    if inputs.kind != "finite" or inputs.entropy is None:
        return
    said, counted = inputs.entropy.value, label_entropy(found.x, found.weights)
    if abs(said - counted) > _ROUNDING:
        raise InputError(
            f"the inputs are said to have H(X) = {said:.10g} nats, and their rows have "
            f"{counted:.10g}; leave the rows as they are until they are measured"
        )


def _kinds(rule: Setting, network: nn.Module, probe: Probe) -> dict[str, LayerKind]:
    """Kinds of the layers, where they are known."""
    kinds = {}
    for name in list(probe.layers):
        try:
            kinds[name] = rule.kind(network, name)
        except InputError as error:
            probe.leave_out(name, str(error))
    return kinds


def _inputs(data: Data, labels: Any, setting: Setting | None) -> Inputs:
    if isinstance(data, Inputs | str | os.PathLike):
        if labels is not None:
            raise InputError("labels were given beside inputs that bring their own; leave them out")
        inputs = data if isinstance(data, Inputs) else file_inputs(data)
    else:
        inputs = _samples(data, labels, setting.inputs if setting else None)
    if setting and setting.inputs != inputs.kind:
        raise InputError(
            f"the setting says {setting.inputs} inputs, the data are {inputs.kind}; make them agree"
        )
    return inputs


def _samples(data: Any, labels: Any, kind: InputKind | None) -> Inputs:
    """Samples in memory, or batches of a loader."""
    if kind == "finite":
        raise InputError(
            "a tensor of samples was declared a finite set; pass finite_inputs(x, labels, "
            "weights) with every input once"
        )
    if not isinstance(data, Tensor | np.ndarray | tuple | Mapping):
        if labels is not None:
            raise InputError(
                "labels were given beside batches that bring their own; leave them out"
            )
        return loader_inputs(data, kind=kind)
    x, y = parted(data if labels is None else (data, labels))
    return sampled_inputs(x, y, kind=kind or seen_kind(*input_rows(x)))


def _check_quantities(
    rule: Setting, kinds: Mapping[str, LayerKind], quantities: Sequence[str] | None
) -> None:
    for quantity in quantities or ():
        for name, kind in kinds.items():
            rule.check(quantity, kind, name)


def _rows_to_keep(options: Options, kind: InputKind) -> int:
    if options.estimators and options.keep < 1:
        raise InputError("estimators work on rows kept, and keep is 0; give keep, such as 20000")
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
