"""What was measured of a network, layer by layer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rsmi.information import Estimate, Outcome, Quantity
from rsmi.layers.inputs import InputKind
from rsmi.layers.interval import Interval, Value


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
        """Every number of every network; an interval is two of one name, whose kinds differ."""
        return [
            quantity.about(network=name)
            for name, report in self.networks.items()
            for quantity in report._own()
        ]

    def _own(self) -> Iterator[Quantity]:
        for name, known in (("H(X)", self.entropy_x), ("H(Y)", self.entropy_y)):
            for end in [] if known is None else _ends(known):
                yield Quantity.of(f"layers.{name}", end)
        for row in self.rows:
            about = {"layer": row.name, "layer_kind": row.kind, "inputs": self.inputs}
            layer = f"layers.{row.name.replace(' ', '_')}"
            for name, value in row.quantities.items():
                for end in _ends(value):
                    yield Quantity.of(f"{layer}.{name}", end).about(**about)
            for name, estimate in row.estimators.items():
                found = Quantity.of(f"{layer}.{name}", estimate)
                yield found.about(**about, column="estimators")
        texts = [f"{f.check}: {f.layer}: {f.text}" for f in self.findings]
        context = {"texts": texts}
        yield Quantity("layers.findings", len(texts), 0.0, "exact", "1", None, context)

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


def some(names: Sequence[str], between: str, most: int | None) -> str:
    """The first names, and how many there are more.

    >>> some(["a", "b", "c"], ", ", 2)
    'a, b and 1 more'
    """
    if most is None or len(names) <= most:
        return between.join(names)
    return f"{between.join(names[:most])} and {len(names) - most} more"


def _ends(value: Value) -> list[Estimate]:
    if isinstance(value, Estimate):
        return [value]
    return [value.lower] if value.is_exact else [value.lower, value.upper]
