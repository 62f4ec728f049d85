"""Exact marginals of small lattice models on any graph, by summing out one site at a time."""

import itertools
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling.pair import PairInteraction, as_interaction

_MOST_ENTRIES = 1 << 24

Factor = tuple[tuple[int, ...], Tensor]  # spins, and a weight for each of their states


def marginal(
    n_spins: int,
    bonds: Iterable[Sequence[int]],
    model: float | PairInteraction,
    keep: Sequence[int],
) -> Tensor:
    r"""Joint distribution of some spins of a lattice model, all others summed out exactly.

    .. math:: p(s_{keep}) \propto \sum_{s_{rest}} e^{\sum_{(ij)} b(s_i, s_j) + \sum_i c(s_i)}

    Spins are eliminated in the order that keeps the intermediate tables smallest, so the cost
    is q to the power of the widest cut, not of the number of spins.

    Args:
        n_spins: Number of spins.
        bonds: Pairs of spins; a repeated pair counts twice.
        model: The coupling K = J/T of the Ising model, or an interaction of q letters.
        keep: Spins of the marginal.

    Returns:
        (q**k,) float64, numbered as in `rsmi.lattice.words` with digit i for spin keep[i].

    Raises:
        InputError: If a table of more than 2**24 entries would be needed.

    >>> p = marginal(3, [(0, 1), (1, 2)], model=0.5, keep=[0, 2])
    >>> round(float(p[0] + p[3] - p[1] - p[2]) ** 0.5, 12)  # tanh K
    0.46211715726
    """
    interaction = as_interaction(model)
    q = interaction.n_letters
    bond = (interaction.bond - interaction.bond.max()).exp()
    site = (interaction.site - interaction.site.max()).exp()
    pairs = [(a, b) for a, b in bonds]
    factors: list[Factor] = [_bond(pair, bond) for pair in pairs]
    factors += [((spin,), site) for spin in range(n_spins)]
    for spin in _order(n_spins, q, pairs, keep):
        factors = _eliminated(factors, spin, q)
    # Axes of a C-ordered table run from the most significant digit to the least.
    joint = _multiplied(factors, tuple(reversed(keep)), q).reshape(-1)
    return joint / joint.sum()


def torus_posterior(
    shape: tuple[int, ...], model: float | PairInteraction, block: tuple[int, ...], buffer: int
) -> tuple[Tensor, Tensor]:
    r"""p(v|e) and p(e) with the whole torus beyond the buffer as environment.

    Only environment spins that touch the buffer (or the block) matter for v, so the joint
    distribution of those and the block is computed and all other spins are summed out. A
    buffer that meets itself around the torus leaves full rows or columns as environment.

    Args:
        shape: Extents of the torus, any dimension.
        model: The coupling K = J/T of the Ising model, or an interaction of q letters.
        block: Extents of the visible block.
        buffer: Width of the buffer, in sites.

    Returns:
        posterior (n, q**n_v) float64 and weights (n,) summing to 1, one row per state of the
        touching environment spins.

    Raises:
        InputError: If no environment is left, or the tables needed are too large.

    >>> posterior, weights = torus_posterior((4, 4), 0.4, (2, 2), 0)
    >>> posterior.shape, round(float(weights.sum()), 12)
    (torch.Size([256, 16]), 1.0)
    """
    lattice = Hypercubic(shape)
    inside, visible = _sites(lattice, block, buffer), _sites(lattice, block, 0)
    bonds = lattice.bonds().tolist()
    touching = sorted({b for a, b in _both_ways(bonds) if a in inside and b not in inside})
    if not touching:
        raise InputError(
            f"block {list(block)} with buffer {buffer} covers the whole torus {list(shape)}; no "
            "environment is left: take a larger torus or a smaller buffer"
        )
    interaction = as_interaction(model)
    joint = marginal(lattice.n_sites, bonds, interaction, keep=[*visible, *touching])
    joint = joint.reshape(-1, interaction.n_letters ** len(visible))
    weights = joint.sum(1)
    return joint / weights[:, None], weights


def _order(n_spins: int, q: int, pairs: list[tuple[int, int]], keep: Sequence[int]) -> list[int]:
    """Spins to sum out, always one with fewest partners; checks every width beforehand."""
    partners: list[set[int]] = [set() for _ in range(n_spins)]
    for a, b in pairs:
        partners[a] |= {b} - {a}
        partners[b] |= {a} - {b}
    rest, order = set(range(n_spins)) - set(keep), []
    while rest:
        spin = min(rest, key=lambda s: (len(partners[s]), s))
        _check_width(len(partners[spin]) + 1, q)
        for other in partners[spin]:
            partners[other] = (partners[other] | partners[spin]) - {spin, other}
        rest.remove(spin)
        order.append(spin)
    _check_width(len(keep), q)
    return order


def _bond(spins: tuple[int, int], table: Tensor) -> Factor:
    """Weight of a bond; one that joins a spin to itself around the lattice weighs its letter."""
    return (spins[:1], table.diagonal()) if spins[0] == spins[1] else (spins, table)


def _eliminated(factors: list[Factor], spin: int, q: int) -> list[Factor]:
    """Replace all factors of a spin by their product summed over it."""
    own = [factor for factor in factors if spin in factor[0]]
    scope = tuple(sorted({other for spins, _ in own for other in spins} - {spin}))
    table = _multiplied(own, (*scope, spin), q).sum(-1)
    others = [factor for factor in factors if spin not in factor[0]]
    return [*others, (scope, table / table.max())]


def _multiplied(factors: list[Factor], spins: tuple[int, ...], q: int) -> Tensor:
    """Product of factors as a table with one axis of length q per spin."""
    axis = {spin: i for i, spin in enumerate(spins)}
    product = torch.ones((q,) * len(spins), dtype=torch.float64)
    for own, table in factors:
        order = sorted(range(len(own)), key=lambda i: axis[own[i]])
        shape = [q if spin in own else 1 for spin in spins]
        product *= table.permute(order).reshape(shape)
    return product


def _check_width(width: int, q: int) -> None:
    if q**width > _MOST_ENTRIES:
        raise InputError(
            f"an exact table over {width} spins at once of {q} letters is needed, {q}**{width} "
            f"entries; at most 2**24 ({_MOST_ENTRIES * 8 >> 20} MiB) are supported: take a smaller "
            "lattice, block or buffer (with two letters a 6x6 torus with a 2x2 block works), an "
            "infinite cylinder, or sample rings and use ring_posterior"
        )


def _sites(lattice: Hypercubic, block: tuple[int, ...], width: int) -> dict[int, None]:
    """Sites within `width` of the block at the origin, in row-major order, as an ordered set."""
    shape = lattice.shape
    if len(block) != len(shape) or any(not 1 <= b <= s for b, s in zip(block, shape, strict=True)):
        raise InputError(
            f"block {list(block)} does not fit a torus of shape {list(shape)}; expected one "
            "extent per axis, between 1 and the torus's"
        )
    if width < 0:
        raise InputError(f"buffer is {width}; expected a width >= 0")
    ranges = [
        [x % s for x in range(-width, b + width)][: max(s, b)]
        for b, s in zip(block, shape, strict=True)
    ]
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    corners = itertools.product(*ranges)
    return dict.fromkeys(sum(x * s for x, s in zip(c, strides, strict=True)) for c in corners)


def _both_ways(bonds: list[list[int]]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in bonds] + [(b, a) for a, b in bonds]
