"""Everything that was measured, under the names by which tables and figures speak of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from rsmi.cli.studies.averages import Reports, layer_names
from rsmi.cli.studies.twelve_bits.measured import Measured
from rsmi.cli.studies.twelve_bits.task import Kind, TwelveBits


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

    def __init__(self, task: TwelveBits, reports: Mapping[Kind, Mapping[int, Measured]]) -> None:
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
