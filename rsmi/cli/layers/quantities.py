"""Reports of layers as quantities of `result.json`."""

from collections.abc import Iterator

from rsmi.cli.layers.cells import Value
from rsmi.information import Estimate, Plain
from rsmi.layers import Interval, LayerReport
from rsmi.report import Quantity


def report_quantities(report: LayerReport, **context: Plain) -> list[Quantity]:
    """Every number of a report; an interval is two quantities of one name.

    Args:
        report: What was measured.
        **context: Added to every quantity, such as the network's name.
    """
    about = [
        Quantity.of(f"layers.{name}", end, **context)
        for name, value in (("H(X)", report.entropy_x), ("H(Y)", report.entropy_y))
        for end in ends(value)
    ]
    layers = [
        Quantity.of(name.replace(" ", "_"), estimate, None, **context, **own)
        for name, estimate, own in report.estimates()
    ]
    return [*about, *layers, findings(report, **context)]


def findings(report: LayerReport, **context: Plain) -> Quantity:
    """How much the audit found, and what."""
    texts = [f"{f.check}: {f.layer}: {f.text}" for f in report.findings]
    return Quantity(
        "layers.findings", len(texts), 0.0, "exact", "1", None, {**context, "texts": texts}
    )


def ends(value: Value | None) -> Iterator[Estimate]:
    """The numbers of a value: none, one, or lower and upper."""
    if isinstance(value, Interval):
        yield value.lower
        if not value.is_exact:
            yield value.upper
    elif value is not None:
        yield value
