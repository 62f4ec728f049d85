"""Exact marginals of small lattice models on any graph, by summing out one site at a time."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from rsmi.errors import InputError
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
