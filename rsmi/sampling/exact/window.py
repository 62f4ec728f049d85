"""One front door to exact information: any window of a torus, an infinite chain or cylinder."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate, best_rule, rule_information
from rsmi.information.assignments import Z2
from rsmi.information.merging import merge_equal
from rsmi.sampling.exact.chain import chain_posterior
from rsmi.sampling.exact.cylinder import cylinder_posterior
from rsmi.sampling.exact.torus import torus_posterior
from rsmi.sampling.pair import PairInteraction, as_interaction


@dataclass(frozen=True)
class WindowPosterior:
    """Exact conditional distribution of a block given its environment.

    Args:
        posterior: (n, m) float64, one row p(v|e) per class of environments with the same
            conditional distribution; m is q**n_v for a block of n_v sites with q letters.
        weights: (n,) float64, probabilities of the classes.
    """

    posterior: Tensor
    weights: Tensor

    @classmethod
    def of(cls, posterior: Tensor, weights: Tensor) -> Self:
        """Merge environments that have the same conditional distribution."""
        return cls(*merge_equal(posterior, weights))

    def full(self) -> Estimate:
        """I(V:E), the most any rule can keep, in nats."""
        return self.rule(torch.eye(self.posterior.shape[1], dtype=torch.float64))

    def rule(self, table: Tensor) -> Estimate:
        """I(H:E) of the rule p(h|v) given as a table (m, K), in nats."""
        return Estimate(float(rule_information(self.posterior, table, self.weights)), 0.0, "exact")

    def optimum(self, n_symbols: int = 2, z2: Z2 = "impose") -> tuple[Tensor, Estimate]:
        """Best rule and its information, as `rsmi.information.best_rule`."""
        return best_rule(self.posterior, self.weights, n_symbols, z2)


def exact_window(
    shape: Sequence[float],
    model: float | PairInteraction,
    block: Sequence[int],
    buffer: int,
) -> WindowPosterior:
    """Solve a window of a lattice model exactly, its environment being all beyond the buffer.

    Args:
        shape: Extents: finite ones are periodic. `(math.inf,)` is the infinite chain and
            `(w, math.inf)` the infinite cylinder, whose buffers are full columns.
        model: The coupling K = J/T of the Ising model, or an interaction of q letters, such as
            `Potts(...).interaction()`.
        block: Extents of the visible block.
        buffer: Width of the buffer, in sites (full columns on the cylinder).

    Returns:
        The posterior, ready to be asked for the information of any rule.

    Raises:
        InputError: For a shape of another kind, a block that does not fit, or a problem too
            large to solve exactly.

    >>> print(exact_window((math.inf,), 0.5, (2,), 1).full())
    0.045735595 nats (exact)
    """
    _check(shape, block, buffer)
    interaction = as_interaction(model)
    finite = tuple(int(extent) for extent in shape if math.isfinite(extent))
    if len(finite) == len(shape):
        solved = torus_posterior(finite, interaction, tuple(block), buffer)
    elif len(shape) == 1:
        solved = chain_posterior(interaction, block[0], buffer)
    else:
        solved = cylinder_posterior(finite[0], interaction, (block[0], block[1]), buffer)
    return WindowPosterior.of(*solved)


def _check(shape: Sequence[float], block: Sequence[int], buffer: int) -> None:
    infinite = [extent for extent in shape if extent == math.inf]
    known = (
        not infinite or tuple(shape) == (math.inf,) or (len(shape) == 2 and shape[1] in infinite)
    )
    whole = all(extent == math.inf or (extent >= 1 and extent == int(extent)) for extent in shape)
    if not (shape and known and whole and len(infinite) <= 1):
        raise InputError(
            f"shape is {list(shape)}; expected finite extents such as [6, 6], [inf] for the "
            "infinite chain or [6, inf] for the infinite cylinder"
        )
    if len(block) != len(shape) or min(block) < 1 or buffer < 0:
        raise InputError(
            f"block {list(block)} with buffer {buffer} on shape {list(shape)}; expected one "
            "block extent >= 1 per axis and a buffer >= 0"
        )
