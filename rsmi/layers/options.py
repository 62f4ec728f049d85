"""How layers are measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from rsmi.layers.estimators import Estimators
from rsmi.layers.probe.collecting import Progress
from rsmi.layers.probe.hooks import Key
from rsmi.layers.sandwich.training import Training


@dataclass(frozen=True)
class Options:
    """How to measure.

    Args:
        quantities: Only these; asking for one that is infinite is refused. Without, all that
            are defined.
        take: As in `Probe`.
        device: As in `Probe`.
        autocast: As in `Probe`.
        batch_size: Rows per forward pass, at most.
        keep: Raw rows kept, at most, for certified values of samples, estimators and noise, 4
            bytes per activation; 0 for none, and then only codes of 16 bytes per row are held.
        training: Train networks on the kept rows for tighter certified values of samples.
            Without, counts are used, and a small classifier of the labels where they leave H(Y|T)
            open; it is fitted to one part of the kept rows and evaluated on another.
        estimators: Columns of common estimators.
        progress: Called with the number of rows done after each batch.
        measured: Called with the number of layers whose quantities and estimators are done, and
            the number of all, after each layer.
    """

    quantities: Sequence[str] | None = None
    take: Mapping[str, Key] | None = None
    device: torch.device | str | None = None
    autocast: torch.dtype | None = None
    batch_size: int = 1024
    keep: int = 20_000
    training: Training | None = None
    estimators: Estimators | None = None
    progress: Progress | None = None
    measured: Callable[[int, int], None] | None = None
