"""Filters: conditional distributions p(h|v) of the coarse variables given a block."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.lattice import state_index, states
from rsmi.lattice.alphabet import SPIN
from rsmi.learning.classical import block_alone
from rsmi.learning.rules import TableRule
from rsmi.learning.store import load_rule, save_rule

MAX_BLOCK_SITES = 20


class Filter(nn.Module):
    """A rule p(h|v) that maps a block of spins to `n_hidden` two-valued coarse variables.

    Args:
        block: Extents of the block; it has n_v sites.
        n_hidden: Number of coarse bits; they take K = 2**n_hidden joint values.

    Raises:
        InputError: For a block of more than 20 sites, whose table would not fit, or no bit.
    """

    def __init__(self, block: Sequence[int], n_hidden: int = 1) -> None:
        super().__init__()
        self.block = check_block(block)
        self.n_hidden = n_hidden
        if n_hidden < 1:
            raise InputError(f"a filter with {n_hidden} coarse bits; expected at least one")

    @property
    def n_visible(self) -> int:
        """Number of sites of the block."""
        return math.prod(self.block)

    @property
    def n_symbols(self) -> int:
        """Number of joint values of the coarse bits."""
        return 1 << self.n_hidden

    def log_prob(self, v: Tensor) -> Tensor:
        """log p(h|v) for blocks v (..., n_v) of +1 and -1: (..., K)."""
        raise NotImplementedError

    def table(self) -> Tensor:
        """The whole rule, (2**n_v, K) float64, rows summing to one."""
        with torch.no_grad():
            rows = self.log_prob(states(self.n_visible)).double().exp()
        return rows / rows.sum(-1, keepdim=True)

    def hardened(self) -> "TableFilter":
        """The deterministic rule of the most probable symbols, under the names that they have."""
        return TableFilter(self.block, most_probable(self.table()))


class TableFilter(Filter):
    """A fixed rule given by its table.

    Args:
        block: Extents of the block.
        table: (2**n_v, K) probabilities p(h|v); row v and column h as in
            `rsmi.lattice.state_index`. Without a table the rule forgets everything (uniform),
            ready to be filled by `load_state_dict`.

    Raises:
        InputError: For a wrong shape, negative entries or rows that do not sum to one.

    >>> TableFilter((1,), torch.eye(2)).table().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    probabilities: Tensor

    def __init__(
        self, block: Sequence[int], table: Tensor | None = None, n_hidden: int | None = None
    ) -> None:
        if table is not None:
            table = check_table(table, block)
            n_hidden = table.shape[1].bit_length() - 1
        super().__init__(block, n_hidden or 1)
        if table is None:
            shape = (1 << self.n_visible, self.n_symbols)
            table = torch.full(shape, 1 / self.n_symbols, dtype=torch.float64)
        self.register_buffer("probabilities", table)

    def log_prob(self, v: Tensor) -> Tensor:
        """log p(h|v), looked up; impossible symbols have -inf."""
        return self.probabilities[state_index(v)].log()

    def table(self) -> Tensor:
        """The table as given."""
        return self.probabilities.clone()


class TrainableTable(Filter):
    """A free rule with one logit per state and symbol.

    Args:
        block: Extents of the block.
        n_hidden: Number of coarse bits.
        odd: Whether flipping every spin must flip every coarse bit (the Z2 symmetry).

    >>> rule = TrainableTable((2,), odd=True).table()
    >>> torch.allclose(rule, rule.flip(0, 1))
    True
    """

    def __init__(self, block: Sequence[int], n_hidden: int = 1, odd: bool = True) -> None:
        super().__init__(block, n_hidden)
        self.odd = odd
        self.logits = nn.Parameter(0.1 * torch.randn(1 << self.n_visible, self.n_symbols))

    def log_prob(self, v: Tensor) -> Tensor:
        """log p(h|v) of the (symmetrised) logits."""
        logits: Tensor = self.logits
        if self.odd:  # complementing every bit of an index reverses the order of the indices
            logits = 0.5 * (logits + logits.flip(0, 1))
        return F.log_softmax(logits, -1)[state_index(v)]


class LinearFilter(Filter):
    r"""Independent perceptrons, $p(h_k=+1|v) = \sigma(2(\Lambda_k\cdot v + b_k))$.

    The parametrisation of Koch-Janusz and Ringel (2018, arXiv:1704.06279), for blocks too
    large for a free table.

    Args:
        block: Extents of the block.
        n_hidden: Number of coarse bits.
        odd: Whether the offsets b vanish, which makes the rule odd under a global flip.

    >>> LinearFilter((2, 2)).table().shape
    torch.Size([16, 2])
    """

    def __init__(self, block: Sequence[int], n_hidden: int = 1, odd: bool = True) -> None:
        super().__init__(block, n_hidden)
        self.weight = nn.Parameter(torch.randn(n_hidden, self.n_visible) / self.n_visible)
        self.bias = None if odd else nn.Parameter(torch.zeros(n_hidden))

    def log_prob(self, v: Tensor) -> Tensor:
        """log p(h|v) summed over the bits."""
        fields = 2 * F.linear(v.to(self.weight.dtype), self.weight, self.bias)
        symbols = states(self.n_hidden).to(fields)
        return F.logsigmoid(fields.unsqueeze(-2) * symbols).sum(-1)


def save_filter(
    filter: TableFilter, directory: str | os.PathLike[str], card: Mapping[str, Any]
) -> None:
    """Write a rule of spins with `save_rule`."""
    save_rule(TableRule(SPIN, filter.table(), filter.block), directory, card)


def load_filter(rule: str | os.PathLike[str], block: Sequence[int] | None = None) -> TableFilter:
    """A rule of spins with `load_rule`."""
    found = load_rule(rule, None if block is None else block_alone(block))
    return TableFilter(found.block, found.table())


def most_probable(p: Tensor) -> Tensor:
    """All weight on the most probable symbols; exact ties stay random.

    Args:
        p: (..., K) probabilities.

    Returns:
        (..., K), of the same dtype.

    >>> most_probable(torch.tensor([[0.2, 0.8], [0.5, 0.5]])).tolist()
    [[0.0, 1.0], [0.5, 0.5]]
    """
    best = (p >= p.max(-1, keepdim=True).values - 1e-9).to(p)
    return best / best.sum(-1, keepdim=True)


def orientation(table: Tensor) -> Tensor:
    """Names of the values of each coarse bit that make it up where the block's spins are up.

    Exchanging the two values of a bit changes no information, yet a rule that turns every
    spin over would flip the magnetisation at each RG step. A bit uncorrelated with the sum of
    the spins is left as it is. Whatever speaks of the same symbols, a predictor q(h|e) among
    them, takes the same columns.

    Args:
        table: (2**n_v, 2**n_hidden) rule p(h|v).

    Returns:
        (2**n_hidden,) int64: which of its columns each column becomes.

    >>> rule = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> rule[:, orientation(rule)].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    n_visible, n_hidden = (size.bit_length() - 1 for size in table.shape)
    total = states(n_visible).sum(-1).to(table)
    bits = states(n_hidden).to(table)
    downward = (total @ (table @ bits)) < -1e-9
    turned = int(sum(1 << k for k, down in enumerate(downward.tolist()) if down))
    return torch.arange(table.shape[1]) ^ turned


def check_block(block: Sequence[int]) -> tuple[int, ...]:
    """The extents of a block, if a rule for it can be written down.

    Raises:
        InputError: For an extent below 1, or more sites than a table can have rows for.
    """
    extents = tuple(block)
    if min(extents, default=0) < 1 or math.prod(extents) > MAX_BLOCK_SITES:
        raise InputError(
            f"the block is {list(extents)}; expected extents of at least 1 and 1 to "
            f"{MAX_BLOCK_SITES} sites, such as [2, 2]"
        )
    return extents


def check_table(table: Tensor, block: Sequence[int]) -> Tensor:
    """A rule table p(h|v) in double precision, if it is one for this block.

    Args:
        table: (2**n_v, 2**n_hidden).
        block: Extents of the block, of n_v sites.

    Raises:
        InputError: For another shape, negative entries or rows that do not sum to 1.
    """
    rows = 1 << math.prod(check_block(block))
    shape = tuple(table.shape)
    bits = shape[-1].bit_length() - 1 if shape else 0
    if bits < 1 or shape != (rows, 1 << bits):
        raise InputError(
            f"the table of a rule for blocks of {list(block)} has shape {list(shape)}; expected "
            f"[{rows}, 2], or [{rows}, 2**k] for k coarse bits: one row per state of the block, "
            "one column per joint value of the coarse bits"
        )
    p, sums = table.double(), table.double().sum(1)
    if not (bool((p >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-6)):
        raise InputError(
            "the rows of a rule's table are probabilities p(h|v): every entry must be >= 0 and "
            f"every row must sum to 1; got entries from {float(p.min()):.6g} and rows that sum to "
            f"{float(sums.min()):.6g} ... {float(sums.max()):.6g}"
        )
    return p
