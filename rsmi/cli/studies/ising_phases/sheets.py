"""Networks beside RG layers in tables."""

from collections.abc import Sequence

from rsmi.cli.studies.averages import averaged_cell
from rsmi.cli.studies.ising_phases.found import Lattice
from rsmi.information import Estimate, format_with_error
from rsmi.report import Sheet

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


def _accuracy(lattice: Lattice, name: str) -> str:
    reached = lattice.accuracies.get(name)
    if reached is None:
        return "-"
    low, high = min(reached), max(reached)
    return f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f}-{high:.3f}"


def _number(value: Estimate) -> str:
    return format_with_error(value.value, value.error)
