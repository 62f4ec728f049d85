"""Coarse-graining rules as layers of a network, one after the other."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.lattice import state_index, states, tile


class RGLayer(nn.Module):
    """A deterministic rule applied to every block of a lattice.

    Args:
        table: (2**n_v, 2**n_hidden) rule of 0 and 1, see `rsmi.learning.Filter.table`; rules
            with random ties are made deterministic by `without_ties`.
        block: Extents of a block.

    Raises:
        InputError: For a rule that is random.

    >>> from rsmi.learning import decimation
    >>> layer = RGLayer(decimation((2, 2)).table(), (2, 2))
    >>> layer(torch.ones(1, 4, 4)).shape
    torch.Size([1, 2, 2])
    """

    symbols: Tensor

    def __init__(self, table: Tensor, block: Sequence[int]) -> None:
        super().__init__()
        self.block = tuple(block)
        if not bool(((table == 0) | (table == 1)).all()):
            raise InputError(
                "the rule is random for some states of the block, and a layer of chance has no "
                "H(X|T) = H(X) - H(T); break its ties with without_ties(table)"
            )
        if len(table) != 1 << math.prod(self.block):
            raise InputError(
                f"the rule has {len(table)} rows, a block of {list(self.block)} has "
                f"{1 << math.prod(self.block)} states; give the block that belongs to the rule"
            )
        bits = states(table.shape[1].bit_length() - 1)
        self.register_buffer("symbols", bits[table.argmax(1)].float())

    def forward(self, configurations: Tensor) -> Tensor:
        """Coarse spins (n, *coarse_shape) of spins (n, *shape); more bits are a last axis."""
        h = self.symbols[state_index(tile(configurations, self.block))]
        return h.squeeze(-1) if h.shape[-1] == 1 else h


def without_ties(table: Tensor) -> Tensor:
    """A deterministic rule that takes the likeliest symbol, and at a tie that of the first spin.

    Following a spin keeps a rule odd under a global flip.

    Args:
        table: (2**n_v, K) rule.

    Returns:
        (2**n_v, K) float64 of 0 and 1.

    >>> from rsmi.learning import majority
    >>> without_ties(majority((2,)).table())[:, 1].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    n_visible, symbols = len(table).bit_length() - 1, table.shape[1]
    up = (states(n_visible)[:, 0] > 0).double()
    order = torch.arange(symbols, dtype=torch.float64) / symbols
    preferred = table + 1e-6 * torch.where(up[:, None] > 0, order, -order)
    return nn.functional.one_hot(preferred.argmax(1), symbols).double()


def rg_network(table: Tensor, block: Sequence[int], levels: int) -> nn.Sequential:
    """The same rule applied again and again, one layer for each level.

    >>> from rsmi.learning import decimation
    >>> rg_network(decimation((2, 2)).table(), (2, 2), 2)(torch.ones(1, 4, 4)).shape
    torch.Size([1, 1, 1])
    """
    if levels < 1:
        raise InputError(f"{levels} levels; expected at least 1")
    return nn.Sequential(*[RGLayer(table, block) for _ in range(levels)])
