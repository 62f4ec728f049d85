"""The model of a sample file, rebuilt from what the file says."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.sampling.exact.universality import CriticalPoint
from rsmi.sampling.families import Family, families
from rsmi.storage.header import SampleHeader
from rsmi.storage.recipe import SampleRecipe


@dataclass(frozen=True)
class Recorded:
    """A model with its family.

    Args:
        family: The kind of model.
        model: The model itself.
    """

    family: Family
    model: Any

    @cached_property
    def space(self) -> Space:
        """Where the letters of a configuration live.

        Raises:
            InputError: For a lattice whose sites are not alike.
        """
        return self.family.space(self.model)

    @property
    def bits(self) -> bool:
        """Whether the stored bits are the letters, in their order."""
        kind = type(self.family)
        return kind.letters is Family.letters and kind.decode is Family.decode

    def letters(self, stored: torch.Tensor) -> torch.Tensor:
        """Stored configurations as letters of the space, int8 (n, *space.shape)."""
        return self.family.letters(self.model, self.decode(stored)).to(torch.int8)

    @cached_property
    def iteration(self) -> str:
        """Why no rule can be iterated on them; empty where nothing speaks against it."""
        return self.family.iteration(self.model)

    @cached_property
    def critical(self) -> CriticalPoint | None:
        """The critical point that the model is meant for; None where it is unknown."""
        return self.family.critical(self.model)

    def decode(self, stored: torch.Tensor) -> torch.Tensor:
        """Stored configurations of +1 and -1 as physical states."""
        return self.family.decode(self.model, stored)

    def heights(self, stored: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The height field of stored configurations, see `Family.heights`."""
        return self.family.heights(self.model, self.decode(stored))

    def defects(self, stored: torch.Tensor, seed: int, first: int) -> torch.Tensor:
        """Counts of two defects in stored configurations, see `Family.defects`."""
        return self.family.defects(self.model, self.decode(stored), seed, first)

    def observables(self, stored: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the configurations alone tell, by name."""
        found = self.family.observables(self.model, self.decode(stored))
        return {name: v for name, v in found.items() if name not in self.family.unchecked}


def recorded(header: SampleHeader) -> Recorded | None:
    """The model of a file; None for a model that this version does not know.

    Raises:
        InputError: Where the recipe in the file does not fit its spins.
    """
    if header.model not in families:
        return None
    family = families[header.model]
    model = family.recorded(header.shape, header.couplings)
    if model is not None:  # files of other programs need no recipe of ours
        return Recorded(family, model)
    recipe = SampleRecipe.from_yaml(header.recipe)
    found = Recorded(recipe.family, recipe.family.model(recipe.setup))
    if found.family.stored_shape(found.model) != header.shape:
        raise InputError(
            f"the recipe in the file asks for configurations of shape "
            f"{list(found.family.stored_shape(found.model))}, but they have {list(header.shape)}; "
            "the file was changed after it was written"
        )
    return found
