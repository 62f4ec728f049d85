"""Reports of several seeds as averages whose error is that of the seeds."""

from collections.abc import Mapping, Sequence

from rsmi.information import Estimate, Plain, format_with_error
from rsmi.layers import LayerReport, LayerRow, SeedAverage, Value, over_seeds, value_text
from rsmi.report import Quantity, figures

Reports = Sequence[LayerReport]

_ROUNDING = 1e-12
_OPEN = 1e-9
"""An interval this wide has two ends."""


def values(reports: Reports, layer: str, name: str) -> list[Value]:
    """One quantity or estimator of one layer, seed by seed."""
    rows = [report[layer] for report in reports]
    return [
        row.quantities[name] if name in row.quantities else row.estimators[name] for row in rows
    ]


def middle(value: Value) -> float:
    """A number, or the middle of an interval."""
    return value.value if isinstance(value, Estimate) else value.middle


def mean(reports: Reports, layer: str, name: str) -> Estimate:
    """Average over seeds with the error of the seeds; an interval counts with its middle."""
    average = over_seeds(values(reports, layer, name))
    return Estimate(average.mean, _error(average), "estimate", n=average.n)


def layer_names(reports: Reports) -> list[str]:
    """Names of the layers, in the order of use."""
    return [row.name for row in reports[0].rows]


def averaged_row(reports: Reports, layer: str) -> LayerRow:
    """A layer whose estimators are means over seeds with the error of the seeds."""
    row = reports[0][layer]
    column = {name: mean(reports, layer, name) for name in row.estimators}
    return LayerRow(row.name, row.kind, row.width, {}, {}, column)


def averaged_cell(reports: Reports, layer: str, name: str) -> str:
    """Mean with the error of the seeds; `lower..upper` where these are further apart.

    Where they are not, half their distance is added to the error.
    """
    row = reports[0][layer]
    if name not in row.quantities and name not in row.estimators:
        return "-"
    found = values(reports, layer, name)
    if len(found) == 1:
        return _single(found[0])
    average = over_seeds(found)
    return _bracketed(average.mean, average.half_width, _error(average))


def _single(value: Value) -> str:
    if isinstance(value, Estimate) or value.is_exact:
        return value_text(value)
    error = max(value.lower.error, value.upper.error)
    return _bracketed(value.middle, 0.5 * abs(value.width), error)


def _bracketed(middle: float, half: float, error: float) -> str:
    """One number, or two ends.

    >>> _bracketed(7.82, 0.01, 0.1), _bracketed(5.0, 1.0, 0.1)
    ('7.82(11)', '4.00..6.00')
    """
    if half > max(error, _OPEN):
        return f"{middle - half:.2f}..{middle + half:.2f}"
    return format_with_error(middle, error + half if half > _OPEN else error)


def averaged_quantities(reports: Reports, **context: Plain) -> list[Quantity]:
    """Every quantity of every layer, averaged over seeds."""
    found = []
    for row in reports[0].rows:
        for name in [*row.quantities, *row.estimators]:
            average = over_seeds(values(reports, row.name, name))
            own: dict[str, Plain] = {**context, "layer_kind": row.kind, "seeds": average.n}
            parts = {"estimator_error": average.estimator_error, "half_width": average.half_width}
            own |= {part: size for part, size in parts.items() if size > _ROUNDING}
            estimate = Estimate(average.mean, _error(average), "estimate")
            found.append(Quantity.of(f"layers.{row.name}.{name}", estimate, **own))
    return found


def depth_series(label: str, reports: Reports, name: str, dashed: bool = False) -> figures.Depth:
    """One quantity against depth, with the error of the seeds; ends of intervals averaged."""
    layers = layer_names(reports)
    means = [mean(reports, layer, name) for layer in layers]
    halves = [over_seeds(values(reports, layer, name)).half_width for layer in layers]
    return figures.Depth(
        label,
        [m.value - half for m, half in zip(means, halves, strict=True)],
        [m.value + half for m, half in zip(means, halves, strict=True)],
        [m.error for m in means],
        dashed,
    )


def paths(
    by_epoch: Mapping[int, Reports], x: str = "I(X;T)", y: str = "I(T;Y)"
) -> list[figures.Path]:
    """The way of each layer through the information plane, averaged over seeds."""
    first = next(iter(by_epoch.values()))
    return [
        figures.Path(
            layer,
            [mean(reports, layer, x).value for reports in by_epoch.values()],
            [mean(reports, layer, y).value for reports in by_epoch.values()],
        )
        for layer in layer_names(first)
    ]


def change(before: Reports, after: Reports, layers: Sequence[str], name: str) -> Estimate:
    """Mean over layers of a quantity's change, with the error of the seeds.

    The change is taken seed by seed, so that what the seeds differ in at both times drops out.
    """
    early, late = _layer_means(before, layers, name), _layer_means(after, layers, name)
    return _over([b - a for a, b in zip(early, late, strict=True)])


def rise(reports: Reports, first: str, last: str, name: str) -> Estimate:
    """How much a quantity rises from one layer to another, with the error of the seeds."""
    low, high = (_layer_means(reports, [layer], name) for layer in (first, last))
    return _over([b - a for a, b in zip(low, high, strict=True)])


def signed(value: Estimate) -> str:
    """A change as text, with its sign and the error of the seeds.

    >>> signed(Estimate(0.5, 0.1, "estimate")), signed(Estimate(0.0, 0.0, "exact"))
    ('+0.50(10)', '0')
    """
    if value.error == 0:
        return "0" if abs(value.value) < _ROUNDING else f"{value.value:+.2f}"
    text = format_with_error(value.value, value.error)
    return text if value.value < 0 else f"+{text}"


def _over(per_seed: Sequence[float]) -> Estimate:
    average = over_seeds([Estimate(value, 0.0, "estimate") for value in per_seed])
    return Estimate(average.mean, _error(average), "estimate", n=average.n)


def _layer_means(reports: Reports, layers: Sequence[str], name: str) -> list[float]:
    """Mean over layers of one quantity, seed by seed."""
    columns = [values(reports, layer, name) for layer in layers]
    return [sum(map(middle, seed)) / len(layers) for seed in zip(*columns, strict=True)]


def _error(average: SeedAverage) -> float:
    """The error of the seeds, without what is rounding."""
    return average.seed_error if average.seed_error > _ROUNDING else 0.0
