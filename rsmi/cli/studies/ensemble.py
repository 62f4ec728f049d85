"""Several networks of one architecture trained side by side, one per seed."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from rsmi.errors import AnalysisError
from rsmi.layers import Quantise

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fit:
    """How the networks of a study are trained.

    Args:
        epochs: Passes over the inputs.
        batch_size: Rows per step.
        learning_rate: Of Adam, falling to a tenth along a cosine.
    """

    epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 3e-3


def train_together(
    make: Callable[[], nn.Module],
    seeds: Sequence[int],
    x: Tensor,
    y: Tensor,
    fit: Fit,
    at: Sequence[int],
    weights: Tensor | None = None,
    progress: Progress | None = None,
) -> dict[int, list[nn.Module]]:
    """Minimise the cross entropy of the labels for all seeds at once.

    The seeds share the arithmetic (one batched product for all) and nothing else: each has its
    own weights and its own order of the rows.

    Args:
        make: Makes one network whose output is (n, classes) logits.
        seeds: Of the weights; the first one also seeds the order of rows.
        x: (n, ...) inputs.
        y: (n,) int64 labels.
        fit: How long and how fast.
        at: Epochs at which the networks are kept; 0 is before training.
        weights: (n,) probabilities of the rows, from which batches are drawn; each row once per
            epoch without.
        progress: Called with (epochs done, all epochs).

    Returns:
        Networks by epoch, one per seed, in evaluation mode.

    Raises:
        AnalysisError: For a training that diverges.
    """
    members = [_fresh(make, seed) for seed in seeds]
    base = copy.deepcopy(members[0])
    state, buffers = stack_module_state(members)
    generator = torch.Generator().manual_seed(seeds[0])
    optimiser = torch.optim.Adam(state.values(), fit.learning_rate)
    steps = -(-len(x) // fit.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser, max(fit.epochs * steps, 1), 0.1 * fit.learning_rate
    )

    together = _side_by_side(base)
    kept = {0: _members(base, state, len(seeds))} if 0 in at else {}
    for epoch in range(1, fit.epochs + 1):
        orders = torch.stack([_order(len(x), weights, generator) for _ in seeds])
        for rows in orders.split(fit.batch_size, 1):
            loss = F.cross_entropy(
                together(state, buffers, x[rows]).flatten(0, 1), y[rows].flatten()
            )
            optimiser.zero_grad()
            (loss * len(seeds)).backward()
            optimiser.step()
            schedule.step()
        if not bool(loss.isfinite()):
            raise AnalysisError(
                f"training diverged in epoch {epoch} (loss {float(loss)}); lower fit.learning_rate"
            )
        if epoch in at:
            kept[epoch] = _members(base, state, len(seeds))
        if progress:
            progress(epoch, fit.epochs)
    return kept


def accuracy(network: nn.Module, x: Tensor, y: Tensor, weights: Tensor | None = None) -> float:
    """Share of rows (or of probability) whose label has the largest logit."""
    with torch.no_grad():
        right = (network(x).argmax(1) == y).double()
    return float(right.mean() if weights is None else (right * weights).sum() / weights.sum())


def _side_by_side(base: nn.Module) -> Callable[..., Tensor]:
    """Logits (seeds, n, classes) of all networks for the rows of each, (seeds, n, ...)."""

    def logits(state: dict[str, Tensor], buffers: dict[str, Tensor], rows: Tensor) -> Tensor:
        return functional_call(base, (state, buffers), (rows,))

    def one_by_one(state: dict[str, Tensor], buffers: dict[str, Tensor], rows: Tensor) -> Tensor:
        parts = []
        for place, own in enumerate(rows):
            s, b = ({n: t[place] for n, t in group.items()} for group in (state, buffers))
            parts.append(logits(s, b, own))
        return torch.stack(parts)

    # Rounding passes gradients on only where it sees that they are wanted, which vmap hides.
    rounds = any(isinstance(module, Quantise) for module in base.modules())
    return one_by_one if rounds else torch.vmap(logits)


def _fresh(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _order(n: int, weights: Tensor | None, generator: torch.Generator) -> Tensor:
    if weights is None:
        return torch.randperm(n, generator=generator)
    return torch.multinomial(weights, n, True, generator=generator)


def _members(base: nn.Module, state: dict[str, Tensor], count: int) -> list[nn.Module]:
    """The networks as they are now, taken apart again."""
    members = []
    for place in range(count):
        member = copy.deepcopy(base)
        own = {name: tensor[place].detach().clone() for name, tensor in state.items()}
        member.load_state_dict(own)
        members.append(member.eval())
    return members
