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


_MAX_WIDTH = 8
_MAX_STATES = 1 << 22


def coarse_ising_distribution(shape: tuple[int, int], coupling: float, table: Tensor) -> Tensor:
    r"""p(T) of a deterministic one-bit 2 x 2 rule applied to every block of a torus.

    Two rows that carry coarse row s are a transfer matrix :math:`A_s`, and
    :math:`p(s_1 \dots s_m) = \mathrm{tr}(A_{s_1} \cdots A_{s_m}) / Z`.

    Args:
        shape: Rows and columns, both even, at most 8 columns.
        coupling: K = J/T.
        table: (16, 2) rule of 0 and 1.

    Returns:
        (2**n_blocks,) float64; index as `rsmi.lattice.state_index` of the coarse lattice.

    Raises:
        InputError: For a lattice that does not fit, or is too large.

    >>> from rsmi.learning import decimation
    >>> p = coarse_ising_distribution((4, 4), 0.0, decimation((2, 2)).table())
    >>> p.shape, round(float(p[0]), 6)
    (torch.Size([16]), 0.0625)
    """
    rows, columns = shape
    blocks = rows * columns // 4
    if rows % 2 or columns % 2 or not 2 <= columns <= _MAX_WIDTH or 1 << blocks > _MAX_STATES:
        raise InputError(
            f"a lattice of {rows} x {columns}; expected even extents, at most {_MAX_WIDTH} "
            "columns and 22 blocks"
        )
    strips = _strip_matrices(columns, coupling, table)
    weights = strips
    for _ in range(rows // 2 - 2):
        weights = torch.einsum("pij,sjk->spik", weights, strips).flatten(0, 1)
    if rows > 2:
        joint = torch.einsum("pij,sji->sp", weights, strips).flatten()
    else:
        joint = torch.einsum("sii->s", strips)
    return joint / joint.sum()


def _strip_matrices(columns: int, coupling: float, table: Tensor) -> Tensor:
    """A_s for every coarse row s: (2**(columns/2), R, R) with R states of a row of spins."""
    row = states(columns).double()
    along = coupling * (row * row.roll(-1, 1)).sum(1)
    across = coupling * row @ row.T
    # Normalised, so that products over many rows stay finite.
    inside = (along[:, None] + along + across - 2 * coupling * columns).exp()
    between = (across - coupling * columns).exp()
    symbol = _coarse_rows(row, table)
    count = 1 << columns // 2
    return torch.stack([(inside * (symbol == s)) @ between for s in range(count)])


def _coarse_rows(row: Tensor, table: Tensor) -> Tensor:
    """State index of the coarse row over each pair (upper, lower) of rows."""
    n, columns = row.shape
    pairs = torch.stack([row[:, None].expand(n, n, -1), row[None].expand(n, n, -1)], 2)
    blocks = pairs.reshape(n, n, 2, columns // 2, 2).permute(0, 1, 3, 2, 4).flatten(3)
    up = table.argmax(1)[state_index(blocks)]
    return (up << torch.arange(columns // 2)).sum(-1)
