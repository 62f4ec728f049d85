"""Networks whose layer entropies are known in closed form, or by a search of another kind."""

import numpy as np
import torch
from torch import Tensor, nn

from rsmi.layers import with_noise


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
