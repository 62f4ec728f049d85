"""What is said of these networks, each with the number that decides it."""

from collections.abc import Iterator
from dataclasses import dataclass

from rsmi.cli.studies.averages import change, mean, rise, signed
from rsmi.cli.studies.twelve_bits.found import Found
from rsmi.cli.studies.twelve_bits.task import Kind
from rsmi.information import Estimate
from rsmi.report import Quantity

_SIGMAS = 3.0
_NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Claim:
    """A sentence with its number.

    Args:
        name: Last part but one of the quantity's name.
        text: What is said, for a positive number.
        value: Nats, with the error of the seeds.
        kind: Whose.
    """

    name: str
    text: str
    value: Estimate
    kind: Kind

    @property
    def verdict(self) -> str:
        """`seen`, `opposite` or `not seen`, at three standard errors of the seeds."""
        if abs(self.value.value) <= _SIGMAS * self.value.error:
            return "not seen"
        return "seen" if self.value.value > 0 else "opposite"

    @property
    def cell(self) -> str:
        """Number and verdict."""
        return f"{signed(self.value)} {self.verdict.replace(' ', _NBSP)}"

    def quantity(self) -> Quantity:
        """For `result.json`."""
        name = f"layers.claim.{self.name}.{self.kind.name}"
        return Quantity.of(name, self.value, verdict=self.verdict, text=self.text)


def claims_of(found: Found, kind: Kind) -> list[Claim]:
    """All claims of one kind of network."""
    return [Claim(name, text, value, kind) for name, text, value in _claims(found, kind)]


def _claims(found: Found, kind: Kind) -> Iterator[tuple[str, str, Estimate]]:
    before, after = found.ends(kind)
    fixed, relative = found.fixed(), found.relative()
    plain, rounded = found.exact(None), found.exact(found.task.levels[0])
    late, both = found.late, " and ".join(found.late)
    first, last = found.hidden[0], found.hidden[-1]
    early, done = rounded.of(before), rounded.of(after)
    gain = change(before.plain, after.plain, found.hidden, fixed.x)
    yield "fixed_bins", f"training raises I(X;T), {fixed.label}", gain
    gain = change(before.plain, after.plain, found.hidden, relative.x)
    yield "range_bins", f"training raises I(X;T), {relative.label}", gain
    deeper = rise(early, first, last, rounded.x)
    yield "untrained", f"untrained, H(X|T) rises from {first} to {last}, {rounded.label}", deeper
    gain = change(before.plain, after.plain, late, plain.x)
    yield "late_inputs", f"training raises H(X|T) of {both}, networks as they are", gain
    gain = change(early, done, late, rounded.x)
    yield "late_inputs_quantised", f"training raises H(X|T) of {both}, {rounded.label}", gain
    gain = change(rounded.of(found.reports[kind][_least(found, kind)]), done, late, rounded.x)
    yield (
        "late_inputs_refilled",
        f"after its least value in training H(X|T) of {both} rises, {rounded.label}",
        gain,
    )
    gain = change(done, early, late, rounded.y)
    yield "late_labels", f"training lowers H(Y|T) of {both}, {rounded.label}", gain


def _least(found: Found, kind: Kind) -> int:
    """The epoch at which the late layers forget least, averaged over seeds."""
    measure = found.exact(found.task.levels[0])

    def forgotten(epoch: int) -> float:
        reports = measure.of(found.reports[kind][epoch])
        return sum(mean(reports, layer, measure.x).value for layer in found.late)

    return min(found.reports[kind], key=forgotten)
