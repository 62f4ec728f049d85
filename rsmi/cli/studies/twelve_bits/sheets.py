"""The dispute in tables."""

from collections.abc import Iterator

from rsmi.cli.studies.averages import averaged_row, change, mean, signed
from rsmi.cli.studies.twelve_bits.claims import claims_of
from rsmi.cli.studies.twelve_bits.found import Found, Measure
from rsmi.cli.studies.twelve_bits.task import Kind
from rsmi.information import Estimate
from rsmi.layers import scale_sweep, scale_verdict
from rsmi.report import Sheet

_ARROW = "\N{NO-BREAK SPACE}\N{RIGHTWARDS ARROW}\N{NO-BREAK SPACE}"
_SHORT = {"depends on the scale": "sign differs"}


def sheets(found: Found) -> list[Sheet]:
    """All tables, the claims first."""
    return [_claims(found), *details(found)]


def details(found: Found) -> list[Sheet]:
    """The numbers behind the claims."""
    return [_measures(found), _layers(found), _verdicts(found)]


def _claims(found: Found) -> Sheet:
    kinds = list(found.reports)
    columns = [claims_of(found, kind) for kind in kinds]
    rows = [[claims[0].text, *(c.cell for c in claims)] for claims in zip(*columns, strict=True)]
    levels = found.task.levels[0]
    return Sheet(
        "The dispute",
        ["nats", *(kind.label for kind in kinds)],
        rows,
        "The number decides the sentence at three standard errors (of the seeds, in brackets). "
        f"Quantised networks compute with {levels} levels per unit, between -1 and 1 for tanh and "
        "over each layer's own range for ReLU. Weights before training keep the variance of the "
        "signal from layer to layer; 'torch weights' are torch's default, by which it falls with "
        "each layer, to a third for tanh and to a sixth for ReLU, so that the late layers use few "
        "of their levels before training, and training first fills them.",
    )


def _measures(found: Found) -> Sheet:
    """The late layers by every way of measuring."""
    levels = sorted(found.task.levels)
    measures = [
        found.exact(None),
        *(found.exact(count) for count in levels),
        *(found.fixed(width) for width in sorted(found.task.fixed_widths)),
        *(found.relative(bins) for bins in sorted(found.task.range_bins)),
    ]
    rows = []
    for kind in found.reports:
        rows.append([kind.label])
        rows += [_late(found, kind, measure) for measure in measures]
    both = " and ".join(found.late)
    return Sheet(
        f"{both}, untrained and trained, by way of measuring",
        ["measure", "H(X|T)\nuntrained", "H(X|T)\ntrained", "change", "change of\nH(Y|T)"],
        rows,
        "Nats, means of the two layers and of the seeds. Values of networks as they are and of "
        "quantised networks are exact; those of bins answer for the binned activations.",
    )


def _late(found: Found, kind: Kind, measure: Measure) -> list[str]:
    before, after = (measure.of(measured) for measured in found.ends(kind))
    moved = [change(before, after, found.late, name) for name in (measure.x, measure.y)]
    middles = [
        sum(mean(reports, layer, measure.x).value for layer in found.late) / len(found.late)
        for reports in (before, after)
    ]
    if measure.x.endswith("I(X;T)"):
        whole = found.entropy_x
        middles = [whole - value for value in middles]
        moved = [Estimate(-m.value, m.error, "estimate") for m in moved]
    return [measure.label, *(f"{abs(value):.2f}" for value in middles), *map(signed, moved)]


def _layers(found: Found) -> Sheet:
    """Every layer, untrained and trained."""
    count = found.task.levels[0]
    shown = [
        ("H(X|T)\nas they are", found.exact(None), "x"),
        (f"H(X|T)\n{count} levels", found.exact(count), "x"),
        (f"H(Y|T)\n{count} levels", found.exact(count), "y"),
        (f"I(X;T)\n{found.fixed().label}", found.fixed(), "x"),
        (f"I(X;T)\n{found.relative().label}", found.relative(), "x"),
        (f"I(X;T)\n{found.smoothed().label}", found.smoothed(), "x"),
    ]
    rows = []
    for kind in found.reports:
        rows.append([kind.label])
        for layer in found.layers:
            cells = (_arrow(found, kind, layer, measure, axis) for _, measure, axis in shown)
            rows.append([layer, *cells])
    return Sheet(
        f"Untrained{_ARROW}epoch {found.task.at[-1]}, layer by layer",
        ["layer", *(title for title, _, _ in shown)],
        rows,
        "Nats, means over seeds; errors stand in result.json. Range bins lie over each layer's own "
        "range. "
        f"The kernel bound is evaluated on {found.task.kernel_rows} patterns, so it cannot exceed "
        f"ln {found.task.kernel_rows}.",
    )


def _arrow(found: Found, kind: Kind, layer: str, measure: Measure, axis: str) -> str:
    name = measure.x if axis == "x" else measure.y
    old, new = (mean(measure.of(m), layer, name).value for m in found.ends(kind))
    return f"{abs(old):.2f}{_ARROW}{abs(new):.2f}"


def _verdicts(found: Found) -> Sheet:
    """Whether the sign of a binned change is the same at every scale."""
    families = {"bins": "bin widths", "range_bins": "numbers of bins"}
    rows = []
    for kind in found.reports:
        rows.append([kind.label])
        rows += [[layer, *_signs(found, kind, layer, tuple(families))] for layer in found.layers]
    return Sheet(
        "Change of the binned I(X;T) in training at every scale",
        ["layer", *(f"over {label}" for label in families.values())],
        rows,
        "A layer compresses or expands only where the sign is the same for every bin width, or "
        "every number of bins.",
    )


def _signs(found: Found, kind: Kind, layer: str, families: tuple[str, ...]) -> Iterator[str]:
    before, after = (averaged_row(measured.plain, layer) for measured in found.ends(kind))
    for family in families:
        verdict = scale_verdict(scale_sweep(before, after, family))
        yield _SHORT.get(verdict, verdict)
