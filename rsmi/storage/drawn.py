"""Configurations that are drawn while they are read, and kept nowhere."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.select import AUTO
from rsmi.sampling.threads import cores
from rsmi.storage.base import BaseSamples
from rsmi.storage.generation import Drawing, starting
from rsmi.storage.recipe import SampleRecipe
from rsmi.storage.recorded import Recorded
from rsmi.storage.room import check_memory


class DrawnSamples(BaseSamples):
    """The samples of a recipe, drawn when they are read: once, in order, into no file.

    They are those that `generate` would write, configuration by configuration. Their order can be
    judged when the last one was read, see `check_source`.

    Args:
        recipe: What to draw.
        device: As in `generate`.
        workers: Threads that share the chains; without it one for each processor.

    Attributes:
        device: Where the chains live.

    Raises:
        InputError: Where there is no such device, or memory is too small.

    >>> recipe = SampleRecipe(
    ...     shape=(4, 4), temperature=2.0, chains=2, records=3, seed=1, thin=1, equilibration=5
    ... )
    >>> samples = DrawnSamples(recipe, device="cpu")
    >>> samples.read(0, 5).shape, samples.read(5, 6).shape
    (torch.Size([5, 4, 4]), torch.Size([1, 4, 4]))
    """

    def __init__(
        self, recipe: SampleRecipe, *, device: str = AUTO, workers: int | None = None
    ) -> None:
        self._drawing = Drawing.of(recipe)
        header = self._drawing.header
        what = f"a recipe of {header.chains} chains"
        check_memory(self._drawing.memory, what, "lower chains, and raise records instead")
        self._engine = self._drawing.engine(workers or cores(), device)
        self.device = self._engine.device
        facts: dict[str, str | float] = {"model": header.model, **header.couplings}
        super().__init__(f"what is drawn of {recipe.system}", header.shape, header.n, 1, facts)
        self.chains = header.chains
        self._observed: list[dict[str, NDArray[np.float64]]] = []
        self._left = torch.empty((0, *header.shape), dtype=torch.int8)
        self._next = 0

    @cached_property
    def meaning(self) -> Recorded:
        """The model, as that of a file."""
        return Recorded(self._drawing.recipe.family, self._drawing.model)

    @cached_property
    def records(self) -> Iterator[Tensor]:
        """States of all chains, int8 (chains, *shape) on the device, record after record.

        A state is overwritten by the next one.
        """
        return self._draw()

    def _draw(self) -> Iterator[Tensor]:
        header, sampler = self._drawing.header, self._engine.sampler
        state, facts = starting(self._drawing.recipe, self._engine)
        for record in range(header.records):
            sampler.advance(state, facts["equilibration"] + record * facts["thin"], facts["thin"])
            found = self._drawing.recipe.family.observables(self._drawing.model, state)
            self._observed.append({k: v.cpu().numpy().astype(np.float64) for k, v in found.items()})
            yield state

    def stored(self) -> dict[str, NDArray[np.float64]]:
        """Observables of every configuration, once all are drawn.

        Raises:
            InputError: Before that.
        """
        if len(self._observed) < self._drawing.header.records:
            raise InputError(
                f"{self.source}: the order of configurations is known when all of them are drawn; "
                "read to the end first"
            )
        names = self._observed[0]
        return {name: np.concatenate([one[name] for one in self._observed]) for name in names}

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        if start != self._next:
            raise InputError(
                f"{self.source}: configurations {start}..{stop} were asked for after {self._next}; "
                "what is drawn is kept nowhere and can be read once, in order; generate a file"
            )
        parts = [self._left]
        while sum(map(len, parts)) < stop - start:
            parts.append(self._drawing.stored(next(self.records).cpu().clone()))
        whole = torch.cat(parts)
        self._left, self._next = whole[stop - start :], stop
        return whole[: stop - start].numpy()
