"""The dispute in figures."""

from pathlib import Path

from rsmi.cli.studies.averages import change, depth_series, mean, paths
from rsmi.cli.studies.twelve_bits.found import Found, Measure
from rsmi.cli.studies.twelve_bits.task import Kind
from rsmi.report import Figure, figures


def pictures(found: Found, target: Path) -> list[Figure]:
    """Draw everything into a directory."""
    return [
        _change_figure(found, target),
        _depth_figure(found, target),
        _training_figure(found, target),
        _plane_figure(found, target),
    ]


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
