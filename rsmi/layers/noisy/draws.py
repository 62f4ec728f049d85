"""Independent samples of X for layers whose values are drawn and not enumerated."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rsmi.layers.counting.labels import Labels
from rsmi.layers.inputs.batches import Inputs, Layout, rows_at
from rsmi.layers.probe.collecting import Collected
from rsmi.layers.probe.hooks import Probe

_SEED = 20180101
_ROWS = 4096
_AT_ONCE = 1024


@dataclass(frozen=True)
class Draws:
    """Samples of X, and with labels of (X, Y).

    Args:
        x: (n, ...) inputs.
        y: (n,) labels, or None.
        layout: Of several tensors in each row of x.
    """

    x: Tensor
    y: Labels | None
    layout: Layout | None


def independent_draws(inputs: Inputs, found: Collected) -> Draws:
    """Rows of a finite set drawn by their probabilities, or rows kept of samples, shuffled."""
    rng = np.random.default_rng(_SEED)
    if inputs.kind == "finite":
        steps = found.weights.cumsum()
        rows = np.searchsorted(steps, steps[-1] * rng.random(_ROWS), side="right")
        x = rows_at(inputs, rows)
    else:
        some = rng.permutation(len(found.kept))[:_ROWS]
        rows, x = found.kept[some], found.kept_x[torch.from_numpy(some)]
    return Draws(x, found.y[rows] if found.labelled else None, found.layout)


def drawn_activations(model: nn.Module, layer: str, draws: Draws) -> Tensor:
    """Activations (n, width) of one layer, with noise of their own for every row."""
    with Probe(model, [layer]) as probe:
        parts = draws.x.split(_AT_ONCE)
        return torch.cat([probe(part, draws.layout)[layer].cpu() for part in parts])
