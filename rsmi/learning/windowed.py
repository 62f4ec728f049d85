"""What every source of windows for training shares, whether a file or a running sampler."""

import math
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from rsmi.errors import InputError
from rsmi.information import block_labels
from rsmi.lattice import Placement, Space, Window, place, word_index
from rsmi.learning.prefetch import Prefetch
from rsmi.learning.symmetry import DataSymmetry
from rsmi.learning.windows import Images, WindowPool
from rsmi.sampling.order import LEAST_BLOCKS

Batch = tuple[Tensor, Tensor]

TRAINING, VALIDATION, TEST = range(3)
"""Parts of the configurations, and streams of random numbers."""

RENAMING, COUNTING, BEGINNING = 3, 4, 5
"""Further streams."""

_AT_ONCE = 256  # configurations whose letters are renamed at once
_AHEAD = 64  # batches drawn before they are asked for
_COUNTED = 1 << 17  # windows whose words are counted
_PARTS, _IN_PART = 64, 1024  # windows for what is known in closed form
_STRETCHES, _PER_CHAIN = 64, 16  # least number of labels, in all and of each of few chains


@dataclass(frozen=True)
class HeldOut:
    """Pairs that no training step saw, for the final value.

    Args:
        v: (n, n_v) int8 letters of blocks.
        e: (n, n_e) int8 letters of environments.
        groups: (n,) int64 labels of stretches of Markov chains, those of one chain in a row.
        chains: Number of independent chains, each with the same number of labels.
        symmetry: What symmetries the configurations have.
    """

    v: Tensor
    e: Tensor
    groups: Tensor
    chains: int
    symmetry: DataSymmetry


class WindowedData(pl.LightningDataModule):
    """Blocks and their environments, drawn at random from configurations.

    A subclass gives the stream of training batches, the configurations that are held out, and in
    `setup` the symmetries that the configurations have. A thread of its own draws ahead of the
    trainer.

    Args:
        window: Block, buffer and environment.
        batch_size: Windows per training step, of all devices together.
        steps_per_epoch: Training steps between two validations.
        windows_per_configuration: Windows taken from each test configuration; an eighth of
            them from each validation configuration.
        seed: Of all random choices.
        shuffle_environments: Give each block the environment of another chain, for the null in
            which block and environment are independent.

    Raises:
        InputError: For a number below 1.
    """

    placement: Placement
    """The window in the space of the configurations; known after `setup`."""

    symmetry: DataSymmetry
    """What symmetries the configurations have; known after `setup`."""

    def __init__(
        self,
        window: Window,
        batch_size: int,
        steps_per_epoch: int,
        windows_per_configuration: int,
        seed: int,
        shuffle_environments: bool,
    ) -> None:
        super().__init__()
        self.window = window
        self.batch_size, self.steps_per_epoch = batch_size, steps_per_epoch
        self.windows_per_configuration = windows_per_configuration
        self.seed, self.shuffle_environments = seed, shuffle_environments
        self._ahead: Prefetch[Batch] | None = None
        self._images: Images | None = None
        self._words: dict[int, tuple[Tensor, Tensor] | None] = {}
        self._cut: dict[tuple[int, int], HeldOut] = {}
        self._turn = 0
        at_least_one(
            batch_size=batch_size,
            steps_per_epoch=steps_per_epoch,
            windows_per_configuration=windows_per_configuration,
        )

    def stream(self) -> Iterator[Batch]:
        """Training batches without end; the same ones whenever it is called."""
        raise NotImplementedError

    def held_out(self, part: int) -> tuple[Tensor, Tensor, int]:
        """Letters of VALIDATION or TEST, labels of stretches of chains, how many chains."""
        raise NotImplementedError

    def training_pool(self, epoch: int) -> WindowPool:
        """The configurations that training windows of an epoch are drawn from."""
        raise NotImplementedError

    def turned(self, turn: int) -> Self:
        """The same parts with other training windows, as another seed would draw them."""
        self.setup("fit")
        other = copy(self)
        other._turn = turn
        return other

    def shuffled(self) -> Self:
        """The same parts, each block beside the environment of another chain."""
        self.setup("fit")
        other = copy(self)
        other.shuffle_environments, other._cut = True, {}
        return other

    def divided(self) -> tuple[Self, Self]:
        """The same for the choice of a rule, and for what it is worth.

        They share no training configurations, and not those of the validation; the test part of
        both is that of all.

        Raises:
            InputError: For too few configurations.
        """
        raise NotImplementedError

    def amounts(self) -> dict[str, int]:
        """How many configurations the training, the validation and the test draw from."""
        raise NotImplementedError

    def train_dataloader(self) -> DataLoader[Batch]:
        """Fresh random windows in every epoch, from the beginning of the stream."""
        self._stop()
        self._ahead = Prefetch(map(self._share, self.stream()), _AHEAD)
        return DataLoader(_Epochs(self._ahead, self.steps_per_epoch), batch_size=None)

    def teardown(self, stage: str) -> None:
        """End the thread that draws ahead."""
        self._stop()

    def val_dataloader(self) -> DataLoader[Batch]:
        """The same windows at every validation."""
        held_out = self._windows(VALIDATION, max(1, self.windows_per_configuration // 8))
        return DataLoader(_Slices(held_out.v, held_out.e, 4 * self.batch_size), batch_size=None)

    def test_windows(self) -> HeldOut:
        """The pairs for the value that is reported."""
        self.setup("test")
        return self._windows(TEST, self.windows_per_configuration)

    def generator(self, *stream: int) -> torch.Generator:
        """Random numbers that depend on the seed and the purpose alone."""
        number = self.seed + (self._turn if stream[0] == TRAINING else 0)
        for part in stream:
            number = (number * 1_000_003 + part + 1) % (1 << 63)
        return torch.Generator().manual_seed(number)

    def lay(self, space: Space) -> None:
        """Place the window.

        Raises:
            InputError: For a window that does not fit the space.
        """
        self.placement = place(self.window, space)

    def without_symmetry(self) -> None:
        """Take the windows as they are, neither turned nor with other letters."""
        self.symmetry = replace(self.symmetry, group=self.symmetry.group[:1], declared=False)
        self._images = None
        self._cut = {}  # copies keep theirs

    def some_windows(self) -> Batch:
        """Training windows in all their images, 65536 of them."""
        pool, generator = self.training_pool(0), self.generator(BEGINNING)
        v, e = zip(*(pool.draw(_IN_PART, generator) for _ in range(_PARTS)), strict=True)
        return torch.cat(v), torch.cat(e)

    def frequent_words(self, most: int) -> tuple[Tensor, Tensor] | None:
        """The words that blocks of training windows make.

        Args:
            most: How many different ones there may be.

        Returns:
            The letters (S, n_v) int8 in the order of `rsmi.lattice.words`, and how often each came
            (S,). All words are there if half of them come, else those that come, with all images
            under the symmetries of the letters; None where there are too many.
        """
        if most not in self._words:
            self._words[most] = self._count_words(most)
        return self._words[most]

    def _count_words(self, most: int) -> tuple[Tensor, Tensor] | None:
        q, n_v = self.placement.space.alphabet.size, self.placement.n_visible
        if n_v * math.log(q) > 62 * math.log(2):
            return None
        v, _ = self.training_pool(0).draw(_COUNTED, self.generator(COUNTING))
        numbers = word_index(v, q)
        if len(numbers.unique()) > most:
            return None
        renamed = torch.tensor(self.placement.space.alphabet.symmetries, dtype=torch.int8)
        found = word_index(renamed[:, v.unique(dim=0).long()].flatten(0, 1), q).unique()
        if q**n_v <= min(most, 2 * len(found)):
            found = torch.arange(q**n_v)
        if len(found) > most:
            return None
        counts = torch.bincount(torch.searchsorted(found, numbers), minlength=len(found))
        return (found[:, None] // q ** torch.arange(n_v) % q).to(torch.int8), counts

    def pool(self, configurations: Tensor, chains: int) -> WindowPool:
        """Windows of letters (n, *shape), each block with its own or another environment.

        The other environment is that of the next chain at the same time, or of one chain half of
        it later. So a null sees chains that are none, and a training part that knows the test.
        """
        partners = None
        if self.shuffle_environments:
            n = len(configurations)
            if chains < LEAST_BLOCKS:
                configurations = self._renamed(configurations)
            partners = torch.arange(n).roll(-1 if chains > 1 else -(n // 2))
        if self._images is None:
            place = str(configurations.device)
            self._images = Images(self.placement, self.symmetry.group, place)
        return WindowPool(self._images, configurations, partners)

    def _renamed(self, configurations: Tensor) -> Tensor:
        """Each with its letters renamed at random, as the data allow.

        Few chains stay long in their phases, and would be alike by chance.
        """
        letters = torch.tensor(self.symmetry.letters, dtype=torch.int8).to(configurations.device)
        chosen = torch.randint(
            len(letters), (len(configurations), 1), generator=self.generator(RENAMING)
        ).to(configurations.device)
        flat = configurations.flatten(1)
        parts = zip(chosen.split(_AT_ONCE), flat.split(_AT_ONCE), strict=True)
        return torch.cat([letters[g, part.long()] for g, part in parts]).view_as(configurations)

    def _share(self, batch: Batch) -> Batch:
        """The part of a batch that is this process's, where several devices train together.

        Every so-manieth window, so that each network of a predictor keeps those that it would have.
        """
        if self.trainer is None or self.trainer.world_size == 1:
            return batch
        v, e = (part[self.trainer.global_rank :: self.trainer.world_size] for part in batch)
        return v, e

    def _stop(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def _windows(self, part: int, windows: int) -> HeldOut:
        """The same ones whenever they are asked for, cut once."""
        if (part, windows) not in self._cut:
            configurations, groups, chains = self.held_out(part)
            v, e = self.pool(configurations, chains).draw_each(windows, self.generator(part))
            groups = groups.repeat_interleave(len(v) // len(groups))
            self._cut[part, windows] = HeldOut(v, e, groups, chains, self.symmetry)
        return self._cut[part, windows]


def stretches(n: int, chains: int) -> Tensor:
    """Labels of many whole chains, or of stretches of few that show how these are correlated."""
    few = chains < _STRETCHES
    return block_labels(n, chains, max(_STRETCHES, _PER_CHAIN * chains) if few else chains)


def at_least_one(**numbers: int) -> None:
    """Raise InputError for a number below 1, naming it."""
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name} is {number}; expected a whole number of at least 1")


class _Epochs(IterableDataset[Batch]):
    """A stream in epochs, each of which goes on where the last one ended."""

    def __init__(self, stream: Prefetch[Batch], steps: int) -> None:
        self._stream, self._steps = stream, steps

    def __iter__(self) -> Iterator[Batch]:
        return islice(self._stream, self._steps)

    def __len__(self) -> int:
        return self._steps


class _Slices(IterableDataset[Batch]):
    """Fixed windows in batches."""

    def __init__(self, v: Tensor, e: Tensor, size: int) -> None:
        self._v, self._e, self._size = v, e, size

    def __iter__(self) -> Iterator[Batch]:
        return zip(self._v.split(self._size), self._e.split(self._size), strict=True)

    def __len__(self) -> int:
        return math.ceil(len(self._v) / self._size)
