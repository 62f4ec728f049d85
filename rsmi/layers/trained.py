"""What is left of a training of layers: the network, what its layers forget, and comparisons."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from torch import nn

from rsmi.errors import AnalysisError
from rsmi.information import (
    Estimate,
    Listing,
    Outcome,
    Plain,
    Quantity,
    Sheet,
    format_with_error,
)
from rsmi.layers.comparing import SeedAverage, over_seeds
from rsmi.layers.interval import Value
from rsmi.layers.report import LayerReport

if TYPE_CHECKING:
    pass

SHOWN = ("H(X|T)", "H(Y|T)", "H(X|T,Y)", "I(T;Y)")
ACCURACY = "accuracy"
_ROUNDING = 1e-9


@dataclass(frozen=True, repr=False)
class TrainedLayers(Outcome):
    """A network trained by one method, and what its layers forget.

    Args:
        network: The trained network, without heads, in evaluation mode.
        method: Name in `TRAININGS`.
        seed: Of the training.
        report: Of its layers on rows that it never saw (of a finite set: on all), with the
            network before training as control.
        accuracy: Share of rows whose label is the likeliest one given the last layer; None
            without labels of a few classes.
        curves: What held-out rows said after each epoch, for each training.
        seconds: Spent in training.
    """

    network: nn.Sequential
    method: str
    seed: int
    report: LayerReport
    accuracy: Estimate | None
    curves: Mapping[str, Sequence[Mapping[str, float]]]
    seconds: float

    __repr__ = Outcome.__repr__

    def quantities(self) -> list[Quantity]:
        """What the layers of both networks keep and forget, and the accuracy."""
        found = self.report.quantities()
        if self.accuracy is not None:
            found.append(Quantity.of("layers.accuracy", self.accuracy, method=self.method))
        return found

    def sheets(self) -> list[Sheet]:
        """The tables of the report, with the accuracy."""
        sheets = self.report.sheets()
        if self.accuracy is None:
            return sheets
        text = format_with_error(self.accuracy.value, self.accuracy.error)
        row = Sheet("", ["trained by", "accuracy"], [[self.method, text]])
        return [*sheets, row]


@dataclass(frozen=True, repr=False)
class TrainingComparison(Listing):
    """What the layers of networks forget that were trained in different ways.

    Args:
        trained: By name of the way, a network for each seed; none of a way that cannot be used.
        refused: Why, by name of the way.
        reference: The way with which the others are compared.
        best: Largest I(T;Y) of a layer of so many values, where it is known, by layer.
    """

    trained: Mapping[str, Sequence[TrainedLayers]]
    refused: Mapping[str, str]
    reference: str
    best: Mapping[str, Estimate] = field(default_factory=dict)

    __repr__ = Outcome.__repr__

    @property
    def layers(self) -> list[str]:
        """Names of the layers, in the order of use."""
        found = [row.name for runs in self.trained.values() for row in runs[0].report.rows]
        return list(dict.fromkeys(found))

    def values(self, way: str, layer: str, name: str) -> list[Value]:
        """One number of one layer, seed by seed; `accuracy` is one of the last layer."""
        found: list[Value] = []
        for run in self.trained.get(way, ()):
            row = {row.name: row for row in run.report.rows}.get(layer)
            if row is None:
                continue
            last = layer == run.report.rows[-1].name
            if name == ACCURACY and last and run.accuracy is not None:
                found.append(run.accuracy)
            elif name in row.quantities:
                found.append(row.quantities[name])
        return found

    def mean(self, way: str, layer: str, name: str) -> SeedAverage | None:
        """The mean over seeds with their errors; None where there are not two."""
        values = self.values(way, layer, name)
        return over_seeds(values) if len(values) > 1 else None

    def difference(self, way: str, layer: str, name: str) -> Estimate | None:
        """How much larger a number is than that of the reference, with the error of both."""
        own, other = (self.mean(one, layer, name) for one in (way, self.reference))
        if own is None or other is None:
            return None
        error = math.hypot(_error(own), _error(other))
        return Estimate(own.mean - other.mean, error, "estimate", n=own.n)

    def check(self) -> None:
        """Fail if no way could be used.

        Raises:
            AnalysisError: With the first reason.
        """
        if not self.trained:
            raise AnalysisError(
                f"no way of training could be used: {next(iter(self.refused.values()))}"
            )

    def quantities(self) -> list[Quantity]:
        """Means over seeds of each way, then the largest information there can be."""
        found = []
        for way in self.trained:
            for layer in self.layers:
                for name in (*SHOWN, "H(T)", "I(X;T)", ACCURACY):
                    average = self.mean(way, layer, name)
                    if average is not None:
                        found.append(_quantity(way, layer, name, average))
        for layer, best in self.best.items():
            found.append(Quantity.of(f"layers.{layer}.optimum", best, layer=layer))
        return found

    def rows(self) -> list[dict[str, Plain]]:
        """A row for each way, seed and layer: each number with its error."""
        found: list[dict[str, Plain]] = []
        for way, runs in self.trained.items():
            for run in runs:
                for row in run.report.rows:
                    own: dict[str, Plain] = {"way": way, "method": run.method, "seed": run.seed}
                    one = replace(self, trained={way: [run]})
                    own["layer"] = row.name
                    for name in (*SHOWN, ACCURACY):
                        value = next(iter(one.values(way, row.name, name)), None)
                        own[name] = None if value is None else _middle(value)
                        own[f"{name}.error"] = None if value is None else _spread(value)
                    found.append(own)
        return found

    def sheets(self) -> list[Sheet]:
        """What each layer forgets by each way; how that differs from the reference."""
        return [self._forgotten(), *self._differences()]

    def _forgotten(self) -> Sheet:
        columns = [*SHOWN, *(["of best"] if self.best else []), ACCURACY]
        rows = []
        for layer in self.layers:
            rows += [[layer]] if len(self.layers) > 1 else []
            for way in [*self.trained, *self.refused]:
                rows.append([way, *(self._cell(way, layer, name) for name in columns)])
        runs = next(iter(self.trained.values()))
        seen = "all inputs" if runs[0].report.inputs == "finite" else "rows that were never seen"
        said = [f"nats, of {seen}; means over {len(runs)} seeds with the error of the seeds"]
        if self.best:
            said.append("of best: I(T;Y) over the largest of any layer of so many values")
        said += [f"{way}, left out: {reason}" for way, reason in self.refused.items()]
        title = f"What layers forget, by way of training ({self._entropies()})"
        return Sheet(title, ["trained by", *columns], rows, "\n".join(said))

    def _entropies(self) -> str:
        report = next(iter(self.trained.values()))[0].report
        known = {"H(X)": report.entropy_x, "H(Y)": report.entropy_y}
        return ", ".join(
            f"{name} = {_middle(value):.5g}" for name, value in known.items() if value is not None
        )

    def _cell(self, way: str, layer: str, name: str) -> str:
        if way in self.refused:
            return "left out"
        if name == "of best":
            kept, best = self.mean(way, layer, "I(T;Y)"), self.best.get(layer)
            if kept is None or best is None:
                return ""
            return format_with_error(kept.mean / best.value, _error(kept) / best.value)
        average = self.mean(way, layer, name)
        return "" if average is None else _text(average)

    def _differences(self) -> list[Sheet]:
        others = [way for way in self.trained if way != self.reference]
        names = [*SHOWN[:3], ACCURACY]
        rows = [
            [f"{way}, {layer}", *(_sigmas(self.difference(way, layer, name)) for name in names)]
            for layer in self.layers
            for way in others
        ]
        if not rows or self.reference not in self.trained:
            return []
        said = (
            "difference of the means (of intervals: of their middles) in standard errors of the "
            "seeds; = where both are the same to rounding, inf where they differ and no seed "
            "scatters"
        )
        title = f"What changes against {self.reference}"
        return [Sheet(title, ["trained by", *names], rows, said)]


def _quantity(way: str, layer: str, name: str, average: SeedAverage) -> Quantity:
    unit = "1" if name == ACCURACY else "nats"
    mean = Estimate(average.mean, _error(average), "estimate", unit, average.n)
    context: dict[str, Plain] = {"way": way, "layer": layer, "seeds": average.n}
    context["half_width"] = average.half_width
    return Quantity.of(f"layers.{layer}.{name}", mean, None, **context)


def _error(average: SeedAverage) -> float:
    """The error of the seeds, without what is rounding."""
    return average.seed_error if average.seed_error > _ROUNDING else 0.0


def _text(average: SeedAverage) -> str:
    """The mean with its error, to which half the distance of lower and upper value is added."""
    wide = average.half_width if average.half_width > _ROUNDING else 0.0
    return format_with_error(average.mean, _error(average) + wide)


def _sigmas(change: Estimate | None) -> str:
    """A difference in its standard error.

    >>> _sigmas(Estimate(0.5, 0.1, "estimate")), _sigmas(Estimate(0.0, 0.0, "estimate"))
    ('+5.0', '=')
    """
    if change is None:
        return ""
    if change.error == 0:
        return (
            "=" if abs(change.value) < _ROUNDING else f"{math.copysign(math.inf, change.value):+}"
        )
    return f"{change.value / change.error:+.1f}"


def _middle(value: Value) -> float:
    return value.value if isinstance(value, Estimate) else value.middle


def _spread(value: Value) -> float:
    if isinstance(value, Estimate):
        return value.error
    return max(value.lower.error, value.upper.error) + 0.5 * value.width
