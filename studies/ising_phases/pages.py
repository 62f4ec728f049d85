"""Networks beside RG layers in tables and figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rsmi.information import Estimate, format_with_error
from rsmi.report import Figure, Page, Quantity, Sheet, figures
from rsmi.report.layers import depth_series as one_series
from studies.averages import Reports, averaged_cell, depth_series, middle


@dataclass
class Lattice:
    """All networks on one lattice, under their names.

    Args:
        size: Extent.
        reports: Of the layers, one report per seed.
        kept: I(T1;E) of the networks that apply one rule to every block, with the error of the
            seeds.
        each: The same seed by seed.
        accuracies: Shares of right answers of trained networks.
        best: The largest share there can be.
    """

    size: int
    best: Estimate
    reports: dict[str, Reports] = field(default_factory=dict)
    kept: dict[str, Estimate] = field(default_factory=dict)
    each: dict[str, Sequence[float]] = field(default_factory=dict)
    accuracies: dict[str, Sequence[float]] = field(default_factory=dict)

    def forgotten(self, name: str) -> list[float]:
        """H(X|T1), seed by seed."""
        return [middle(report["T1"].quantities["H(X|T)"]) for report in self.reports[name]]


_COLUMNS = (("T1", "H(X|T)"), ("T1", "H(Y|T)"), ("T2", "H(X|T)"), ("T2", "H(Y|T)"))


def sheet_of(lattice: Lattice, temperatures: Sequence[float]) -> Sheet:
    """One line per network."""
    rows = []
    for name, group in lattice.reports.items():
        cells = [averaged_cell(group, layer, quantity) for layer, quantity in _COLUMNS]
        kept = _number(lattice.kept[name]) if name in lattice.kept else "-"
        rows.append([name, *cells[:2], kept, *cells[2:], _accuracy(lattice, name)])
    heads = [quantity.replace("T", layer) for layer, quantity in _COLUMNS]
    n = lattice.size
    way = "enumerated, exact" if n == 4 else "sampled"
    return Sheet(
        f"{n} x {n} ({way})",
        ["network", *heads[:2], "I(T1;E)", *heads[2:], "accuracy"],
        rows,
        f"Nats. X is a configuration, Y which of the temperatures {temperatures[0]:g} and "
        f"{temperatures[1]:g} it came from (T_c = 2.269); T1 has one bit for each 2 x 2 block, T2 "
        "one bit for the lattice. I(T1;E) is what the bit of one block knows of the spins beyond "
        "a buffer of one site on the critical 6 x 6 torus, exactly; bits of the MLP see the whole "
        "lattice and have no environment. RG layers turn over with the spins, so their T2 knows "
        "nothing of the temperature. Averages are over networks that learned, with the error of "
        "the seeds, to which half the distance of certified lower and upper values of samples is "
        "added. No "
        f"classifier can exceed an accuracy of {_number(lattice.best)}.",
    )


def _number(value: Estimate) -> str:
    return format_with_error(value.value, value.error)


def _accuracy(lattice: Lattice, name: str) -> str:
    reached = lattice.accuracies.get(name)
    if reached is None:
        return "-"
    low, high = min(reached), max(reached)
    return f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f}-{high:.3f}"


_SHOWN = ("H(X|T)", "H(Y|T)")


class Found(Page):
    """All lattices.

    Args:
        lattices: What was measured of each.
        temperatures: The two.
        most: I(T1;E) of the best rule, and I(V;E) of the whole block.
        numbers: Every quantity.
    """

    title = "What phase classifiers and RG layers forget"
    headline = ("information.exact.full", "information.exact.optimum")

    def __init__(
        self,
        lattices: Sequence[Lattice],
        temperatures: Sequence[float],
        most: tuple[float, float],
        numbers: Sequence[Quantity],
    ) -> None:
        self.lattices, self.temperatures = lattices, temperatures
        self.most, self.numbers = most, numbers

    def quantities(self) -> list[Quantity]:
        """Values of rules, of networks and of their layers."""
        return list(self.numbers)

    def sheets(self) -> list[Sheet]:
        """One table per lattice."""
        return [sheet_of(lattice, self.temperatures) for lattice in self.lattices]

    def figures(self, directory: Path) -> list[Figure]:
        """Entropy against depth, and what is kept of the environment."""
        depths = [_depth(lattice, directory) for lattice in self.lattices]
        return [*depths, _traded(self.lattices, self.most, directory)]


def _depth(lattice: Lattice, target: Path) -> Figure:
    panels = {
        quantity: [
            one_series(name, group[0], quantity)
            if len(group) == 1
            else depth_series(name, group, quantity, "untrained" in name)
            for name, group in lattice.reports.items()
        ]
        for quantity in _SHOWN
    }
    n = lattice.size
    return Figure(
        figures.save(figures.depth(["T1", "T2"], panels), target / f"layers_{n}.png"),
        f"{n} x {n}: classifiers beside RG layers of the same widths",
        "What one bit per block (T1) and one bit for the lattice (T2) forget of the configuration "
        "and of the temperature. Averages of networks carry the error of the seeds.",
    )


def _traded(lattices: Sequence[Lattice], most: tuple[float, float], target: Path) -> Figure:
    """What block bits know of their environment against what they forget of the lattice."""
    panels = {
        f"{lattice.size} x {lattice.size}": [
            path for name in lattice.kept for path in _ways(lattice, name)
        ]
        for lattice in lattices
    }
    drawn = figures.plane(panels, limits=(None, most[0]), axes=("H(X|T1)", "I(T1;E)"))
    return Figure(
        figures.save(drawn, target / "environment.png"),
        "What block bits keep of their environment",
        "I(T1;E) of one block on the critical 6 x 6 torus, exact, against H(X|T1) of all blocks. "
        "Convolutional networks go from the hollow symbol (untrained) to the filled one, seed by "
        f"seed; RG layers are fixed, and the best rule differs from the majority only in how it "
        f"decides ties, so that their points coincide. The dotted line is the best rule, "
        f"{most[0]:.4f} nats; "
        f"the whole block knows {most[1]:.4f}.",
    )


def _ways(lattice: Lattice, name: str) -> list[figures.Path]:
    """One point, or for trained networks one line per seed."""
    if "untrained" in name:
        return []
    ends = [
        list(zip(lattice.forgotten(one), lattice.each[one], strict=True))
        for one in (f"{name} untrained", name)
        if one in lattice.each
    ]
    return [
        figures.Path(name, [p[0] for p in way], [p[1] for p in way])
        for way in zip(*ends, strict=True)
    ]
