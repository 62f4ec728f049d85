"""Networks beside RG layers in figures."""

from collections.abc import Sequence
from pathlib import Path

from rsmi.cli.studies.averages import depth_series
from rsmi.cli.studies.ising_phases.found import Lattice
from rsmi.report import Figure, figures
from rsmi.report.layers import series

_SHOWN = ("H(X|T)", "H(Y|T)")


def pictures(lattices: Sequence[Lattice], most: tuple[float, float], target: Path) -> list[Figure]:
    """Draw everything into a directory.

    Args:
        lattices: What was measured.
        most: I(T1;E) of the best rule, and I(V;E) of the whole block.
        target: The directory.
    """
    return [*(_depth(lattice, target) for lattice in lattices), _traded(lattices, most, target)]


def _depth(lattice: Lattice, target: Path) -> Figure:
    panels = {
        quantity: [
            series(name, group[0], quantity)
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
