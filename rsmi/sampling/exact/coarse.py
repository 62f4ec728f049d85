"""Exact coarse-grained distributions of small chains, and the couplings they stand for."""

from collections.abc import Sequence
from typing import Literal

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
_MAX_STRIP = 1 << 20  # states of the rows that a coarse row covers


def coarse_torus_distribution(
    shape: tuple[int, int],
    coupling: float,
    table: Tensor,
    block: tuple[int, int] = (2, 2),
) -> Tensor:
    r"""p(T) of a one-bit rule applied to every block of a torus of Ising spins.

    Rows that carry coarse row s are a transfer matrix :math:`A_s`, and
    :math:`p(s_1 \dots s_m) = \mathrm{tr}(A_{s_1} \cdots A_{s_m}) / Z`.

    Args:
        shape: Rows and columns, multiples of the block's, at most 8 columns.
        coupling: K = J/T.
        table: (2**n, 2) the rule p(h|v) of the block's n spins.
        block: Rows and columns of a block.

    Returns:
        (2**n_blocks,) float64; index as `rsmi.lattice.state_index` of the coarse lattice.

    Raises:
        InputError: For a lattice that does not fit, or is too large.

    >>> first = torch.eye(2, dtype=torch.float64).repeat(8, 1)  # decimation
    >>> p = coarse_torus_distribution((4, 4), 0.0, first)
    >>> p.shape, round(float(p[0]), 6)
    (torch.Size([16]), 0.0625)
    """
    (rows, columns), (high, wide) = shape, block
    tiled = min(block) >= 1 and rows % high == 0 and columns % wide == 0
    if not tiled or not 2 <= columns <= _MAX_WIDTH or 1 << columns * high > _MAX_STRIP:
        raise InputError(
            f"a lattice of {rows} x {columns} in blocks of {high} x {wide}; expected multiples of "
            f"the block, at most {_MAX_WIDTH} columns, and rows of blocks of at most 20 spins"
        )
    if 1 << rows * columns // (high * wide) > _MAX_STATES or table.shape != (1 << high * wide, 2):
        raise InputError(
            f"{rows * columns // (high * wide)} blocks and a rule of shape {list(table.shape)}; "
            f"expected at most 22 blocks and a rule of shape [{1 << high * wide}, 2]"
        )
    strips = _strip_matrices(columns, coupling, table.double(), block)
    coarse = rows // high
    if coarse == 1:
        joint = torch.einsum("sii->s", strips)
    else:  # rows below and above the middle; the trace over both is one product
        below, above = (_product(strips, n) for n in (coarse // 2, coarse - coarse // 2))
        joint = (above.mT.flatten(1) @ below.flatten(1).T).flatten()
    return joint / joint.sum()


def _product(strips: Tensor, count: int) -> Tensor:
    """Products of so many strips, the first in the lowest bits: (S**count, R, R)."""
    found = strips
    for _ in range(count - 1):
        found = torch.einsum("pij,sjk->spik", found, strips).flatten(0, 1)
    return found


def _strip_matrices(columns: int, coupling: float, table: Tensor, block: tuple[int, int]) -> Tensor:
    """A_s for every coarse row s: (2**(columns / wide), R, R) with R states of a row of spins."""
    row = states(columns).double()
    along = coupling * (row * row.roll(-1, 1)).sum(1)
    # Normalised, so that products over many rows stay finite.
    across = (coupling * row @ row.T - coupling * columns).exp()
    inside = (along - coupling * columns).exp()
    high, n = block[0], len(row)
    weight = inside
    for _ in range(high - 1):  # (R, ..., R) of the rows of the strip
        weight = weight[..., None] * across.reshape((1,) * (weight.ndim - 1) + (n, n)) * inside
    strips = []
    for symbols in states(columns // block[1]).gt(0).long():
        chosen = weight * _chance(symbols, row, table, block)
        first_to_last = chosen.reshape(n, -1, n).sum(1) if high > 1 else chosen.diag()
        strips.append(first_to_last @ across)
    return torch.stack(strips)


def _chance(symbols: Tensor, row: Tensor, table: Tensor, block: tuple[int, int]) -> Tensor:
    """p(coarse row | rows of the strip), (R, ..., R)."""
    (high, wide), n = block, len(row)
    found = torch.ones((n,) * high, dtype=torch.float64)
    for place, symbol in enumerate(symbols.tolist()):
        part = row[:, place * wide : (place + 1) * wide]
        index = torch.zeros((n,) * high, dtype=torch.int64)
        for level in range(high):
            own = state_index(part) << level * wide
            index = index + own.reshape((1,) * level + (n,) + (1,) * (high - level - 1))
        found *= table[index, symbol]
    return found


Basis = Literal["spin", "gas"]
BASES: tuple[Basis, ...] = ("spin", "gas")


def products_of(values: Tensor, basis: Basis = "spin") -> Tensor:
    r"""Coefficients of a function of n spins over all products of spins, or of occupations.

    .. math:: f(s) = \sum_S c_S \prod_{i \in S} s_i = \sum_S g_S \prod_{i \in S} n_i,
              \quad n_i = (1 + s_i) / 2

    Args:
        values: (2**n,), bit i of the index is 1 for s_i = +1.
        basis: `spin` for c_S (Walsh transform), `gas` for g_S (Moebius transform).

    Returns:
        (2**n,) float64, bit i of the index is 1 where spin i is in S.

    >>> products_of(torch.tensor([0.5, -0.5, -0.5, 0.5])).tolist()
    [0.0, 0.0, 0.0, 0.5]
    >>> products_of(torch.tensor([0.5, -0.5, -0.5, 0.5]), "gas").tolist()
    [0.5, -1.0, -1.0, 2.0]
    """
    found = values.double()
    for bit in range(len(values).bit_length() - 1):
        down, up = found.reshape(-1, 2, 1 << bit).unbind(1)
        both = ((up + down) / 2, (up - down) / 2) if basis == "spin" else (down, up - down)
        found = torch.stack(both, 1)
    return found.reshape(-1)
