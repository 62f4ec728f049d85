"""What a reader of a report must know besides the numbers, each thing once."""

from collections.abc import Sequence

from rsmi.layers import Finding, LayerReport
from rsmi.layers.report import some

_SPLIT = {
    "ceiling": (" nats is within ", "within "),
    "beyond": (" nats exceeds ", "exceeds "),
    "rounding": (" of rows ", "rows "),
    "data processing": (", which no ", "no "),
}
"""Where a finding turns from one layer's number to what is common to all, and how that begins."""


def remarks(report: LayerReport, most: int | None = None) -> list[str]:
    """Reasons for what is missing, then the findings of the audit.

    Args:
        report: What was measured.
        most: Layers that one line names; all of them without.
    """
    lines = [
        *report.refusals(most),
        *grouped(report.findings, most),
    ]
    return lines if report.findings else [*lines, "audit: nothing found"]


def grouped(findings: Sequence[Finding], most: int | None = None) -> list[str]:
    """One line for what is found of several layers, with the values and layers it concerns."""
    where: dict[tuple[str, str], dict[str, list[str]]] = {}
    for finding in findings:
        own, text = _own_part(finding)
        layers = where.setdefault((finding.check, text), {})
        layers.setdefault(finding.layer, []).append(own)
    lines = []
    for (check, text), layers in where.items():
        named = some([_of_layer(*entry, most) for entry in layers.items()], "; ", most)
        lines.append(f"{check}: {text} [{named}]")
    return lines


def _own_part(finding: Finding) -> tuple[str, str]:
    split, start = _SPLIT.get(finding.check, ("", ""))
    if not split or split not in finding.text:
        return "", finding.text
    own, _, rest = finding.text.partition(split)
    return own.split(" = ")[0], start + rest


def _of_layer(layer: str, own: Sequence[str], most: int | None) -> str:
    words = some([word for word in own if word], ", ", most)
    return f"{layer}: {words}" if words else layer
