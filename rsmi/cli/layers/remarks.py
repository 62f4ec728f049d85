"""What a reader of a report must know besides the numbers, each thing once."""

from collections.abc import Sequence

from rsmi.layers import Finding, LayerReport

_SPLIT = {
    "ceiling": (" nats is within ", "within "),
    "beyond": (" nats exceeds ", "exceeds "),
    "rounding": (" of rows ", "rows "),
}
"""Where a finding turns from one layer's number to what is common to all, and how that begins."""


def remarks(report: LayerReport) -> list[str]:
    """Reasons for what is missing, then the findings of the audit."""
    lines = [*report.refusals(), *grouped(report.findings)]
    return lines if report.findings else [*lines, "audit: nothing found"]


def grouped(findings: Sequence[Finding]) -> list[str]:
    """One line for what is found of several layers, with the values and layers it concerns."""
    where: dict[tuple[str, str], dict[str, list[str]]] = {}
    for finding in findings:
        own, text = _own_part(finding)
        layers = where.setdefault((finding.check, text), {})
        layers.setdefault(finding.layer, []).append(own)
    return [
        f"{check}: {text} [{'; '.join(_of_layer(*entry) for entry in layers.items())}]"
        for (check, text), layers in where.items()
    ]


def _own_part(finding: Finding) -> tuple[str, str]:
    split, start = _SPLIT.get(finding.check, ("", ""))
    if not split or split not in finding.text:
        return "", finding.text
    own, _, rest = finding.text.partition(split)
    return own.split(" = ")[0], start + rest


def _of_layer(layer: str, own: Sequence[str]) -> str:
    words = ", ".join(word for word in own if word)
    return f"{layer}: {words}" if words else layer
