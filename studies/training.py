"""Several networks of one architecture trained side by side, one per seed."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from rsmi.errors import AnalysisError
from rsmi.information import Plain, Quantity
from rsmi.progress import Progress, silent

Tensors = dict[str, Tensor]

_NEAR = 0.95
"""Share of the best accuracy from which a network counts as having learned."""


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


@dataclass(frozen=True)
class Labelled:
    """Rows to learn from.

    Args:
        x: (n, ...) inputs.
        y: (n,) int64 labels.
        weights: (n,) probabilities of the rows, from which batches are drawn; each row once per
            epoch without.
    """

    x: Tensor
    y: Tensor
    weights: Tensor | None = None

    def order(self, generator: torch.Generator) -> Tensor:
        """Rows (n,) of one epoch."""
        if self.weights is None:
            return torch.randperm(len(self.x), generator=generator)
        return torch.multinomial(self.weights, len(self.x), True, generator=generator)


def train_together(
    make: Callable[[], nn.Module],
    seeds: Sequence[int],
    data: Labelled,
    fit: Fit,
    at: Sequence[int],
    progress: Progress = silent,
) -> dict[int, list[nn.Module]]:
    """Minimise the cross entropy of the labels for all seeds at once.

    The seeds share the arithmetic (one batched product for all) and nothing else: each has its
    own weights and its own order of the rows.

    Args:
        make: Makes one network whose output is (n, classes) logits.
        seeds: Of the weights; the first one also seeds the order of rows.
        data: What they learn.
        fit: How long and how fast.
        at: Epochs at which the networks are kept; 0 is before training.
        progress: Called with (epochs done, all epochs).

    Returns:
        Networks by epoch, one per seed, in evaluation mode.

    Raises:
        AnalysisError: For a training that diverges.
    """
    team = _Team([_fresh(make, seed) for seed in seeds])
    step = _stepper(team, fit, fit.epochs * -(-len(data.x) // fit.batch_size))
    generator = torch.Generator().manual_seed(seeds[0])
    kept = {0: team.members()} if 0 in at else {}
    for epoch in range(1, fit.epochs + 1):
        orders = torch.stack([data.order(generator) for _ in seeds])
        losses = [step(data.x[rows], data.y[rows]) for rows in orders.split(fit.batch_size, 1)]
        if not bool(losses[-1].isfinite()):
            raise AnalysisError(
                f"training diverged in epoch {epoch} (loss {float(losses[-1])}); lower "
                "fit.learning_rate"
            )
        if epoch in at:
            kept[epoch] = team.members()
        progress(epoch, fit.epochs)
    return kept


class _Team:
    """Networks of one architecture whose weights lie side by side.

    Args:
        members: The networks.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        self.size, self.base = len(members), copy.deepcopy(members[0])
        self.state, self.buffers = stack_module_state(list(members))
        self._together = torch.vmap(self._logits)

    def __call__(self, rows: Tensor) -> Tensor:
        """Logits (seeds, n, classes) of all networks for the rows of each, (seeds, n, ...)."""
        return self._together(self.state, self.buffers, rows)

    def members(self) -> list[nn.Module]:
        """The networks as they are now, taken apart again."""
        found = []
        for place in range(self.size):
            member = copy.deepcopy(self.base)
            own = {name: tensor[place].detach().clone() for name, tensor in self.state.items()}
            member.load_state_dict(own, strict=False)
            found.append(member.eval())
        return found

    def _logits(self, state: Tensors, buffers: Tensors, rows: Tensor) -> Tensor:
        return functional_call(self.base, (state, buffers), (rows,))


def _stepper(team: _Team, fit: Fit, steps: int) -> Callable[[Tensor, Tensor], Tensor]:
    """One step of all networks on their own batches, which returns the mean loss."""
    optimiser = torch.optim.Adam(team.state.values(), fit.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser, max(steps, 1), 0.1 * fit.learning_rate
    )

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = F.cross_entropy(team(x).flatten(0, 1), y.flatten())
        optimiser.zero_grad()
        # Times the number of networks, so that each has the gradient of its own mean loss.
        (loss * team.size).backward()
        optimiser.step()
        schedule.step()
        return loss.detach()

    return step


def accuracy(network: nn.Module, data: Labelled) -> float:
    """Share of rows (or of probability) whose label has the largest logit."""
    with torch.no_grad():
        right = (network(data.x).argmax(1) == data.y).double()
    weights = data.weights
    return float(right.mean() if weights is None else (right * weights).sum() / weights.sum())


@dataclass(frozen=True)
class Learners:
    """Which networks learned, by what they reached.

    Args:
        accuracies: Of all of them.
    """

    accuracies: Sequence[float]

    @classmethod
    def of(cls, networks: Sequence[nn.Module], data: Labelled) -> Self:
        """Send the rows through every network."""
        return cls([round(accuracy(network, data), 6) for network in networks])

    @property
    def places(self) -> list[int]:
        """Those whose accuracy came near the best one's."""
        best = max(self.accuracies)
        return [k for k, value in enumerate(self.accuracies) if value >= _NEAR * best]

    @property
    def text(self) -> str:
        """One line for the person who watches."""
        every = ", ".join(f"{value:.4f}" for value in self.accuracies)
        return (
            f"{len(self.places)} of {len(self.accuracies)} learn the task (accuracy {every}); "
            "averages are over these"
        )

    def check(self, label: str) -> None:
        """Refuse to average over fewer than two.

        Raises:
            AnalysisError: With what to do about it.
        """
        if len(self.places) < 2:
            raise AnalysisError(
                f"{len(self.places)} of {len(self.accuracies)} networks ({label}) learned the "
                "task; train longer (fit.epochs) or give more seeds"
            )

    def quantity(self, **context: Plain) -> Quantity:
        """How many learned, for `result.json`."""
        about = {**context, "of": len(self.accuracies), "accuracies": list(self.accuracies)}
        count = float(len(self.places))
        return Quantity("layers.study.learned", count, 0.0, "exact", "1", None, about)


def _fresh(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def keep_variance(network: nn.Sequential, unit: Literal["linear", "relu"]) -> nn.Sequential:
    """Draw normal weights and put biases to zero, in place.

    The variance is 1/fan-in for units that are linear at 0, such as tanh, and 2/fan-in for ReLU
    (He et al. 2015, arXiv:1502.01852). With torch's default, 1/(3 fan-in), the signal shrinks
    with every layer, and an untrained network looks forgetful to whoever reads it with a finite
    resolution.

    Args:
        network: Fresh.
        unit: What its units are like.

    Returns:
        The network.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity=unit)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
