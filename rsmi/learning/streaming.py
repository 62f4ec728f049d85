"""The LightningDataModule without a file: windows straight from a running Markov chain."""

import itertools
from collections.abc import Iterator
from copy import copy
from typing import Self

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Space, Window
from rsmi.lattice.alphabet import SPIN
from rsmi.learning.symmetry import find_symmetry
from rsmi.learning.windowed import (
    TEST,
    TRAINING,
    VALIDATION,
    Batch,
    WindowedData,
    at_least_one,
    stretches,
)
from rsmi.learning.windows import WindowPool
from rsmi.sampling import EquilibrationReport, Sampler, equilibrate
from rsmi.sampling.families import family_of
from rsmi.sampling.families.planes import up


class StreamingWindowData(WindowedData):
    """Blocks and their environments from chains that go on while the trainer works.

    All chains are brought to equilibrium once. Some of them then give the configurations for
    validation and test and never enter training. The others are the pool from which training
    windows are drawn; it moves on by `thin` sweeps after every `steps_per_refresh` batches. A
    thread of its own draws ahead, so the trainer waits only where the sampler is the slower one.
    Which windows a step sees depends on the seeds alone.

    Args:
        sampler: The update, with its model and seed.
        window: Block, buffer and environment.
        chains: Chains in the pool.
        held_out_chains: Chains for validation (a third of them) and test.
        held_out_records: Configurations kept of each of these.
        batch_size: Windows per training step.
        steps_per_epoch: Training steps between two validations.
        steps_per_refresh: Training steps from one state of the pool to the next.
        windows_per_configuration: Windows taken from each test configuration; an eighth of
            them from each validation configuration.
        seed: Of the choice of windows.
        shuffle_environments: Give each block the environment of another chain, for the null in
            which block and environment are independent.
        thin: Sweeps from one state of the pool to the next; measured where it is None.
        equilibration: Sweeps to drop first; measured where it is None.
        device: Where the chains are, and the windows drawn from them: `cpu` or `cuda`.

    Raises:
        InputError: For a number out of range or a window that does not fit the lattice.

    >>> from rsmi.sampling import Ising, SwendsenWang
    >>> sampler = SwendsenWang(Ising((8, 8), 0.4), seed=1)
    >>> data = StreamingWindowData(
    ...     sampler, Window((2, 2), 1), chains=4, held_out_chains=3, held_out_records=2,
    ...     batch_size=5, thin=1, equilibration=10,
    ... )
    >>> data.test_windows().v.shape
    torch.Size([256, 4])
    """

    report: EquilibrationReport
    """How equilibrium was reached; known after `setup`."""

    def __init__(
        self,
        sampler: Sampler,
        window: Window,
        chains: int = 256,
        held_out_chains: int = 64,
        held_out_records: int = 64,
        batch_size: int = 2048,
        steps_per_epoch: int = 50,
        steps_per_refresh: int = 10,
        windows_per_configuration: int = 64,
        seed: int = 0,
        shuffle_environments: bool = False,
        thin: int | None = None,
        equilibration: int | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            window, batch_size, steps_per_epoch, windows_per_configuration, seed,
            shuffle_environments,
        )  # fmt: skip
        at_least_one(
            chains=chains, held_out_records=held_out_records, steps_per_refresh=steps_per_refresh
        )
        if held_out_chains < 2:
            raise InputError(
                f"held_out_chains is {held_out_chains}; expected at least 2, one for validation "
                "and one for the test"
            )
        self._family = family_of(sampler.model)
        if self._family is None:
            self.lay(Space.hypercubic(sampler.model.shape, SPIN))
        else:
            self.lay(self._family.space(sampler.model))
        self.sampler = sampler
        self.chains, self.held_out_chains = chains, held_out_chains
        self.held_out_records, self.steps_per_refresh = held_out_records, steps_per_refresh
        self.device = torch.device(device)
        self._wishes = (equilibration, thin)
        self._kept: Tensor | None = None
        self._own, self._validating = slice(None), slice(self._border)

    def setup(self, stage: str | None = None) -> None:
        """Reach equilibrium, take down the held-out configurations, and test their symmetries."""
        if self._kept is not None:
            return
        state = self.sampler.initial(self.held_out_chains + self.chains).to(self.device)
        self.report = equilibrate(self.sampler, state, *self._wishes)
        held_out = state[: self.held_out_chains].clone()
        self._pool_state = state[self.held_out_chains :].clone()
        self._sweep = self.report.discarded
        kept = []
        for _ in range(self.held_out_records):
            self._advance(held_out)
            kept.append(held_out.cpu().clone())
        self._kept = torch.stack(kept)
        letters = self._letters(self._kept.flatten(0, 1))
        chains, space = self.held_out_chains, self.placement.space
        self.symmetry = find_symmetry(letters, chains, space, self._family is not None)

    def stream(self) -> Iterator[Batch]:
        """Windows of the pool, which moves on as they are drawn, from its first state on."""
        state, sweep = self._pool_state.clone(), self._sweep
        for refresh in itertools.count():
            # The held-out chains ended at this sweep: no random number serves twice.
            self.sampler.advance(state, sweep + refresh * self.report.thin, self.report.thin)
            pool = self._pool(state)
            generator = self.generator(TRAINING, refresh)
            for _ in range(self.steps_per_refresh):
                yield pool.draw(self.batch_size, generator)

    def training_pool(self, epoch: int) -> WindowPool:
        """The chains as they are when training begins."""
        return self._pool(self._pool_state)

    def divided(self) -> tuple[Self, Self]:
        """The same with the one or the other half of the chains of the pool; see `WindowedData`."""
        self.setup()
        if self.chains < 2 or self._border < 2:
            raise InputError(
                f"chains is {self.chains}, held_out_chains {self.held_out_chains}; expected at "
                "least 2 and 6, so that a rule and the predictor that values it have their own"
            )
        choice, value = copy(self), copy(self)
        pool, validation = self.chains // 2, self._border // 2
        choice._own, value._own = slice(pool), slice(pool, None)
        choice._validating, value._validating = slice(validation), slice(validation, self._border)
        choice._words, value._words, choice._cut, value._cut = {}, {}, {}, {}
        return choice, value

    def amounts(self) -> dict[str, int]:
        """Chains that train, and configurations of the validation and the test."""
        found = {"training": len(range(self.chains)[self._own])}
        for name, part in (("validation", VALIDATION), ("test", TEST)):
            found[name] = self.held_out_records * len(self._chains(part))
        return found

    def held_out(self, part: int) -> tuple[Tensor, Tensor, int]:
        """All records of the validation or of the test chains."""
        assert self._kept is not None, "setup comes first"
        own = self._chains(part)
        configurations = self._kept[:, own.start : own.stop]
        records, chains = configurations.shape[:2]
        letters = self._letters(configurations.flatten(0, 1))
        return letters, stretches(records * chains, chains), chains

    @property
    def _border(self) -> int:
        """Where the held-out chains of the test begin."""
        return max(1, self.held_out_chains // 3)

    def _chains(self, part: int) -> range:
        """Which of the held-out chains are those of VALIDATION or TEST."""
        own = {VALIDATION: self._validating, TEST: slice(self._border, None)}[part]
        return range(self.held_out_chains)[own]

    def _pool(self, state: Tensor) -> WindowPool:
        """The chains of the pool that train here."""
        own = state[self._own]
        return self.pool(self._letters(own), len(own))

    def _letters(self, states: Tensor) -> Tensor:
        """Letters of a model that is known; two-valued spins of any other sampler."""
        if self._family is None:
            return up(states)
        return self._family.letters(self.sampler.model, states)

    def _advance(self, state: Tensor) -> None:
        self.sampler.advance(state, self._sweep, self.report.thin)
        self._sweep += self.report.thin
