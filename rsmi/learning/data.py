"""The LightningDataModule: windows from a sample file, divided into three independent parts."""

import itertools
import math
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Self

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Window
from rsmi.learning.symmetry import find_symmetry, most_records
from rsmi.learning.windowed import TEST, TRAINING, Batch, WindowedData, at_least_one, stretches
from rsmi.learning.windows import WindowPool
from rsmi.sampling import OrderReport
from rsmi.sampling.order import LEAST_BLOCKS, LENGTH_OF_BLOCK
from rsmi.storage import Samples, Selection, Subset, check_source, split
from rsmi.storage.interface import space_of

_FRACTIONS = (0.7, 0.1, 0.2)
_DIVISION = (0.55, 0.35, 0.1)  # of the training part: a rule, its predictor, when that one stops
_LEAST_GAP = 10  # records
_READ = 4096  # configurations read at once


class WindowData(WindowedData):
    """Blocks and their environments from a file of configurations.

    Whole Markov chains (or, with few chains, separated stretches of them) are kept for
    validation and for the test, so held-out values are truly held out. Training windows are
    drawn afresh in every epoch, from all translations and those symmetries of the block that the
    training configurations do not contradict.

    Args:
        path: Sample file or collection of this project, file of `mcising`, `.npy`/`.npz`, or
            samples that are open already.
        window: Block, buffer and environment.
        batch_size: Windows per training step, of all devices together.
        steps_per_epoch: Training steps between two validations.
        configurations: Most configurations held in memory at once, and most in each of the
            validation and test parts; larger files are streamed.
        windows_per_configuration: Windows taken from each test configuration; an eighth of
            them from each validation configuration.
        seed: Of all random choices.
        shuffle_environments: Give each block the environment of another chain, for the null in
            which block and environment are independent.
        select: Which samples of a collection, or which temperature of an `mcising` file.

    Raises:
        InputError: In `setup`, for a window that does not fit, or configurations that
            `rsmi.storage.check_source` refuses.
    """

    order: OrderReport
    """How much the configurations remember of each other; known after `setup`."""

    def __init__(
        self,
        path: str | Samples,
        window: Window,
        batch_size: int = 2048,
        steps_per_epoch: int = 50,
        configurations: int = 16384,
        windows_per_configuration: int = 64,
        seed: int = 0,
        shuffle_environments: bool = False,
        select: Selection = Selection(),  # noqa: B008, it is frozen
    ) -> None:
        super().__init__(
            window, batch_size, steps_per_epoch, windows_per_configuration, seed,
            shuffle_environments,
        )  # fmt: skip
        at_least_one(configurations=configurations)
        self.path, self.select = path, select
        self.configurations = configurations
        self._parts: tuple[Subset, ...] = ()
        self._stretch: tuple[int, Tensor] | None = None

    def setup(self, stage: str | None = None) -> None:
        """Open the file, divide it, and test which symmetries the training part has."""
        if self._parts:
            return
        samples = self.open()
        self.order = check_source(samples)
        self.lay(space_of(samples))
        parts = self._split(samples, _FRACTIONS)
        test, part = parts[TEST], parts[TRAINING]
        if self.order.frozen and test.chains < LEAST_BLOCKS:
            raise InputError(
                f"{samples.source}: neither energy nor magnetisation ever change, so its rows are "
                "worth one for each chain and no error can be told; expected rows that fluctuate, "
                f"or at least {5 * LEAST_BLOCKS} chains; bring others"
            )
        self.order.blocks_of(test.n, test.chains)  # refuses too few
        letters, _ = _spread(part, most_records(self.placement.space.n_sites))
        declared = samples.model is not None
        self.symmetry = find_symmetry(letters, part.chains, self.placement.space, declared)
        self._parts = parts

    def open(self) -> Samples:
        """The samples that the windows are cut from."""
        return self.select.open(self.path) if isinstance(self.path, str) else self.path

    def stream(self) -> Iterator[Batch]:
        """Fresh random windows, from other configurations of a large file in every epoch."""
        for epoch in itertools.count():
            pool = self.training_pool(epoch)
            generator = self.generator(TRAINING, epoch, 1)
            for _ in range(self.steps_per_epoch):
                yield pool.draw(self.batch_size, generator)

    def training_pool(self, epoch: int) -> WindowPool:
        """The configurations of one epoch: all of them, or a random stretch of a large file."""
        part = self._parts[TRAINING]
        count = min(self.configurations, part.n)
        start = int(torch.randint(part.n - count + 1, (1,), generator=self.generator(0, epoch)))
        if self._stretch is None or self._stretch[0] != start:
            self._stretch = None  # two at once would take twice the memory
            self._stretch = start, part.letters(start, start + count)
        return self.pool(self._stretch[1], part.chains)

    def divided(self) -> tuple[Self, Self]:
        """The same for the choice of a rule, and for what it is worth; see `WindowedData`."""
        self.setup()
        training, validation, test = self._parts
        rule, predictor, stop = self._split(training, _DIVISION)
        return self._of(rule, validation, test), self._of(predictor, stop, test)

    def shared(self, pieces: int) -> list[Self]:
        """The same with a piece of the training part each, which have nothing in common.

        Args:
            pieces: How many of equal size.

        Raises:
            InputError: For too few configurations.
        """
        self.setup()
        training, *others = self._parts
        chains, records = training.chains, training.n // training.chains
        if chains >= max(3, pieces):
            chains -= chains % pieces
        else:
            records -= (records - self._gap * (pieces - 1)) % pieces
        whole = Subset(training, range(chains), range(records))
        parts = self._split(whole, [1 / pieces] * pieces)
        return [self._of(part, *others) for part in parts]

    def amounts(self) -> dict[str, int]:
        """Configurations that the training, the validation and the test draw from."""
        self.setup()
        training, validation, test = (part.n for part in self._parts)
        return {"training": training, "validation": validation, "test": test}

    def held_out(self, part: int) -> tuple[Tensor, Tensor, int]:
        """Records spread evenly over a part, about `configurations` of them."""
        samples = self._parts[part]
        return *_spread(samples, self.configurations), samples.chains

    def _split(self, samples: Samples, shares: Sequence[float]) -> tuple[Subset, ...]:
        """Parts that have forgotten each other."""
        return split(samples, shares, self._gap)

    @property
    def _gap(self) -> int:
        """Records between parts of the same chains."""
        return forgotten(self.order)

    def _of(self, *parts: Subset) -> Self:
        other = copy(self)
        other._parts, other._words, other._cut, other._stretch = parts, {}, {}, None
        return other


def forgotten(order: OrderReport) -> int:
    """Records after which a chain has forgotten what it was."""
    memory = math.ceil(LENGTH_OF_BLOCK * order.time) if math.isfinite(order.time) else 0
    return max(_LEAST_GAP, memory)


def _spread(samples: Samples, most: int) -> tuple[Tensor, Tensor]:
    """Records spread evenly over a source, about `most` configurations, with block labels.

    Only these records are read, so a file larger than memory costs no more than a small one.
    """
    chains, step = samples.chains, math.ceil(samples.n / most)
    chosen = torch.arange(0, samples.n // chains, step)
    labels = stretches(samples.n, chains).view(-1, chains)[chosen].flatten()
    together = max(1, _READ // chains) if step == 1 else 1
    starts = chosen[::together].tolist()
    stops = [min((start + together) * chains, samples.n) for start in starts]
    kept = [samples.letters(a * chains, b) for a, b in zip(starts, stops, strict=True)]
    return torch.cat(kept), labels
