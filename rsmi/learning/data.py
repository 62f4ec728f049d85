"""The LightningDataModule: windows from a sample file, divided into three independent parts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from rsmi.errors import InputError
from rsmi.information import block_labels
from rsmi.lattice import Window
from rsmi.learning.windows import WindowPool
from rsmi.storage import Samples, Subset, iterate, open_samples, split

Batch = tuple[Tensor, Tensor]

_FRACTIONS = (0.7, 0.1, 0.2)
_READ = 4096  # configurations read at once
_TRAINING, _VALIDATION, _TEST, _PARTNERS = range(4)  # streams of random numbers


@dataclass(frozen=True)
class HeldOut:
    """Pairs that no training step saw, for the final value.

    Args:
        v: (n, n_v) int8 blocks.
        e: (n, n_e) int8 environments.
        groups: (n,) int64: windows with different labels are statistically independent.
    """

    v: Tensor
    e: Tensor
    groups: Tensor


class WindowData(pl.LightningDataModule):
    """Blocks and their environments from a file of configurations.

    Whole Markov chains (or, with few chains, separated stretches of them) are kept for
    validation and for the test, so held-out values are truly held out. Training windows are
    drawn afresh in every epoch, from all translations and all symmetries of the block.

    Args:
        path: Sample file: of this project, of `mcising`, or `.npy`/`.npz`.
        window: Block, buffer and environment.
        batch_size: Windows per training step.
        steps_per_epoch: Training steps between two validations.
        configurations: Most configurations held in memory at once, and most in each of the
            validation and test parts; larger files are streamed.
        windows_per_configuration: Windows taken from each test configuration; an eighth of
            them from each validation configuration.
        seed: Of all random choices.
        shuffle_environments: Permute the environments among the configurations, for the null
            in which block and environment are independent.
    """

    def __init__(
        self,
        path: str,
        window: Window,
        batch_size: int = 2048,
        steps_per_epoch: int = 50,
        configurations: int = 16384,
        windows_per_configuration: int = 64,
        seed: int = 0,
        shuffle_environments: bool = False,
    ) -> None:
        super().__init__()
        counts = (batch_size, steps_per_epoch, configurations, windows_per_configuration)
        if min(counts) < 1:
            raise InputError(
                f"batch_size, steps_per_epoch, configurations and windows_per_configuration are "
                f"{list(counts)}; expected whole numbers of at least 1"
            )
        self.path, self.window = path, window
        self.batch_size, self.steps_per_epoch = batch_size, steps_per_epoch
        self.configurations = configurations
        self.windows_per_configuration = windows_per_configuration
        self.seed, self.shuffle_environments = seed, shuffle_environments
        self._parts: tuple[Subset, ...] = ()

    def setup(self, stage: str | None = None) -> None:
        """Open the file and divide it."""
        if self._parts:
            return
        samples = open_samples(self.path)
        self.window.check(samples.shape)
        self._parts = split(samples, _FRACTIONS)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Fresh random windows in every epoch."""
        return DataLoader(_Epoch(self), batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The same windows at every validation."""
        held_out = self._held_out(_VALIDATION, max(1, self.windows_per_configuration // 8))
        return DataLoader(_Slices(held_out.v, held_out.e, 4 * self.batch_size), batch_size=None)

    def test_windows(self) -> HeldOut:
        """The pairs for the value that is reported."""
        self.setup()
        return self._held_out(_TEST, self.windows_per_configuration)

    def training_pool(self, epoch: int) -> WindowPool:
        """The configurations of one epoch: all of them, or a random stretch of a large file."""
        part = self._parts[_TRAINING]
        count = min(self.configurations, part.n)
        start = int(torch.randint(part.n - count + 1, (1,), generator=self.generator(0, epoch)))
        return self._pool(part.read(start, start + count), epoch)

    def generator(self, *stream: int) -> torch.Generator:
        """Random numbers that depend on the seed and the purpose alone."""
        number = self.seed
        for part in stream:
            number = (number * 1_000_003 + part + 1) % (1 << 63)
        return torch.Generator().manual_seed(number)

    def _held_out(self, part: int, windows: int) -> HeldOut:
        configurations, groups = _spread(self._parts[part], self.configurations)
        v, e = self._pool(configurations, part).draw_each(windows, self.generator(part))
        return HeldOut(v, e, groups.repeat_interleave(windows))

    def _pool(self, configurations: Tensor, stream: int) -> WindowPool:
        partners = None
        if self.shuffle_environments:
            generator = self.generator(_PARTNERS, stream)
            partners = torch.randperm(len(configurations), generator=generator)
        return WindowPool(self.window, configurations, partners)


class _Epoch(IterableDataset[Batch]):
    """The training windows of one epoch after another."""

    def __init__(self, data: WindowData) -> None:
        self._data = data
        self._epoch = 0

    def __iter__(self) -> Iterator[Batch]:
        pool = self._data.training_pool(self._epoch)
        generator = self._data.generator(_TRAINING, self._epoch, 1)
        self._epoch += 1
        for _ in range(self._data.steps_per_epoch):
            yield pool.draw(self._data.batch_size, generator)

    def __len__(self) -> int:
        return self._data.steps_per_epoch


class _Slices(IterableDataset[Batch]):
    """Fixed windows in batches."""

    def __init__(self, v: Tensor, e: Tensor, size: int) -> None:
        self._v, self._e, self._size = v, e, size

    def __iter__(self) -> Iterator[Batch]:
        return zip(self._v.split(self._size), self._e.split(self._size), strict=True)

    def __len__(self) -> int:
        return math.ceil(len(self._v) / self._size)


def _spread(samples: Samples, most: int) -> tuple[Tensor, Tensor]:
    """Records spread evenly over a source, about `most` configurations, with block labels."""
    step = math.ceil(samples.n / most)
    labels = block_labels(samples.n, samples.chains)
    chosen = (torch.arange(samples.n) // samples.chains) % step == 0
    batches = zip(iterate(samples, _READ), chosen.split(_READ), strict=True)
    kept = [batch[mask] for batch, mask in batches]
    return torch.cat(kept), labels[chosen]
