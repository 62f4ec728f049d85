"""Exact conditional distribution of a block on a small torus."""

import itertools
import math

from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling.exact.elimination import marginal
from rsmi.sampling.pair import PairInteraction, as_interaction


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
