"""The information plane: what layers take of X and keep of Y, epoch by epoch."""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate, Frontier, Outcome, Plain, Quantity, Sheet, csv_text
from rsmi.layers.counting import dense_labels, row_ids
from rsmi.layers.inputs import Inputs
from rsmi.layers.interval import Interval, Value
from rsmi.layers.report import LayerReport, value_ends, value_text

TAKEN, KEPT = "I(X;T)", "I(T;Y)"
_AT_ONCE = 4096
_COLUMN = re.compile(
    r"layers/(?P<layer>.+)/(?P<name>I\(X;T\)|I\(T;Y\))(/(?P<end>lower|upper|error))?"
)
_EPOCH = "layers/epoch"


@dataclass(frozen=True)
class PlanePoint:
    """One layer at one epoch.

    Args:
        epoch: Counted from 1; 0 is the untrained network.
        layer: Its name.
        taken: I(X;T).
        kept: I(T;Y).
    """

    epoch: int
    layer: str
    taken: Value
    kept: Value


@dataclass(frozen=True, repr=False)
class InformationPlane(Outcome):
    """What each layer takes of the input and keeps of the label in training.

    Args:
        points: One for each layer and epoch, epochs in order.
        frontier: The most that any T could keep, where p(x, y) is enumerated.
        left_out: Layers that have no point, with the reason.
    """

    points: Sequence[PlanePoint]
    frontier: Frontier | None = None
    left_out: Mapping[str, str] | None = None

    @property
    def layers(self) -> list[str]:
        """Names of the layers in the order of use."""
        return list(dict.fromkeys(point.layer for point in self.points))

    @property
    def epochs(self) -> list[int]:
        """Epochs measured, in order."""
        return sorted({point.epoch for point in self.points})

    def way(self, layer: str) -> list[PlanePoint]:
        """One layer, epoch by epoch."""
        return [point for point in self.points if point.layer == layer]

    def quantities(self) -> list[Quantity]:
        """Both values of every point; an interval is two quantities, whose kinds differ."""
        return [
            Quantity.of(
                f"layers.{p.layer.replace(' ', '_')}.{name}", end, layer=p.layer, epoch=p.epoch
            )
            for p in self.points
            for name, value in ((TAKEN, p.taken), (KEPT, p.kept))
            for end in value_ends(value)
        ]

    def rows(self) -> list[dict[str, Plain]]:
        """One row for each layer and epoch: both ends of both values and their error, in nats."""
        return [
            {
                "epoch": p.epoch,
                "layer": p.layer,
                **_columns(TAKEN, p.taken),
                **_columns(KEPT, p.kept),
            }
            for p in self.points
        ]

    def to_csv(self) -> str:
        """The rows as text with a column `epoch`; an end that is not known is empty."""
        return csv_text(self.rows())

    def sheets(self) -> list[Sheet]:
        """Each layer at the first and at the last epoch."""
        first, last = self.epochs[0], self.epochs[-1]
        times = dict.fromkeys((first, last))
        columns = ["layer", *(f"{n}, {e}" for n in (TAKEN, KEPT) for e in times)]
        rows = []
        for layer in self.layers:
            at = {point.epoch: point for point in self.way(layer)}
            values = [[at.get(e) for e in times]] * 2
            cells = [value_text(p.taken) if p else "-" for p in values[0]]
            rows.append([layer, *cells, *(value_text(p.kept) if p else "-" for p in values[1])])
        left = [f"not drawn: {name} ({reason})" for name, reason in (self.left_out or {}).items()]
        told = f"nats, by epoch; 0 is the untrained network, {len(self.epochs)} epochs measured"
        return [Sheet("The information plane", columns, rows, "\n".join([told, *left]))]


def _columns(name: str, value: Value) -> dict[str, Plain]:
    ends = {end.kind: end for end in value_ends(value)}
    exact = ends.get("exact") or ends.get("estimate")
    low, high = ends.get("lower", exact), ends.get("upper", exact)
    return {
        f"{name} lower": None if low is None else low.value,
        f"{name} upper": None if high is None else high.value,
        f"{name} error": max(end.error for end in ends.values()),
    }


def information_plane(
    reports: Sequence[tuple[int, LayerReport]] | str | Path, frontier: Frontier | None = None
) -> InformationPlane:
    r"""Put I(X;T) and I(T;Y) of every layer beside each other, epoch by epoch.

    Args:
        reports: `LayerCallback.reports`: epochs with what was measured; or the path of a
            `metrics.csv` that Lightning's CSVLogger wrote beside a `LayerCallback`.
        frontier: Of `rsmi.information.frontier`, of the p(x, y) that was measured on
            (`rsmi.layers.joint_of`), to be drawn beside the layers.

    Returns:
        Points with their intervals; layers whose I(X;T) is infinite, or that were measured without
        labels, are left out and named.

    Raises:
        InputError: Where no layer has both values, or a file is no such log.

    Source: Tishby and Zaslavsky (2015), arXiv:1503.02406.

    >>> from rsmi.layers import analyse_layers, finite_inputs
    >>> inputs = finite_inputs(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]))
    >>> report = analyse_layers(torch.nn.ReLU(), inputs)
    >>> print(information_plane([(0, report)]).points[0].kept)
    0.69314718 nats (exact)
    """
    if isinstance(reports, str | Path):
        points, left_out = _logged(Path(reports)), dict[str, str]()
    else:
        points, left_out = _reported(reports)
    if not points:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError(
            f"no layer has both I(X;T) and I(T;Y) ({why or 'nothing was measured'}); measure "
            "quantised or noisy layers, or a finite set of inputs, with labels"
        )
    return InformationPlane(points, frontier, left_out)


def _reported(
    reports: Sequence[tuple[int, LayerReport]],
) -> tuple[list[PlanePoint], dict[str, str]]:
    points, left_out = [], dict[str, str]()
    for epoch, report in sorted(reports, key=lambda one: one[0]):
        for row in report.rows:
            values = [row.quantities.get(name) for name in (TAKEN, KEPT)]
            if values[0] is not None and values[1] is not None:
                points.append(PlanePoint(epoch, row.name, values[0], values[1]))
            else:
                missing = TAKEN if values[0] is None else KEPT
                reason = row.refused.get(missing, "was not measured")
                left_out.setdefault(row.name, f"{missing} {reason}")
    return points, left_out


def _logged(path: Path) -> list[PlanePoint]:
    """The points of a `metrics.csv`."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table ({error})") from None
    columns = {name: found for name in (rows or [{}])[0] if (found := _COLUMN.fullmatch(name))}
    if not columns or _EPOCH not in rows[0]:
        raise InputError(
            f"{path} holds no {_EPOCH} and layers/<name>/I(X;T); expected the metrics.csv of a "
            "Lightning CSVLogger whose trainer has a LayerCallback"
        )
    points = []
    for row in rows:
        if row[_EPOCH]:
            measured = _values({columns[n]: row[n] for n in columns if row[n]}, path)
            points += [
                PlanePoint(round(float(row[_EPOCH])), layer, own[TAKEN], own[KEPT])
                for layer, own in measured.items()
                if len(own) == 2
            ]
    return sorted(points, key=lambda point: point.epoch)


def _values(cells: Mapping[re.Match[str], str], path: Path) -> dict[str, dict[str, Value]]:
    """The values of one epoch, by layer and name."""
    parts: dict[tuple[str, str], dict[str, float]] = {}
    for column, text in cells.items():
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{path}: {column[0]} is {text!r}; expected a finite number")
        own = parts.setdefault((column["layer"], column["name"]), {})
        own[column["end"] or "exact"] = number
    found: dict[str, dict[str, Value]] = {}
    for (layer, name), ends in parts.items():
        value = _value(ends)
        if value is not None:
            found.setdefault(layer, {})[name] = value
    return found


def _value(ends: Mapping[str, float]) -> Value | None:
    if "exact" in ends:
        return Interval.exact(ends["exact"])
    if "lower" not in ends:
        return None
    low = Estimate(ends["lower"], ends.get("error", 0.0), "lower")
    if "upper" not in ends:
        return low
    return Interval(low, Estimate(ends["upper"], ends.get("error", 0.0), "upper"))


def joint_of(inputs: Inputs) -> Tensor:
    """p(x, y) of a finite set of inputs with labels, for `rsmi.information.frontier`.

    Args:
        inputs: Of `finite_inputs`; rows with several labels stand there several times.

    Returns:
        (values of x, values of y) float64, summing to 1.

    Raises:
        InputError: For samples, or inputs without labels.

    >>> from rsmi.layers import finite_inputs
    >>> joint_of(finite_inputs(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([1, 0, 1])))
    tensor([[0.0000, 0.3333],
            [0.3333, 0.0000],
            [0.0000, 0.3333]], dtype=torch.float64)
    """
    if inputs.kind != "finite":
        raise InputError(
            f"the inputs are {inputs.kind} samples; p(x, y) is known of a finite set only "
            "(finite_inputs, --inputs finite)"
        )
    ids, labels, weights = [], [], []
    for batch in inputs.stream(_AT_ONCE):
        if batch.y is None:
            raise InputError("the inputs have no labels, so there is no p(x, y); give labels")
        ids.append(row_ids(batch.x))
        labels.append(batch.y)
        equal = torch.ones(len(batch.x), dtype=torch.float64)
        weights.append(equal if batch.weights is None else batch.weights.double())
    x = torch.from_numpy(dense_labels(torch.cat(ids).numpy()).astype(np.int64))
    first = torch.full((int(x.max()) + 1,), len(x)).scatter_reduce(
        0, x, torch.arange(len(x)), "amin"
    )
    x = first.argsort().argsort()[x]
    values, y = torch.cat(labels).unique(return_inverse=True)
    joint = torch.zeros(int(x.max()) + 1, len(values), dtype=torch.float64)
    joint.index_put_((x, y), torch.cat(weights), accumulate=True)
    return joint / joint.sum()
