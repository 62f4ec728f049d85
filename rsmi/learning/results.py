"""What is found of rules: a learned rule with all that its value carries, values of given ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import stdev
from typing import Any, Generic, TypeVar

from rsmi.errors import AnalysisError
from rsmi.information import Estimate, Outcome, Quantity
from rsmi.lattice import Placement
from rsmi.learning.growth import LearningCurve
from rsmi.learning.held_out import Bound, null_reason
from rsmi.learning.learn import Learned
from rsmi.learning.rsmi import ceiling
from rsmi.learning.settings import OPTIMA
from rsmi.learning.store import save_rule
from rsmi.learning.symmetry import DataSymmetry
from rsmi.sampling import OrderReport

_Found = TypeVar("_Found", bound=Outcome)


class Refused(AnalysisError, Generic[_Found]):
    """What was found is no result that one can quote.

    Args:
        reason: Why.
        found: All of it, as it would have been handed back.
    """

    def __init__(self, reason: str, found: _Found) -> None:
        super().__init__(reason)
        self.found = found


@dataclass(frozen=True, repr=False)
class LearnedRule(Learned, Outcome):
    """A learned rule and what it is worth.

    Args:
        rule: The hard rule p(h|v).
        bound: Held-out lower bound of I(H:E), with the parts of its error.
        curve: Validation values during training.
        seconds: Spent in training.
        target: What the curve is the information of, see `Learned`.
        symmetry: What symmetries the configurations have.
        order: How much the configurations remember of each other.
        placement: The window in the space of the configurations.
        null: The same for environments of other chains, where it was asked for.
        seeds: Values of trainings from several seeds, in the order of the seeds.
        learning_curve: How the value grows with the number of configurations.
        asked: Largest error that was asked for, in nats.
        beside: Further numbers: other rules on the same windows, exact values, broken symmetries.
        notes: What was done, and what not, in words.
        card: What is recorded beside the rule on disk.
    """

    symmetry: DataSymmetry
    order: OrderReport
    placement: Placement
    null: Bound | None = None
    seeds: tuple[Estimate, ...] = ()
    learning_curve: LearningCurve | None = None
    asked: float | None = None
    beside: tuple[Quantity, ...] = ()
    notes: tuple[str, ...] = ()
    card: Mapping[str, Any] | None = None

    __repr__ = Outcome.__repr__

    def quantities(self) -> list[Quantity]:
        """Value, ceiling and null of the rule, then all else."""
        found = carried(self, self.symmetry, self.null, self.learning_curve)
        return _referred([*found, *_of_seeds(self.seeds), *self.beside])

    def check(self) -> None:
        """Refuse a value that one cannot quote.

        Raises:
            Refused: Where the null is not 0 within three errors (below 0: beyond the value's error
                too), or the error larger than asked.
        """
        null, error = self.null, self.information.error
        reason = "" if null is None else null_reason(null.information, error)
        if not reason and self.asked is not None:
            reason = self.bound.too_wide(self.asked, self.amounts["test"], self.order)
        if reason:
            raise Refused(reason, self)

    def save(self, directory: str | Path) -> None:
        """Write the rule with what is recorded of it, see `rsmi.learning.save_rule`."""
        save_rule(self.rule, directory, dict(self.card or {}))


@dataclass(frozen=True, repr=False)
class RuleValues(Outcome):
    """What rules keep about the environment.

    Args:
        bounds: Held-out lower bounds of I(H:E) by name; `full` is the block as it is, I(V:E).
        symmetry: What symmetries the configurations have.
        order: How much the configurations remember of each other.
        amounts: How many configurations each part had, by its use.
        nulls: Bounds with each block beside the environment of another chain, where they were asked
            for: of the whole block with a posterior, else of each rule.
        asked: Largest error that was asked for, in nats.
        exact: The same from exact conditionals at sampled environments, where these are known.
        notes: What was done, and what not, in words.
    """

    bounds: Mapping[str, Bound]
    symmetry: DataSymmetry
    order: OrderReport
    amounts: Mapping[str, int]
    nulls: Mapping[str, Bound] = field(default_factory=dict)
    asked: float | None = None
    exact: tuple[Quantity, ...] = ()
    notes: tuple[str, ...] = ()

    def quantities(self) -> list[Quantity]:
        """A bound for each rule, the nulls, then exact values."""
        named = [
            bounded(f"information.{name}", bound, self.symmetry).about(configurations=self.amounts)
            for name, bound in self.bounds.items()
        ]
        nulls = (_of_null(f"information.{name}.null", null) for name, null in self.nulls.items())
        return [*named, *nulls, *self.exact]

    def check(self) -> None:
        """Refuse values that one cannot quote.

        Raises:
            Refused: As `LearnedRule.check`.
        """
        reasons = [
            null_reason(null.information, self.bounds[name].information.error)
            for name, null in self.nulls.items()
        ]
        if self.asked is not None:
            n, order = self.amounts["test"], self.order
            reasons += [bound.too_wide(self.asked, n, order) for bound in self.bounds.values()]
        if any(reasons):
            raise Refused(next(filter(None, reasons)), self)


def carried(
    learned: Learned,
    symmetry: DataSymmetry,
    null: Bound | None = None,
    grown: LearningCurve | None = None,
) -> list[Quantity]:
    """What a learned value carries: its parts, the ceiling, the null and the learning curve."""
    value = bounded("information.learned", learned.bound, symmetry)
    bits = ceiling(learned.rule.n_symbols)
    found = [
        value.about(configurations=learned.amounts),
        Quantity("information.ceiling", bits, 0.0, "exact", "nats"),
    ]
    if null is not None:
        found.append(_of_null("information.learned.null", null))
    return found if grown is None else [*found, *grown.quantities()]


def _of_null(name: str, null: Bound) -> Quantity:
    return Quantity.of(name, null.information, 0.0, **null.parts)


def bounded(name: str, bound: Bound, symmetry: DataSymmetry) -> Quantity:
    """A bound as a line of the result: what its error is made of and which symmetries were used."""
    return Quantity.of(name, bound.information, **bound.parts, symmetry=str(symmetry))


def _of_seeds(values: Sequence[Estimate]) -> list[Quantity]:
    """The value of each seed, and the standard deviation between them."""
    if not values:
        return []
    name, spread = "information.learned.seed", stdev(value.value for value in values)
    own = [Quantity.of(f"{name}.{number}", value) for number, value in enumerate(values)]
    error = spread / math.sqrt(2 * (len(values) - 1))
    return [*own, Quantity.of(f"{name}.spread", Estimate(spread, error, "estimate"))]


def _referred(quantities: list[Quantity]) -> list[Quantity]:
    """The learned rule's value beside that of the best rule, where it is known."""
    names = {f"information.exact.{optimum}" for optimum in OPTIMA.values()}
    optima = [quantity for quantity in quantities if quantity.name in names]
    if not optima:
        return quantities
    first = quantities[0].compared(optima[0])
    return [first, *quantities[1:]]
