"""What is measured of each network, and of all seeds of one kind."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from torch import nn

from rsmi.cli.studies.averages import Reports
from rsmi.cli.studies.twelve_bits.task import TwelveBits
from rsmi.layers import (
    Estimators,
    Inputs,
    LayerReport,
    Options,
    activation_ranges,
    analyse_layers,
    quantise,
)

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

    def __init__(self, task: TwelveBits, inputs: Inputs, workers: int) -> None:
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
