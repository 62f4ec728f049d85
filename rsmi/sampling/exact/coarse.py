"""Exact coarse-grained distributions of small chains, and the couplings they stand for."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import states


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
