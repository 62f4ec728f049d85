"""Exact coarse-grained distributions of small chains, and the couplings they stand for."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import state_index, states


def coarse_distribution(p: Tensor, table: Tensor) -> Tensor:
    r"""Distribution of the coarse bits when each block of a chain is mapped by one rule.

    .. math:: p'(h) = \sum_v p(v) \prod_j p(h_j | v_{b j}, \dots, v_{b j + b - 1})

    Args:
        p: (2**n,) float64 distribution of n spins, bit i for spin i.
        table: (2**b, 2) the rule p(h|v) for blocks of b consecutive spins; b divides n.

    Returns:
        (2**(n/b),) float64, bit j for block j.

    Raises:
        InputError: If the spins cannot be divided into blocks of the rule.

    >>> keep_first = torch.eye(2).repeat(2, 1)
    >>> coarse_distribution(torch.tensor([0.5, 0.0, 0.25, 0.25]), keep_first).tolist()
    [0.75, 0.25]
    """
    spins, size = len(p).bit_length() - 1, table.shape[0].bit_length() - 1
    if len(p) != 1 << spins or table.shape != (1 << size, 2) or size < 1 or spins % size:
        raise InputError(
            f"{len(p)} states and a rule of shape {list(table.shape)}; expected 2**n states, a "
            "rule (2**b, 2) and n divisible by b"
        )
    joint = p.double().reshape((1 << size,) * (spins // size))
    for _ in range(spins // size):  # the first axis is the last block; each turn moves one on
        joint = torch.tensordot(joint, table.double(), ([0], [0]))
    return joint.reshape(-1)


def coupling_of(p: Tensor, sites: Sequence[int]) -> float:
    r"""Exact coupling of a product of spins in the Hamiltonian -ln p.

    .. math:: K_S = 2^{-n} \sum_s \ln p(s) \prod_{i \in S} s_i

    Args:
        p: (2**n,) float64 > 0, bit i for spin i.
        sites: The spins S of the product.

    Returns:
        K_S, so that p is proportional to exp(sum over all S of K_S prod s).

    Raises:
        InputError: If a state has probability zero.

    >>> from rsmi.sampling.exact.elimination import marginal
    >>> round(coupling_of(marginal(3, [(0, 1), (1, 2)], 0.5, [0, 1, 2]), [0, 1]), 12)
    0.5
    """
    if not bool((p > 0).all()):
        raise InputError("a state has probability zero, so its couplings are infinite")
    spins = states(len(p).bit_length() - 1)[:, list(sites)]
    return float((p.log() * spins.prod(1)).mean())


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

    >>> first = torch.eye(2, dtype=torch.float64).repeat(8, 1)  # decimation
    >>> p = coarse_ising_distribution((4, 4), 0.0, first)
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
