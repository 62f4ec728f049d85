"""Exact marginals of small Ising models on any graph, by summing out one spin at a time."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from rsmi.errors import InputError

MAX_SPINS_AT_ONCE = 24

Factor = tuple[tuple[int, ...], Tensor]  # spins, and a weight for each of their states


def marginal(
    n_spins: int, bonds: Iterable[Sequence[int]], coupling: float, keep: Sequence[int]
) -> Tensor:
    r"""Joint distribution of some spins of an Ising model, all others summed out exactly.

    .. math:: p(s_{keep}) \propto \sum_{s_{rest}} e^{K \sum_{(ij)} s_i s_j}

    Spins are eliminated in the order that keeps the intermediate tables smallest, so the cost
    is 2 to the power of the widest cut, not of the number of spins.

    Args:
        n_spins: Number of spins.
        bonds: Pairs of spins; a repeated pair counts twice.
        coupling: K = J/T.
        keep: Spins of the marginal.

    Returns:
        (2**k,) float64, state index with bit i for spin keep[i].

    Raises:
        InputError: If a table of more than 24 spins would be needed.

    >>> p = marginal(3, [(0, 1), (1, 2)], coupling=0.5, keep=[0, 2])
    >>> round(float(p[0] + p[3] - p[1] - p[2]) ** 0.5, 12)  # tanh K
    0.46211715726
    """
    pairs = [(a, b) for a, b in bonds if a != b]  # a bond to itself is a constant
    factors = [_bond(pair, coupling) for pair in pairs]
    for spin in _order(n_spins, pairs, keep):
        factors = _eliminated(factors, spin)
    # Axes of a C-ordered table run from the most significant bit to the least.
    joint = _multiplied(factors, tuple(reversed(keep))).reshape(-1)
    return joint / joint.sum()


def _order(n_spins: int, pairs: list[tuple[int, int]], keep: Sequence[int]) -> list[int]:
    """Spins to sum out, always one with fewest partners; checks every width beforehand."""
    partners: list[set[int]] = [set() for _ in range(n_spins)]
    for a, b in pairs:
        partners[a].add(b)
        partners[b].add(a)
    rest, order = set(range(n_spins)) - set(keep), []
    while rest:
        spin = min(rest, key=lambda s: (len(partners[s]), s))
        _check_width(len(partners[spin]) + 1)
        for other in partners[spin]:
            partners[other] = (partners[other] | partners[spin]) - {spin, other}
        rest.remove(spin)
        order.append(spin)
    _check_width(len(keep))
    return order


def _bond(spins: tuple[int, ...], coupling: float) -> Factor:
    """Boltzmann weight of a bond, at most 1."""
    like, unlike = (0.0, -2 * coupling) if coupling > 0 else (2 * coupling, 0.0)
    table = torch.tensor([[like, unlike], [unlike, like]], dtype=torch.float64).exp()
    return spins, table


def _eliminated(factors: list[Factor], spin: int) -> list[Factor]:
    """Replace all factors of a spin by their product summed over it."""
    own = [factor for factor in factors if spin in factor[0]]
    scope = tuple(sorted({other for spins, _ in own for other in spins} - {spin}))
    table = _multiplied(own, (*scope, spin)).sum(-1)
    others = [factor for factor in factors if spin not in factor[0]]
    return [*others, (scope, table / table.max())]


def _multiplied(factors: list[Factor], spins: tuple[int, ...]) -> Tensor:
    """Product of factors as a table with one axis of length 2 per spin."""
    axis = {spin: i for i, spin in enumerate(spins)}
    product = torch.ones((2,) * len(spins), dtype=torch.float64)
    for own, table in factors:
        order = sorted(range(len(own)), key=lambda i: axis[own[i]])
        shape = [2 if spin in own else 1 for spin in spins]
        product *= table.permute(order).reshape(shape)
    return product


def _check_width(width: int) -> None:
    if width > MAX_SPINS_AT_ONCE:
        raise InputError(
            f"an exact table over {width} spins at once is needed; at most {MAX_SPINS_AT_ONCE} "
            f"({2**MAX_SPINS_AT_ONCE * 8 >> 20} MiB) are supported: take a smaller "
            "lattice, block or buffer (a 6x6 torus with a 2x2 block works), or sample rings and "
            "use ring_posterior"
        )
