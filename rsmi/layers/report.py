"""What was measured of a network, layer by layer: numbers, tables, and what to know of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rsmi.information import Estimate, Outcome, Plain, Quantity, Sheet, format_with_error
from rsmi.layers.inputs import InputKind
from rsmi.layers.interval import Interval, Value

_COLUMNS = ("H(X|T)", "H(Y|T)", "H(X|T,Y)", "H(T)", "I(X;T)", "I(T;Y)")
_NOTE = "estimates depend on their scale and are not comparable with the values above"
_MANY, _PRINTED = 20, 16
"""Of more layers than the first, so many are printed as text."""
_NAMED = 2
"""Layers of many, and values of each, that one remark names."""
_SPLIT = {
    "ceiling": (" nats is within ", "within "),
    "beyond": (" nats exceeds ", "exceeds "),
    "rounding": (" of rows ", "rows "),
    "data processing": (", which no ", "no "),
}
"""Where a finding turns from one layer's number to what is common to all, and how that begins."""


@dataclass(frozen=True)
class Finding:
    """Something that a reader of the numbers must know.

    Args:
        check: Which check found it: `ceiling`, `data processing`, `rounding` ...
        layer: Name of the layer.
        text: What was found.
    """

    check: str
    layer: str
    text: str


@dataclass(frozen=True)
class LayerRow:
    """One layer.

    Args:
        name: As in `select_layers`.
        kind: `deterministic`, `quantised` or `noisy`.
        width: Activations per input.
        quantities: H(T), H(X|T), I(X;T), H(Y|T), I(T;Y), H(X|T,Y), as far as they are defined.
        refused: Why the others are not, by quantity.
        estimators: What binning, kernel densities and so on say; not comparable with the rest.
    """

    name: str
    kind: str
    width: int
    quantities: Mapping[str, Value]
    refused: Mapping[str, str] = field(default_factory=dict)
    estimators: Mapping[str, Estimate] = field(default_factory=dict)

    def interval(self, quantity: str) -> Interval:
        """A quantity known from both sides.

        Raises:
            KeyError: Where it is not.
        """
        value = self.quantities[quantity]
        if not isinstance(value, Interval):
            raise KeyError(quantity)
        return value


@dataclass(frozen=True, repr=False)
class LayerReport(Outcome):
    """All layers, in the order in which the network uses them.

    Args:
        rows: One per layer.
        inputs: Kind of the inputs.
        n: Number of rows they were measured on.
        entropy_x: H(X), where it is known.
        entropy_y: H(Y), with labels.
        findings: Of the audit.
        control: The same of the untrained network, where it was asked for.
    """

    rows: Sequence[LayerRow]
    inputs: InputKind
    n: int
    entropy_x: Estimate | None
    entropy_y: Value | None
    findings: Sequence[Finding] = ()
    control: "LayerReport | None" = None

    @property
    def networks(self) -> dict[str, "LayerReport"]:
        """This report, and that of the untrained control, by name."""
        reports = {"network": replace(self, control=None)}
        return reports if self.control is None else reports | {"untrained": self.control}

    def __getitem__(self, layer: str) -> LayerRow:
        for row in self.rows:
            if row.name == layer:
                return row
        raise KeyError(layer)

    def quantities(self) -> list[Quantity]:
        """Every number; an interval is two quantities of one name, whose kinds differ."""
        return [q for name, one in self.networks.items() for q in one.named(name)]

    def named(self, network: str, **context: Plain) -> list[Quantity]:
        """The numbers of this network alone.

        Args:
            network: Its name, in the context of every number.
            **context: What else stands there.
        """
        return list(_quantities(self, {**context, "network": network}))

    def sheets(self) -> list[Sheet]:
        """For each network what its layers forget and keep, and what estimators print."""
        most = _PRINTED // len(self.networks) if len(self.rows) > _MANY else None
        return [s for name, one in self.networks.items() for s in _sheets(name, one, most)]

    def refusals(self, most: int | None = None) -> list[str]:
        """Why quantities and estimators are not given: a line for each reason.

        Args:
            most: Layers that one line names; all of them without.
        """
        where: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
        for row in self.rows:
            for quantity, reason in row.refused.items():
                quantities, layers = where.setdefault(reason, ({}, {}))
                quantities[quantity], layers[row.name] = None, None
        return [
            f"not given: {', '.join(quantities)} {reason} ({some(list(layers), ', ', most)})"
            for reason, (quantities, layers) in where.items()
        ]


def _quantities(report: LayerReport, about: Mapping[str, Plain]) -> Iterator[Quantity]:
    for name, value in (("H(X)", report.entropy_x), ("H(Y)", report.entropy_y)):
        for end in value_ends(value):
            yield Quantity.of(f"layers.{name}", end, **about)
    for row in report.rows:
        base = f"layers.{row.name}".replace(" ", "_")
        own = {"layer": row.name, "layer_kind": row.kind, "inputs": report.inputs}
        context = {**about, **own}
        for name, value in row.quantities.items():
            for end in value_ends(value):
                yield Quantity.of(f"{base}.{name}", end, **context)
        for name, estimate in row.estimators.items():
            yield Quantity.of(f"{base}.{name}", estimate, **context, column="estimators")
    texts = [f"{f.check}: {f.layer}: {f.text}" for f in report.findings]
    found = {**about, "texts": texts}
    yield Quantity("layers.findings", len(texts), 0.0, "exact", "1", None, found)


def value_ends(value: Value | None) -> list[Estimate]:
    """The numbers of a value: none, one, or lower and upper."""
    if value is None:
        return []
    if isinstance(value, Estimate):
        return [value]
    return [value.lower] if value.is_exact else [value.lower, value.upper]


def value_text(value: Value) -> str:
    """`lower..upper`, one number where it is exact, or one side with its sign.

    >>> value_text(Interval.exact(0.5)), value_text(Estimate(1.25, 0.02, "lower"))
    ('0.5', '>= 1.25(2)')
    """
    if isinstance(value, Estimate):
        sign = {"lower": ">= ", "upper": "<= "}.get(value.kind, "")
        return sign + format_with_error(value.value, value.error)
    ends = [format_with_error(end.value, end.error) for end in (value.lower, value.upper)]
    return ends[0] if value.is_exact else "..".join(ends)


def _sheets(name: str, report: LayerReport, most: int | None) -> Iterator[Sheet]:
    rows = report.rows
    names = [f"{row.name} [{row.width}]" for row in rows]
    shown = [q for q in _COLUMNS if any(q in row.quantities for row in rows)]
    cells = [[n, *_cells(row.quantities, shown)] for n, row in zip(names, rows, strict=True)]
    title, heads = f"{name}: {_described(report)}", ["layer [width]", *shown]
    notes = "\n".join(remarks(report, _NAMED if most else None))
    yield Sheet(title, heads, cells, notes, most=most)
    if estimators := list(dict.fromkeys(e for row in rows for e in row.estimators)):
        heads = ["", *estimators]
        cells = [
            [n, *_cells(row.estimators, estimators)] for n, row in zip(names, rows, strict=True)
        ]
        if len(names) < len(estimators):  # a line for each of what there is more of
            heads, *cells = map(list, zip(heads, *cells, strict=True))
        yield Sheet(f"{name}: estimates, in nats", heads, cells, _NOTE, most=most and most // 2)


def _cells(known: Mapping[str, Value], shown: Sequence[str]) -> list[str]:
    return [value_text(known[name]) if name in known else "-" for name in shown]


def _described(report: LayerReport) -> str:
    """The inputs in one line, with H(X) and H(Y) where they are known."""
    known = [f"{report.n} rows, {report.inputs} inputs"]
    for name, value in (("H(X)", report.entropy_x), ("H(Y)", report.entropy_y)):
        if value is not None:
            known.append(f"{name} = {value_text(value)}")
    return ", ".join([*known, "all in nats"])


def remarks(report: LayerReport, most: int | None = None) -> list[str]:
    """Reasons for what is missing, then the findings of the audit.

    Args:
        report: What was measured.
        most: Layers that one line names; all of them without.
    """
    found = grouped(report.findings, most)
    return [*report.refusals(most), *(found or ["audit: nothing found"])]


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


def some(names: Sequence[str], between: str, most: int | None) -> str:
    """The first names, and how many there are more.

    >>> some(["a", "b", "c"], ", ", 2)
    'a, b and 1 more'
    """
    if most is None or len(names) <= most:
        return between.join(names)
    return f"{between.join(names[:most])} and {len(names) - most} more"
