"""A network that floods a maze from its border: breadth-first search, one step for each layer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError

_STEEPNESS = 12.0
_LAYERS_PER_SITE = 4


class FloodStep(nn.Module):
    r"""One step, :math:`H' = \sigma(a \sum_{cross} H + b I + c)`.

    The weights :math:`a = \kappa, b = 5\kappa, c = -5.5\kappa` light an open cell as soon as it
    or a neighbour is lit, and nothing else.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cross = nn.Parameter(torch.empty(()))
        self.open = nn.Parameter(torch.empty(()))
        self.offset = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Random weights of the scale usual for five inputs."""
        for weight in (self.cross, self.open, self.offset):
            nn.init.uniform_(weight, -(5**-0.5), 5**-0.5)

    def flood(self, steepness: float) -> None:
        """Set the weights of breadth-first search; they are right from a steepness of 12 on."""
        with torch.no_grad():
            self.cross.fill_(steepness)
            self.open.fill_(5 * steepness)
            self.offset.fill_(-5.5 * steepness)

    def forward(self, lit: Tensor, open_sites: Tensor) -> Tensor:
        """Lit cells after the step, (n, L, L) in 0..1."""
        padded = F.pad(lit, (1, 1, 1, 1))
        cross = lit + padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1]
        cross = cross + padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2]
        return torch.sigmoid(self.cross * cross + self.open * open_sites + self.offset)


class Answer(nn.Module):
    """Whether the centre is lit, 0 or 1."""

    def forward(self, lit: Tensor) -> Tensor:
        """(n, 1) float32."""
        centre = lit.shape[1] // 2
        return (lit[:, centre, centre, None] > 0.5).float()


class MazeNetwork(nn.Module):
    """Lit border, then flood steps, then the answer.

    Args:
        size: L.
        layers: Flood steps; 4 L without. A shortest way longer than this is missed.

    Raises:
        InputError: For a size below 3 or no layer.
    """

    def __init__(self, size: int, layers: int | None = None) -> None:
        super().__init__()
        steps = _LAYERS_PER_SITE * size if layers is None else layers
        if size < 3 or steps < 1:
            raise InputError(f"size {size} with {steps} layers; expected >= 3 and >= 1")
        self.steps = nn.ModuleList(FloodStep() for _ in range(steps))
        self.answer = Answer()

    def forward(self, open_sites: Tensor) -> Tensor:
        """The answer (n, 1) for open sites (n, L, L) of 0 and 1."""
        lit = open_sites.clone()
        lit[:, 1:-1, 1:-1] = 0
        for step in self.steps:
            lit = step(lit, open_sites)
        return self.answer(lit)


def perfect_maze_network(size: int, layers: int | None = None) -> MazeNetwork:
    """The network that solves every maze whose shortest way is at most `layers` steps long.

    >>> perfect_maze_network(5)(torch.ones(1, 5, 5)).item()
    1.0
    """
    network = MazeNetwork(size, layers)
    for step in network.steps:
        if isinstance(step, FloodStep):
            step.flood(_STEEPNESS)
    return network
