"""What can be done with every model, and where it cannot, the physical reason."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rsmi.errors import InputError
from rsmi.sampling.families.interface import Example, Family, Setup
from rsmi.sampling.families.parameters import complete
from rsmi.sampling.families.registry import families

VERBS = ("sample", "fit", "information", "exact", "exponents", "flow")
"""Draw; learn a rule; bound information from samples; solve a window; iterate a rule."""


@dataclass(frozen=True)
class Row:
    """One example of a family, and what can be done with it.

    Args:
        family: Of the model.
        example: The model.
    """

    family: Family
    example: Example

    @property
    def name(self) -> str:
        """Family, and what is special about the example."""
        return ", ".join(part for part in (self.family.name, self.example.said) if part)

    def model(self) -> Any:
        """The model itself."""
        family, example = self.family, self.example
        temperature = family.check_temperature(example.temperature, example.shape)
        chosen = complete(family.name, family.parameters, example.parameters)
        update = example.update or family.updates[0]
        return family.model(Setup(example.shape, temperature, chosen, update, seed=0))

    def reasons(self) -> dict[str, str]:
        """For each of `VERBS` the reason why it cannot be done; empty where it can."""
        model = self.model()
        space = _refusal(self.family.space, model)
        listed = space or _refusal(self.family.enumerate, model)
        flow = self.family.iteration(model)
        return dict(zip(VERBS, ("", space, space, listed, flow, flow), strict=True))

    def solved_by(self) -> str:
        """How its windows are solved exactly, for people."""
        transfer = self.family.pair(self.model()) is not None
        return "transfer matrices, infinite lattices too" if transfer else self.family.listed


def verb_rows() -> list[Row]:
    """Every example of every family.

    >>> mazes = next(row for row in verb_rows() if row.name == "mazes")
    >>> [verb for verb, reason in mazes.reasons().items() if reason]
    ['exponents', 'flow']
    """
    return [Row(family, example) for family in families.values() for example in family.examples]


def _refusal(ask: Callable[[Any], Any], model: Any) -> str:
    try:
        ask(model)
    except InputError as error:
        return str(error)
    return ""
