"""Networks whose layer entropies are known in closed form, or by a search of another kind."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers import with_noise

_STEEPNESS = 12.0
_LAYERS_PER_SITE = 4


class StateMap(nn.Module):
    """A map of a finite set to itself, by table.

    Args:
        table: (M,) int64, the state that each state goes to.
    """

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table)

    def forward(self, x: Tensor) -> Tensor:
        """The next state of each state."""
        return self.table[x]


def random_maps(states: int, layers: int, seed: int, draws: int = 1) -> nn.Sequential:
    """Independent uniformly random maps; see `rsmi.information.random_maps` for the answer.

    Args:
        states: M.
        layers: Number of maps, one after the other.
        seed: Of the maps.
        draws: Networks side by side: state d M + s is state s of draw d, and stays in it.
    """
    shape = (layers, draws, states)
    tables = np.random.default_rng(seed).integers(0, states, shape)
    tables += states * np.arange(draws)[:, None]
    return nn.Sequential(*[StateMap(torch.from_numpy(table.ravel())) for table in tables])


def sawtooth(layers: int) -> list[nn.Module]:
    r"""The tent map composed l times, each time a two-ReLU layer: H(X|T_l) = l bits.

    .. math:: x \mapsto 2\,\mathrm{ReLU}(x) - 4\,\mathrm{ReLU}(x - \tfrac12)

    Returns:
        Linear, ReLU, Linear for every tent, in float64.
    """
    modules: list[nn.Module] = []
    for _ in range(layers):
        spread, gather = nn.Linear(1, 2).double(), nn.Linear(2, 1, bias=False).double()
        with torch.no_grad():
            spread.weight.fill_(1.0)
            spread.bias.copy_(torch.tensor([0.0, -0.5]))
            gather.weight.copy_(torch.tensor([[2.0, -4.0]]))
        modules += [spread, nn.ReLU(), gather]
    return modules


class Keep(nn.Module):
    """Decimation: keep the first k entries, H(X|T) = n - k bits for fair bits."""

    def __init__(self, kept: int) -> None:
        super().__init__()
        self.kept = kept

    def forward(self, x: Tensor) -> Tensor:
        """The entries kept."""
        return x[:, : self.kept]


def linear_gaussian(weight: Tensor, sigma: float, seed: int = 0) -> nn.Module:
    """One linear layer with noise, see `linear_gaussian_information`."""
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    with torch.no_grad():
        linear.weight.copy_(weight)
    return with_noise(nn.Sequential(linear), "0", sigma, seed)


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
