"""What training does to layers, side by side for every way of measuring it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from rsmi.cli.layers.printing import sheet, stacked
from rsmi.cli.studies.averages import (
    Reports,
    change,
    depth_series,
    layer_names,
    mean,
    paths,
)
from rsmi.information import Estimate, format_with_error
from rsmi.layers import LayerRow, over_seeds, scale_sweep, scale_verdict
from rsmi.layers.report import Value
from rsmi.report import Figure, Quantity, figures

if TYPE_CHECKING:
    from rsmi.cli.studies.twelve_bits import Measured, TwelveBits

_SIGMAS = 3.0
_SHORT = {"depends on the scale": "sign differs"}


@dataclass(frozen=True)
class Claim:
    """A sentence with the number that decides it.

    Args:
        name: Last part of the quantity's name.
        text: What is said, for a positive number.
        value: Nats, with the error of the seeds.
        activation: Whose.
    """

    name: str
    text: str
    value: Estimate
    activation: str

    @property
    def verdict(self) -> str:
        """`seen`, `opposite` or `not seen`, at three standard errors of the seeds."""
        if abs(self.value.value) <= _SIGMAS * self.value.error:
            return "not seen"
        return "seen" if self.value.value > 0 else "opposite"


class Dispute:
    """Everything the study shows.

    Args:
        task: Settings.
        found: Reports by unit function and epoch.
    """

    def __init__(self, task: "TwelveBits", found: Mapping[str, Mapping[int, "Measured"]]) -> None:
        self.task, self.found = task, found
        self.first, self.last = task.at[0], task.at[-1]
        self.fixed = f"bins({task.fixed_widths[0]:g}).I(X;T)"
        self.relative = f"range_bins({task.range_bins[0]}).I(X;T)"
        self.kernel = f"kernel({task.kernel_sigma:g},upper).I(X;T)"

    def claims(self) -> list[Quantity]:
        """The numbers behind the sentences."""
        return [
            Quantity.of(
                f"layers.claim.{claim.name}.{claim.activation}",
                claim.value,
                verdict=claim.verdict,
                text=claim.text,
            )
            for claim in self._claims()
        ]

    def headline(self) -> list[str]:
        """Names of the quantities shown first on the page: those of the last unit function."""
        last = list(self.found)[-1]
        return [f"layers.claim.{claim.name}.{last}" for claim in self._claims_of(last)]

    def printed(self) -> Table:
        """The table, the verdicts over all scales, and the sentences."""
        columns, rows = self._rows()
        sentences = [f"{c.activation}: {c.text}: {_signed(c)}" for c in self._claims()]
        return stacked(
            [
                Text(f"untrained \N{RIGHTWARDS ARROW} epoch {self.last}, nats, means over seeds"),
                sheet(columns, rows),
                Text("change of I(X;T) in training over all bin widths and numbers of bins"),
                sheet(*self._verdicts()),
                Text("\n".join(sentences)),
                Text(),
            ]
        )

    def figures(self, target: Path) -> list[Figure]:
        """Draw everything into a directory."""
        return [
            self._table_figure(target),
            self._change_figure(target),
            self._depth_figure(target),
            self._plane_figure(target),
        ]

    def _claims(self) -> list[Claim]:
        return [claim for name in self.found for claim in self._claims_of(name)]

    def _claims_of(self, name: str) -> list[Claim]:
        before, after = self.found[name][self.first], self.found[name][self.last]
        hidden = [layer for layer in layer_names(before.plain) if layer.startswith("T")]
        late, width, bins = hidden[-2:], self.task.fixed_widths[0], self.task.range_bins[0]
        gain = change(before.plain, after.plain, hidden, self.fixed)
        still = change(before.plain, after.plain, hidden, self.relative)
        deeper = _difference(before.rounded, hidden[0], hidden[-1], "H(X|T)")
        plain = change(before.plain, after.plain, late, "H(X|T)")
        forgets = change(before.rounded, after.rounded, late, "H(X|T)")
        learns = change(before.rounded, after.rounded, late, "H(Y|T)")
        learns = Estimate(-learns.value, learns.error, "estimate", n=learns.n)
        both = " and ".join(late)
        return [
            Claim(
                "fixed_bins", f"with bins of {width:g} layers gain entropy in training", gain, name
            ),
            Claim(
                "range_bins", f"with {bins} bins over the range layers gain entropy", still, name
            ),
            Claim(
                "untrained", f"untrained, H(X|T) rises from {hidden[0]} to {late[-1]}", deeper, name
            ),
            Claim("late_inputs", f"training raises H(X|T) of {both}, float", plain, name),
            Claim(
                "late_inputs_quantised",
                f"training raises H(X|T) of {both}, {self.task.levels} levels",
                forgets,
                name,
            ),
            Claim("late_labels", f"training lowers H(Y|T) of {both}", learns, name),
        ]

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        columns = [
            "layer",
            "H(X|T)\nfloat",
            f"H(X|T)\n{self.task.levels} levels",
            f"H(Y|T)\n{self.task.levels} levels",
            f"I(X;T)\nbins {self.task.fixed_widths[0]:g}",
            f"I(X;T)\n{self.task.range_bins[0]} bins",
            "I(X;T)\nkernels",
        ]
        rows = []
        for name, epochs in self.found.items():
            rows.append([name])
            before, after = epochs[self.first], epochs[self.last]
            for layer in layer_names(before.plain):
                shown = [
                    (before.plain, after.plain, "H(X|T)"),
                    (before.rounded, after.rounded, "H(X|T)"),
                    (before.rounded, after.rounded, "H(Y|T)"),
                    (before.plain, after.plain, self.fixed),
                    (before.plain, after.plain, self.relative),
                    (before.kernels, after.kernels, self.kernel),
                ]
                rows.append([layer, *(_arrow(a, b, layer, what) for a, b, what in shown)])
        return columns, rows

    def _verdicts(self) -> tuple[list[str], list[list[str]]]:
        """Whether the sign of a binned change is the same at every scale."""
        columns = ["layer"]
        layers = layer_names(next(iter(self.found.values()))[self.first].plain)
        rows = [[layer] for layer in layers]
        for name, epochs in self.found.items():
            before, after = epochs[self.first].plain, epochs[self.last].plain
            for family, label in (("bins", "bin widths"), ("range_bins", "numbers of bins")):
                columns.append(f"{name}\n{label}")
                for row, layer in zip(rows, layers, strict=True):
                    sweep = scale_sweep(
                        averaged_row(before, layer), averaged_row(after, layer), family
                    )
                    row.append(_SHORT.get(scale_verdict(sweep), scale_verdict(sweep)))
        return columns, rows

    def _table_figure(self, target: Path) -> Figure:
        return Figure(
            figures.save(figures.table(*self._rows()), target / "table.png"),
            f"Untrained \N{RIGHTWARDS ARROW} epoch {self.last}, in nats",
            f"Means over seeds. Exact values of the networks as they are (float) and of networks "
            f"that compute with {self.task.levels} levels, beside what bins of a fixed width, bins "
            "over each layer's own range, and kernels (upper bound) print for the same networks. "
            "The claims with their verdicts stand first in the list below.",
        )

    def _change_figure(self, target: Path) -> Figure:
        panels = {}
        for name, epochs in self.found.items():
            before, after = epochs[self.first], epochs[self.last]
            layers = layer_names(before.plain)
            measures = {
                "exact": (before.plain, after.plain, "I(X;T)"),
                f"exact, {self.task.levels} levels": (before.rounded, after.rounded, "I(X;T)"),
                f"bins of {self.task.fixed_widths[0]:g}": (before.plain, after.plain, self.fixed),
                f"{self.task.range_bins[0]} range bins": (before.plain, after.plain, self.relative),
                "kernels": (before.kernels, after.kernels, self.kernel),
            }
            panels[f"{name}: change of I(X;T)"] = [
                _changes(label, layers, *measure) for label, measure in measures.items()
            ]
        return Figure(
            figures.save(figures.depth(layers, panels), target / "change.png"),
            "What training seems to change, by way of measuring",
            f"I(X;T) after {self.last} epochs minus I(X;T) of the same untrained networks, with "
            "the error of the seeds. The networks are the same; only the measure differs.",
        )

    def _depth_figure(self, target: Path) -> Figure:
        panels: dict[str, list[figures.Depth]] = {"H(X|T)": [], "H(Y|T)": []}
        for name, epochs in self.found.items():
            for epoch, label in ((self.first, "untrained"), (self.last, "trained")):
                reports = epochs[epoch].rounded
                for quantity, drawn in panels.items():
                    series = depth_series(
                        f"{name}, {label}", reports, quantity, epoch == self.first
                    )
                    drawn.append(series)
        layers = layer_names(reports)
        return Figure(
            figures.save(figures.depth(layers, panels), target / "depth.png"),
            f"Entropy against depth, {self.task.levels} levels per unit",
            "Exact values of the quantised networks, means over seeds with the error of the seeds.",
        )

    def _plane_figure(self, target: Path) -> Figure:
        panels = {}
        for name, epochs in self.found.items():
            panels[f"{name}, exact, {self.task.levels} levels"] = paths(
                {epoch: measured.rounded for epoch, measured in epochs.items()}
            )
        for estimate, label in (
            (self.fixed, f"bins of {self.task.fixed_widths[0]:g}"),
            (self.relative, f"{self.task.range_bins[0]} range bins"),
            (self.kernel, "kernels, upper"),
        ):
            for name, epochs in self.found.items():
                reports = {
                    epoch: m.kernels if estimate == self.kernel else m.plain
                    for epoch, m in epochs.items()
                }
                y = estimate.replace("I(X;T)", "I(T;Y)")
                panels[f"{name}, {label}"] = paths(reports, estimate, y)
        epochs_text = ", ".join(map(str, self.task.at))
        return Figure(
            figures.save(figures.plane(panels), target / "plane.png"),
            "The information plane over training",
            f"Each layer at epochs {epochs_text}, from the hollow to the filled symbol, means over "
            "seeds. Only the first row measures a network that exists. The kernel bounds are "
            f"evaluated on {self.task.kernel_rows} patterns, so they cannot exceed "
            f"ln {self.task.kernel_rows}. result.json holds these and all other numbers; the list "
            "below holds exact values before and after training.",
        )


def averaged_row(reports: Reports, layer: str) -> LayerRow:
    """A layer whose estimators are means over seeds with the error of the seeds."""
    row = reports[0][layer]
    column = {name: mean(reports, layer, name) for name in row.estimators}
    return LayerRow(row.name, row.kind, row.width, {}, {}, column)


def _arrow(before: Reports, after: Reports, layer: str, name: str) -> str:
    old, new = mean(before, layer, name).value, mean(after, layer, name).value
    return f"{abs(old):.2f}\N{RIGHTWARDS ARROW}{abs(new):.2f}"


def _changes(
    label: str, layers: list[str], before: Reports, after: Reports, name: str
) -> figures.Depth:
    found = [change(before, after, [layer], name) for layer in layers]
    middle = [one.value for one in found]
    return figures.Depth(label, middle, middle, [one.error for one in found])


def _difference(reports: Reports, first: str, last: str, name: str) -> Estimate:
    """How much a quantity rises from one layer to another, with the error of the seeds."""
    rises = [
        Estimate(
            _middle(r[last].quantities[name]) - _middle(r[first].quantities[name]), 0.0, "exact"
        )
        for r in reports
    ]
    average = over_seeds(rises)
    return Estimate(average.mean, average.seed_error, "estimate", n=average.n)


def _middle(value: Value) -> float:
    return value.value if isinstance(value, Estimate) else value.middle


def _signed(claim: Claim) -> str:
    number = format_with_error(claim.value.value, claim.value.error)
    return f"{claim.verdict} ({number} nats)"
