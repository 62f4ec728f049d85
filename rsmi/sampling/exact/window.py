"""One front door to exact information: any window of a torus, an infinite chain or cylinder."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate, best_rule, mutual_information, rule_information
from rsmi.information.assignments import Z2, Action
from rsmi.information.merging import merge_equal
from rsmi.lattice import Placement
from rsmi.lattice.states import word_index
from rsmi.sampling.exact.cylinder import chain_posterior, cylinder_posterior
from rsmi.sampling.exact.elimination import torus_posterior
from rsmi.sampling.pair import PairInteraction, as_interaction

_MOST_ENTRIES = 1 << 27


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
        joint = self.weights[:, None] * self.posterior
        return Estimate(float(mutual_information(joint)), 0.0, "exact")

    def rule(self, table: Tensor) -> Estimate:
        """I(H:E) of the rule p(h|v) given as a table (m, K), in nats."""
        return Estimate(float(rule_information(self.posterior, table, self.weights)), 0.0, "exact")

    def optimum(self, n_symbols: int = 2, z2: Z2 | Action = "impose") -> tuple[Tensor, Estimate]:
        """Best rule and its information, as `rsmi.information.best_rule`.

        Block states that never occur are left out of the search; they get symbol 0, or one at
        random where the rule is to commute with a group.
        """
        action = Action.of(z2, self.posterior.shape[1], n_symbols)
        occurs = self.posterior.sum(0) > 0
        among = action.among(occurs)
        if among is None:
            return best_rule(self.posterior, self.weights, n_symbols, action)
        found, value = best_rule(self.posterior[:, occurs], self.weights, n_symbols, among)
        rest = torch.eye(n_symbols, dtype=torch.float64)[0]
        rest = rest if len(action.states) == 1 else torch.full_like(rest, 1 / n_symbols)
        table = rest.repeat(len(occurs), 1)
        table[occurs] = found
        return table, value


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


def enumerated_window(
    letters: Tensor, probabilities: Tensor, placement: Placement
) -> WindowPosterior:
    """Solve a window of any space by its list of configurations.

    Args:
        letters: (n, *space.shape) integers, every configuration once.
        probabilities: (n,) float64, see `Family.enumerate`.
        placement: Window in the space; it is looked at in its first place alone.

    Returns:
        The posterior over the q**n_v words of the block, in the order of `rsmi.lattice.words`.

    Raises:
        InputError: For letters of another space, or a table that would be too large.

    >>> from rsmi.lattice import Space, Window, place
    >>> from rsmi.lattice.alphabet import SPIN
    >>> ring = Space.of("chain", (4,), SPIN)
    >>> same = torch.tensor([[0] * 4, [1] * 4])[..., None]
    >>> both = torch.tensor([0.5, 0.5], dtype=torch.float64)
    >>> print(enumerated_window(same, both, place(Window((1,), 0), ring)).full())
    0.69314718 nats (exact)
    """
    placement.space.check(letters)
    q, flat = placement.space.alphabet.size, letters.flatten(1)
    environment = _classes(flat[:, placement.environment], q)
    n_words, n_classes = q**placement.n_visible, int(environment.max()) + 1
    if n_words * n_classes > _MOST_ENTRIES:
        raise InputError(
            f"{placement.window} has {n_words} states of its block and {n_classes} of its "
            f"environment, a table of {8e-9 * n_words * n_classes:.3g} GB; expected at most "
            f"{8e-9 * _MOST_ENTRIES:.3g} GB; take a smaller lattice or block, or a shell of "
            "environment"
        )
    place = environment * n_words + word_index(flat[:, placement.visible].long(), q)
    joint = probabilities.new_zeros(n_classes * n_words).index_add_(0, place, probabilities)
    joint = joint.view(n_classes, n_words)
    weights = joint.sum(1)
    used = weights > 0
    return WindowPosterior.of(joint[used] / weights[used, None], weights[used])


def _classes(letters: Tensor, q: int) -> Tensor:
    """Numbers of the different rows of letters (n, k): (n,) int64 from 0 on."""
    found = torch.zeros(len(letters), dtype=torch.int64)
    for part in letters.split(int(30 / math.log2(q)), 1):
        number = found * q ** part.shape[1] + word_index(part.long(), q)
        found = torch.unique(number, return_inverse=True)[1]
    return found


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
