"""Exact distribution of the coarse spins of an Ising torus that is too large to enumerate."""

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import state_index, states

_MAX_WIDTH = 8
_MAX_STATES = 1 << 22


def coarse_distribution(shape: tuple[int, int], coupling: float, table: Tensor) -> Tensor:
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
    >>> p = coarse_distribution((4, 4), 0.0, decimation((2, 2)).table())
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
