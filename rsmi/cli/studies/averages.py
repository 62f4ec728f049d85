"""Reports of several seeds as averages whose error is that of the seeds."""

from collections.abc import Mapping, Sequence

from rsmi.information import Estimate
from rsmi.layers import LayerReport, SeedAverage, over_seeds
from rsmi.layers.report import Value
from rsmi.report import Quantity, figures
from rsmi.report.plain import Plain

Reports = Sequence[LayerReport]

_ROUNDING = 1e-12


def values(reports: Reports, layer: str, name: str) -> list[Value]:
    """One quantity or estimator of one layer, seed by seed."""
    rows = [report[layer] for report in reports]
    return [
        row.quantities[name] if name in row.quantities else row.estimators[name] for row in rows
    ]


def mean(reports: Reports, layer: str, name: str) -> Estimate:
    """Average over seeds with the error of the seeds; an interval counts with its middle."""
    average = over_seeds(values(reports, layer, name))
    return Estimate(average.mean, _error(average), "estimate", n=average.n)


def layer_names(reports: Reports) -> list[str]:
    """Names of the layers, in the order of use."""
    return [row.name for row in reports[0].rows]


def averaged_quantities(reports: Reports, **context: Plain) -> list[Quantity]:
    """Every quantity of every layer, averaged over seeds."""
    found = []
    for row in reports[0].rows:
        for name in [*row.quantities, *row.estimators]:
            average = over_seeds(values(reports, row.name, name))
            about = {"estimator_error": average.estimator_error, "half_width": average.half_width}
            own: dict[str, Plain] = {**context, "layer_kind": row.kind, "seeds": average.n, **about}
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
    per_seed = [
        sum(_middle(late) - _middle(early) for early, late in zip(*pair, strict=True)) / len(layers)
        for pair in zip(_by_seed(before, layers, name), _by_seed(after, layers, name), strict=True)
    ]
    average = over_seeds([Estimate(value, 0.0, "estimate") for value in per_seed])
    return Estimate(average.mean, _error(average), "estimate", n=average.n)


def _error(average: SeedAverage) -> float:
    """The error of the seeds, without what is rounding."""
    return average.seed_error if average.seed_error > _ROUNDING else 0.0


def _by_seed(reports: Reports, layers: Sequence[str], name: str) -> list[list[Value]]:
    by_layer = [values(reports, layer, name) for layer in layers]
    return [list(column) for column in zip(*by_layer, strict=True)]


def _middle(value: Value) -> float:
    return value.value if isinstance(value, Estimate) else value.middle
