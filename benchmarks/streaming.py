"""Batches per second: the trainer alone, and fed from a file or straight from a sampler."""

import itertools
import tempfile
import time
from collections.abc import Iterator

import pytorch_lightning as pl
import torch
from measurement import Measurement, critical_samples

from rsmi.lattice import Window
from rsmi.learning.data import WindowData
from rsmi.learning.learn import learn, make_trainer, quiet_lightning
from rsmi.learning.posterior import PosteriorRSMI
from rsmi.learning.streaming import StreamingWindowData
from rsmi.learning.windowed import Batch, WindowedData
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang

SIDE, EPOCHS, WINDOW = 64, 4, Window((2, 2), buffer=1)


class Fixed(WindowedData):
    """One batch again and again: nothing but the trainer takes time."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(WINDOW, len(batch[0]), 50, 8, 0, False)
        self._batch = batch

    def stream(self) -> Iterator[Batch]:
        return itertools.repeat(self._batch)

    def held_out(self, part: int) -> tuple[torch.Tensor, torch.Tensor]:
        spins = 2 * torch.randint(2, (256, SIDE, SIDE), dtype=torch.int8) - 1
        return spins, torch.arange(256)


def main() -> Measurement:
    torch.set_num_threads(1)
    path = str(critical_samples(SIDE, 1000))
    sampler = SwendsenWang(Ising((SIDE, SIDE), CRITICAL_COUPLING), seed=1)
    file = WindowData(path, WINDOW, configurations=8192, windows_per_configuration=8)
    live = StreamingWindowData(
        sampler, WINDOW, chains=128, held_out_chains=32, held_out_records=32, steps_per_refresh=20,
        windows_per_configuration=8,
    )  # fmt: skip
    live.setup()
    file.setup()
    batch = next(file.stream())
    alone = [fed(stream) for stream in (file.stream(), live.stream())]
    trained = [training(data) for data in (Fixed(batch), file, live)]
    return Measurement(
        f"trainer fed by a file {trained[1]:.0f} batches/s, by a running sampler {trained[2]:.0f}",
        f"trainer alone {trained[0]:.0f}; file alone {alone[0]:.0f}, sampler alone {alone[1]:.0f} "
        f"(a refresh of 128 chains of {SIDE}^2 by {live.report.thin} sweeps every 20 batches)",
        f"file {trained[1] / trained[0]:.2f}, sampler {trained[2] / trained[0]:.2f}",
    )


class StepClock(pl.Callback):
    """Time spent in the steps of the epochs and in waiting for their batches."""

    def __init__(self) -> None:
        self.steps, self.seconds, self._last = 0, 0.0, 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._last = time.perf_counter()

    def on_train_batch_end(self, *_: object) -> None:
        now = time.perf_counter()
        self.steps += 1
        self.seconds, self._last = self.seconds + now - self._last, now


def fed(stream: Iterator[Batch]) -> float:
    """Batches per second of a stream with nobody else at work."""
    next(stream)
    start = time.perf_counter()
    for _ in itertools.islice(stream, 200):
        pass
    return 200 / (time.perf_counter() - start)


def training(data: WindowedData) -> float:
    """Batches per second of a fit, validations left out."""
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(folder, EPOCHS, EPOCHS, "cpu", progress=False)
        clock = StepClock()
        trainer.callbacks.append(clock)
        with quiet_lightning():
            learn(PosteriorRSMI(WINDOW), data, trainer)
    return clock.steps / clock.seconds
