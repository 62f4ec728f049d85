"""What is measured of each network, under the names by which tables and figures speak of it."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from torch import nn

from rsmi.layers import (
    Estimators,
    Inputs,
    LayerReport,
    Options,
    activation_ranges,
    analyse_layers,
    quantise,
)
from studies.averages import Reports, layer_names
from studies.twelve_bits.settings import Kind, Settings

_LAYERS = ("T*", "output")
_BOUNDED = {nn.Tanh: (-1.0, 1.0), nn.Softmax: (0.0, 1.0)}
"""Units whose range is known beforehand, so that levels do not move with the weights."""


@dataclass(frozen=True)
class Measured:
    """All seeds of one kind of network at one epoch.

    Args:
        plain: The networks as they are, with bins.
        kernels: The kernel bounds.
        rounded: The quantised networks, by number of levels.
    """

    plain: Reports
    kernels: Reports
    rounded: Mapping[int, Reports]


@dataclass(frozen=True)
class _One:
    plain: LayerReport
    kernels: LayerReport
    rounded: Mapping[int, LayerReport]


class Measurer:
    """Measures networks of one study.

    Args:
        task: Settings.
        inputs: Every pattern.
        workers: Networks measured at once.
    """

    def __init__(self, task: Settings, inputs: Inputs, workers: int) -> None:
        self.task, self.inputs, self.workers = task, inputs, workers

    def all(
        self, networks: Mapping[int, Sequence[nn.Module]], progress: Callable[[int, int], None]
    ) -> dict[int, Measured]:
        """Measure the networks of every epoch; only the ends with all numbers of levels."""
        ends = (self.task.at[0], self.task.at[-1])
        jobs = [
            (net, self.task.levels if epoch in ends else self.task.levels[:1])
            for epoch, nets in networks.items()
            for net in nets
        ]
        found: list[_One] = []
        with ThreadPoolExecutor(self.workers) as pool:
            for one in pool.map(lambda job: self._one(*job), jobs):
                found.append(one)
                progress(len(found), len(jobs))
        count = len(jobs) // len(networks)
        return {
            epoch: _together(found[place * count : (place + 1) * count])
            for place, epoch in enumerate(networks)
        }

    def _one(self, net: nn.Module, levels: Sequence[int]) -> _One:
        task = self.task
        whole = nn.Sequential(OrderedDict([*net.named_children(), ("output", nn.Softmax(1))]))
        bins = Estimators(fixed_widths=task.fixed_widths, range_bins=task.range_bins)
        kernels = Estimators(kernel_sigmas=(task.kernel_sigma,))
        return _One(
            self._analysed(whole, Options(estimators=bins, keep=self.inputs.n or 0)),
            _only_estimators(
                self._analysed(whole, Options(estimators=kernels, keep=task.kernel_rows))
            ),
            {count: self._analysed(self._rounded(whole, count), Options()) for count in levels},
        )

    def _rounded(self, net: nn.Module, levels: int) -> nn.Module:
        own = activation_ranges(net, self.inputs, _LAYERS)
        fixed = {
            name: _BOUNDED[type(unit)]
            for name, unit in net.named_children()
            if type(unit) in _BOUNDED
        }
        return quantise(net, _LAYERS, levels, own | fixed)

    def _analysed(self, net: nn.Module, options: Options) -> LayerReport:
        return analyse_layers(net, self.inputs, layers=_LAYERS, options=options)


def _together(ones: Sequence[_One]) -> Measured:
    return Measured(
        [one.plain for one in ones],
        [one.kernels for one in ones],
        {levels: [one.rounded[levels] for one in ones] for levels in ones[0].rounded},
    )


def _only_estimators(report: LayerReport) -> LayerReport:
    """Without the quantities, which another report of the same network holds."""
    return replace(report, rows=[replace(row, quantities={}) for row in report.rows])


@dataclass(frozen=True)
class Measure:
    """One way of measuring.

    Args:
        label: For people.
        x: Name of the quantity or estimator of I(X;T) or H(X|T).
        y: Of I(T;Y) or H(Y|T).
        levels: Of the quantised network that is measured; None for the network as it is.
        kernel: Whether it stands in the reports of the kernels.
    """

    label: str
    x: str
    y: str
    levels: int | None = None
    kernel: bool = False

    def of(self, measured: Measured) -> Reports:
        """The reports that hold it."""
        if self.kernel:
            return measured.kernels
        return measured.plain if self.levels is None else measured.rounded[self.levels]


class Found:
    """Reports of all kinds of networks at all epochs.

    Args:
        task: Settings.
        reports: By kind and epoch.
    """

    def __init__(self, task: Settings, reports: Mapping[Kind, Mapping[int, Measured]]) -> None:
        self.task, self.reports = task, reports
        some = next(iter(reports.values()))[task.at[0]]
        self.layers = layer_names(some.plain)
        self.hidden = [layer for layer in self.layers if layer != "output"]
        self.late = self.hidden[-2:]
        entropy = some.plain[0].entropy_x
        assert entropy is not None  # of a finite set
        self.entropy_x = entropy.value

    def ends(self, kind: Kind) -> tuple[Measured, Measured]:
        """Untrained and trained."""
        epochs = self.reports[kind]
        return epochs[self.task.at[0]], epochs[self.task.at[-1]]

    def exact(self, levels: int | None, forgotten: bool = True) -> Measure:
        """Exact values of the networks as they are, or quantised."""
        label = "as they are" if levels is None else f"{levels} levels"
        x, y = ("H(X|T)", "H(Y|T)") if forgotten else ("I(X;T)", "I(T;Y)")
        return Measure(label, x, y, levels)

    def fixed(self, width: float | None = None) -> Measure:
        """Bins of fixed width."""
        width = self.task.fixed_widths[0] if width is None else width
        return _estimate(f"bins of {width:g}", f"bins({width:g})")

    def relative(self, bins: int | None = None) -> Measure:
        """Bins over the range of each layer."""
        bins = self.task.range_bins[0] if bins is None else bins
        return _estimate(f"{bins} range bins", f"range_bins({bins})")

    def smoothed(self) -> Measure:
        """Kernels, upper bound."""
        name = f"kernel({self.task.kernel_sigma:g},upper)"
        return _estimate("kernels, upper", name, True)


def _estimate(label: str, name: str, kernel: bool = False) -> Measure:
    return Measure(label, f"{name}.I(X;T)", f"{name}.I(T;Y)", None, kernel)
