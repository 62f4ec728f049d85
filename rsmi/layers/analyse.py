"""One front door: conditional entropies of chosen layers of any network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.audit import audit_findings
from rsmi.layers.building import activation_ranges, untrained
from rsmi.layers.changes import quantise, with_noise
from rsmi.layers.collecting import Collected, collect, correlated_distance
from rsmi.layers.counting import label_entropy
from rsmi.layers.estimators import Estimators
from rsmi.layers.inputs import InputKind, Inputs
from rsmi.layers.models import Training
from rsmi.layers.probe import Key, Probe
from rsmi.layers.reading import inputs_of
from rsmi.layers.report import Finding, LayerReport, LayerRow
from rsmi.layers.rows import Rows
from rsmi.layers.selection import Selector, unwrapped
from rsmi.layers.setting import WITH_LABELS, LayerKind, Setting
from rsmi.progress import Progress, silent
from rsmi.storage import Selection

_ROUNDING = 1e-9

Layers = Selector | Sequence[Selector] | None


@dataclass(frozen=True)
class Options:
    """How to measure, and what of.

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
        quantise: Levels of each unit; a copy of the network that computes with so many in the
            layers chosen is measured.
        range: Lowest and highest level; without, what each layer takes on the data.
        noise: Standard deviation of Gaussian noise; a copy with it in the layers chosen is
            measured.
        untrained: Whether the same architecture with fresh weights is measured too.
        seed: Of fresh weights and of noise.
        progress: Told what is done of how much (0 where that is not known), of `inputs` after
            each batch, then of `layers`.

    Raises:
        InputError: For options that exclude each other, or a number out of range.
    """

    quantities: Sequence[str] | None = None
    take: Mapping[str, Key] | None = None
    device: torch.device | str | None = None
    autocast: torch.dtype | None = None
    batch_size: int = 1024
    keep: int = 20_000
    training: Training | None = None
    estimators: Estimators | None = None
    quantise: int | None = None
    range: tuple[float, float] | None = None
    noise: float | None = None
    untrained: bool = False
    seed: int = 0
    progress: Progress = silent

    def __post_init__(self) -> None:
        if self.quantise is not None and self.noise is not None:
            raise InputError(
                "both quantise and noise were given; a layer is either quantised or noisy: give one"
            )
        if self.range is not None and self.quantise is None:
            raise InputError("range was given without quantise; give the number of levels too")
        for name, least in (("keep", 0), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise InputError(
                    f"{name} is {getattr(self, name)}; expected a whole number of at least {least}"
                )
        if self.estimators and self.keep < 1:
            raise InputError(
                "estimators work on rows kept, and keep is 0; give keep, such as 20000"
            )


def analyse_layers(
    network: nn.Module,
    data: Any,
    *,
    layers: Layers = None,
    labels: Any = None,
    kind: InputKind | None = None,
    entropy: Estimate | float | None = None,
    chains: int | Literal["independent"] | None = None,
    select: Selection | None = None,
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
        network: Any network.
        data: A path, `Samples`, an array or tensor, a tuple of it and labels, a dict of what the
            network takes, a DataLoader, or `Inputs`; all of them in `inputs_of`.
        layers: As in `select_layers`. Without, layers that cannot be measured are left out, and
            named in the findings.
        labels: As in `inputs_of`.
        kind: As in `inputs_of`: `finite` where the rows are every input there is.
        entropy: As in `inputs_of`.
        chains: As in `inputs_of`.
        select: As in `inputs_of`.
        setting: Kinds of inputs and layers, where they cannot be seen.
        options: How to measure: quantised, with noise, beside an untrained control ...

    Returns:
        One row per layer, in the order of use, with the findings of the audit.

    Raises:
        InputError: For anything that cannot be measured; the message says what to do.

    >>> import torch
    >>> both_negative = torch.tensor([[-1.0], [-2.0]])
    >>> report = analyse_layers(nn.ReLU(), both_negative, kind="finite")
    >>> print(report["model"].quantities["H(X|T)"])
    0.69314718 nats (exact)
    """
    chosen = options or Options()
    inputs = inputs_of(
        data,
        labels,
        kind=kind or (setting.inputs if setting else None),
        entropy=entropy,
        chains=chains,
        select=select,
    )
    rule = setting or Setting(inputs.kind)
    if rule.inputs != inputs.kind:
        raise InputError(
            f"the setting says {rule.inputs} inputs, and they are {inputs.kind}; make them agree"
        )
    report = _measured(network, inputs, layers, rule, chosen)
    if not chosen.untrained:
        return report
    fresh = untrained(network, chosen.seed)
    return replace(report, control=_measured(fresh, inputs, layers, rule, chosen))


def _measured(
    network: nn.Module, inputs: Inputs, layers: Layers, rule: Setting, options: Options
) -> LayerReport:
    """One network: as it is, quantised, or noisy."""
    network = _changed(unwrapped(network), inputs, layers, options)
    found, left_out = _stream(network, inputs, layers, rule, options)
    builder = Rows(network, inputs, found, rule, options.training, options.estimators)
    rows = []
    for place, name in enumerate(found.layers, 1):
        rows.append(_only(builder.row(name), options.quantities))
        options.progress(place, len(found.layers), "layers")
    findings = [*audit_findings(builder, rows, found.rounding), *left_out]
    return LayerReport(rows, inputs.kind, len(found.x), inputs.entropy, builder.entropy_y, findings)


def _changed(network: nn.Module, inputs: Inputs, layers: Layers, options: Options) -> nn.Module:
    if options.noise is not None:
        return with_noise(network, layers, options.noise, options.seed)
    if options.quantise is None:
        return network
    if options.range is not None:
        return quantise(network, layers, options.quantise, options.range)
    found = activation_ranges(network, inputs, layers, options.device)
    return quantise(network, list(found), options.quantise, found)


def _stream(
    network: nn.Module, inputs: Inputs, layers: Layers, rule: Setting, options: Options
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
    _check_independence(inputs, found)
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


def _check_independence(inputs: Inputs, found: Collected) -> None:
    """Ask for the chains of rows that nobody called independent, where they are seen not to be."""
    distance = correlated_distance(found.means) if inputs.assumed else None
    if distance is not None:
        raise InputError(
            f"rows at a distance of {distance} are alike, as those of a Markov chain are and "
            "independent ones are not; say of how many chains the rows are (chains=1, --chains 1; "
            "of c interleaved ones row i is of chain i mod c), or that they are independent and "
            "only stand in some order (chains='independent')"
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


def _check_quantities(
    rule: Setting, kinds: Mapping[str, LayerKind], quantities: Sequence[str] | None
) -> None:
    for quantity in quantities or ():
        for name, kind in kinds.items():
            rule.check(quantity, kind, name)


def _rows_to_keep(options: Options, kind: InputKind) -> int:
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
