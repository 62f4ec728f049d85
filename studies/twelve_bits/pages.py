"""The dispute in sentences, tables and figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rsmi.information import Estimate
from rsmi.layers import scale_sweep, scale_verdict
from rsmi.report import Figure, Page, Quantity, Sheet, figures
from studies.averages import (
    averaged_quantities,
    averaged_row,
    change,
    depth_series,
    mean,
    paths,
    rise,
    signed,
)
from studies.twelve_bits.measured import Found, Measure
from studies.twelve_bits.settings import Kind

_SIGMAS = 3.0
_NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Claim:
    """A sentence with its number.

    Args:
        name: Last part but one of the quantity's name.
        text: What is said, for a positive number.
        value: Nats, with the error of the seeds.
        kind: Whose.
    """

    name: str
    text: str
    value: Estimate
    kind: Kind

    @property
    def verdict(self) -> str:
        """`seen`, `opposite` or `not seen`, at three standard errors of the seeds."""
        if abs(self.value.value) <= _SIGMAS * self.value.error:
            return "not seen"
        return "seen" if self.value.value > 0 else "opposite"

    @property
    def cell(self) -> str:
        """Number and verdict."""
        return f"{signed(self.value)} {self.verdict.replace(' ', _NBSP)}"

    def quantity(self) -> Quantity:
        """For `result.json`."""
        name = f"layers.claim.{self.name}.{self.kind.name}"
        return Quantity.of(name, self.value, verdict=self.verdict, text=self.text)


def claims_of(found: Found, kind: Kind) -> list[Claim]:
    """All claims of one kind of network."""
    return [Claim(name, text, value, kind) for name, text, value in _claims(found, kind)]


def _claims(found: Found, kind: Kind) -> Iterator[tuple[str, str, Estimate]]:
    before, after = found.ends(kind)
    fixed, relative = found.fixed(), found.relative()
    plain, rounded = found.exact(None), found.exact(found.task.levels[0])
    late, both = found.late, " and ".join(found.late)
    first, last = found.hidden[0], found.hidden[-1]
    early, done = rounded.of(before), rounded.of(after)
    gain = change(before.plain, after.plain, found.hidden, fixed.x)
    yield "fixed_bins", f"training raises I(X;T), {fixed.label}", gain
    gain = change(before.plain, after.plain, found.hidden, relative.x)
    yield "range_bins", f"training raises I(X;T), {relative.label}", gain
    deeper = rise(early, first, last, rounded.x)
    yield "untrained", f"untrained, H(X|T) rises from {first} to {last}, {rounded.label}", deeper
    gain = change(before.plain, after.plain, late, plain.x)
    yield "late_inputs", f"training raises H(X|T) of {both}, networks as they are", gain
    gain = change(early, done, late, rounded.x)
    yield "late_inputs_quantised", f"training raises H(X|T) of {both}, {rounded.label}", gain
    gain = change(rounded.of(found.reports[kind][_least(found, kind)]), done, late, rounded.x)
    yield (
        "late_inputs_refilled",
        f"after its least value in training H(X|T) of {both} rises, {rounded.label}",
        gain,
    )
    gain = change(done, early, late, rounded.y)
    yield "late_labels", f"training lowers H(Y|T) of {both}, {rounded.label}", gain


def _least(found: Found, kind: Kind) -> int:
    """The epoch at which the late layers forget least, averaged over seeds."""
    measure = found.exact(found.task.levels[0])

    def forgotten(epoch: int) -> float:
        reports = measure.of(found.reports[kind][epoch])
        return sum(mean(reports, layer, measure.x).value for layer in found.late)

    return min(found.reports[kind], key=forgotten)


_ARROW = "\N{NO-BREAK SPACE}\N{RIGHTWARDS ARROW}\N{NO-BREAK SPACE}"
_SHORT = {"depends on the scale": "sign differs"}


def _claim_sheet(found: Found) -> Sheet:
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


def _change_figure(found: Found, target: Path) -> Figure:
    count = found.task.levels[0]
    measures = [
        found.exact(None, forgotten=False),
        found.exact(count, forgotten=False),
        found.fixed(),
        found.relative(),
        found.smoothed(),
    ]
    panels = {
        kind.label: [_changes(found, kind, measure) for measure in measures]
        for kind in found.reports
    }
    drawn = figures.depth(found.layers, panels, quantity="change of I(X;T)")
    return Figure(
        figures.save(drawn, target / "change.png"),
        "What training seems to change, by way of measuring",
        f"I(X;T) after {found.task.at[-1]} epochs minus I(X;T) of the same untrained networks, "
        "with the error of the seeds. The networks of a panel are the same; only the measure "
        "differs.",
    )


def _changes(found: Found, kind: Kind, measure: Measure) -> figures.Depth:
    before, after = (measure.of(measured) for measured in found.ends(kind))
    moved = [change(before, after, [layer], measure.x) for layer in found.layers]
    middle = [one.value for one in moved]
    return figures.Depth(measure.label, middle, middle, [one.error for one in moved])


def _depth_figure(found: Found, target: Path) -> Figure:
    count = found.task.levels[0]
    panels: dict[str, list[figures.Depth]] = {}
    for kind in found.reports:
        for name in ("H(X|T)", "H(Y|T)"):
            panels[f"{name}, {kind.label}"] = [
                depth_series(label, measured.rounded[count], name, label == "untrained")
                for label, measured in zip(("untrained", "trained"), found.ends(kind), strict=True)
            ]
    return Figure(
        figures.save(figures.depth(found.layers, panels, quantity=""), target / "depth.png"),
        f"Entropy against depth, {count} levels per unit",
        "Exact values of the quantised networks, means over seeds with the error of the seeds.",
    )


def _training_figure(found: Found, target: Path) -> Figure:
    """The late layers, epoch by epoch."""
    measure = found.exact(found.task.levels[0])
    panels: dict[str, list[figures.Depth]] = {}
    for layer in found.late:
        for name in (measure.x, measure.y):
            panels[f"{name} of {layer}"] = [
                _over_epochs(found, kind, measure, layer, name) for kind in found.reports
            ]
    epochs = [str(epoch) for epoch in found.task.at]
    drawn = figures.depth(epochs, panels, quantity="", place="epoch")
    return Figure(
        figures.save(drawn, target / "training.png"),
        f"The last two hidden layers in training, {measure.label} per unit",
        "Exact values of the quantised networks, means over seeds with the error of the seeds. "
        "While the labels are learned, late layers that used few of their levels fill them, and "
        "H(X|T) falls; afterwards tanh units saturate and it rises.",
    )


def _over_epochs(
    found: Found, kind: Kind, measure: Measure, layer: str, name: str
) -> figures.Depth:
    means = [mean(measure.of(measured), layer, name) for measured in found.reports[kind].values()]
    middle = [one.value for one in means]
    dashed = kind.initial == "pytorch"
    return figures.Depth(kind.label, middle, middle, [one.error for one in means], dashed)


def _plane_figure(found: Found, target: Path) -> Figure:
    count = found.task.levels[0]
    exact = found.exact(count, forgotten=False)
    panels = {
        f"{kind.label}, {measure.label}": _paths(found, kind, measure)
        for measure in (exact, found.fixed(), found.relative(), found.smoothed())
        for kind in found.reports
        if kind.initial == found.task.initial[0]
    }
    epochs = ", ".join(map(str, found.task.at))
    return Figure(
        figures.save(figures.plane(panels), target / "plane.png"),
        "The information plane over training",
        f"Each layer at epochs {epochs}, from the hollow to the filled symbol, means over seeds. "
        "Only the first row measures a network that exists.",
    )


def _paths(found: Found, kind: Kind, measure: Measure) -> list[figures.Path]:
    by_epoch = {epoch: measure.of(m) for epoch, m in found.reports[kind].items()}
    return paths(by_epoch, measure.x, measure.y)


class Dispute(Page):
    """What was found, as tables, figures and numbers.

    Args:
        found: Everything measured.
        learners: How many networks learned.
    """

    title = "What the 12-bit network forgets"

    def __init__(self, found: Found, learners: Sequence[Quantity]) -> None:
        self.found, self.learners = found, learners

    def quantities(self) -> list[Quantity]:
        """The claims, and every value of every layer at every epoch."""
        kinds = self.found.reports
        claims = [claim.quantity() for kind in kinds for claim in claims_of(self.found, kind)]
        return [*self.learners, *claims, *_all_values(self.found)]

    def sheets(self) -> list[Sheet]:
        """The claims, and the numbers behind them."""
        tables = (_claim_sheet, _measures, _layers, _verdicts)
        return [table(self.found) for table in tables]

    def figures(self, directory: Path) -> list[Figure]:
        """The dispute in figures."""
        drawings = (_change_figure, _depth_figure, _training_figure, _plane_figure)
        return [draw(self.found, directory) for draw in drawings]

    def listed(self) -> list[Quantity]:
        """Results, and exact values before and after training."""
        task = self.found.task
        ends = (None, task.at[0], task.at[-1])
        return [
            quantity
            for quantity in self.quantities()
            if quantity.context.get("epoch") in ends
            and "bins(" not in quantity.name
            and quantity.context.get("levels") in (None, task.levels[0])
        ]


def _all_values(found: Found) -> Iterator[Quantity]:
    for kind, epochs in found.reports.items():
        for epoch, measured in epochs.items():
            about = {"network": kind.name, "epoch": epoch}
            yield from averaged_quantities(measured.plain, **about)
            yield from averaged_quantities(measured.kernels, **about)
            for levels, reports in measured.rounded.items():
                yield from averaged_quantities(reports, **about, levels=levels)
