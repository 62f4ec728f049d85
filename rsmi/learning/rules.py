"""Rules p(h|v) that give a coarse symbol for a block of letters: tables and networks."""

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Self

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.lattice import Alphabet, Placement, states, word_index, words
from rsmi.lattice.alphabet import SPIN
from rsmi.learning.equivariance import (
    Equivariance,
    block_symmetries,
    equivariance,
    letter_symmetries,
)

MAX_SYMBOLS = 16
MAX_TABLE = 1 << 28
"""Bytes that a rule's table may need."""

_CHUNK = 1 << 16  # words for which a network answers at once
_DRAWN = 1 << 12  # words that stand for all where these are more
_EXACT, _ROUNDED = 1e-9, 1e-5  # how far apart two probabilities of a tie may lie


class Rule(nn.Module):
    """A rule p(h|v) from the letters of a block to one of K coarse symbols.

    Args:
        alphabet: The q letters of a site.
        n_sites: Sites of the block.
        n_symbols: K, 2 to 16.
        block: Extents in cells where the block is a box, else `()`.

    Raises:
        InputError: For another number of symbols, or a block without sites.
    """

    def __init__(
        self, alphabet: Alphabet, n_sites: int, n_symbols: int, block: Sequence[int] = ()
    ) -> None:
        super().__init__()
        check_symbols(n_symbols)
        if n_sites < 1 or (block and (min(block) < 1 or n_sites % math.prod(block))):
            raise InputError(
                f"the block is {list(block)} with {n_sites} sites; expected extents of at least 1 "
                "and as many sites in each cell, such as [2, 2] with 4 sites"
            )
        self.alphabet, self.block = alphabet, tuple(block)
        self.n_sites, self.n_symbols = n_sites, n_symbols

    @property
    def n_words(self) -> int:
        """Number of states of the block, q**n_sites."""
        return int(self.alphabet.size**self.n_sites)

    @property
    def fits_table(self) -> bool:
        """Whether a table of it is small enough."""
        return 8 * self.n_words * self.n_symbols <= MAX_TABLE

    def log_prob(self, letters: Tensor) -> Tensor:
        """log p(h|v) for blocks (..., n_sites) of letters 0 ... q - 1: (..., K)."""
        raise NotImplementedError

    def table(self) -> Tensor:
        """The whole rule, (q**n_sites, K) float64, rows as in `rsmi.lattice.words`, summing to 1.

        Raises:
            InputError: Where it would not fit in memory.
        """
        check_table_size(self.alphabet, self.n_sites, self.n_symbols)
        starts = range(0, self.n_words, _CHUNK)
        with torch.no_grad():
            rows = torch.cat([self.log_prob(self._words(s)).double().exp() for s in starts])
        return rows / rows.sum(-1, keepdim=True)

    def precise(self) -> "Rule":
        """The same rule in double precision, where it can be."""
        return self

    def some_words(self) -> Tensor:
        """All states of the block where they are few, else 4096 of them, (n, n_sites) int64."""
        q, n = self.alphabet.size, self.n_sites
        if self.n_words <= _CHUNK:
            return words(q, n)
        return torch.randint(0, q, (_DRAWN, n), generator=torch.Generator().manual_seed(0))

    def hardened(self) -> "Rule":
        """The deterministic rule of the most probable symbols; exact ties stay random."""
        if self.fits_table:
            return TableRule(self.alphabet, most_probable(self.table()), self.block)
        return HardRule(self)

    def renamed(self, order: Sequence[int]) -> "Rule":
        """The same rule with symbol `order[k]` under the name k, see `orientation`."""
        if self.fits_table:
            return TableRule(self.alphabet, self.table()[:, list(order)], self.block)
        return HardRule(self, order)

    def _words(self, start: int) -> Tensor:
        stop = min(start + _CHUNK, self.n_words)
        return words(self.alphabet.size, self.n_sites, start, stop)


class TableRule(Rule):
    """A fixed rule given by its table.

    Args:
        alphabet: The q letters of a site.
        table: (q**n_sites, K) probabilities p(h|v), rows as in `rsmi.lattice.words`.
        block: Extents in cells where the block is a box.

    Raises:
        InputError: For a wrong shape, negative entries or rows that do not sum to one.

    >>> TableRule(SPIN, torch.eye(2), (1,)).table().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    probabilities: Tensor

    def __init__(self, alphabet: Alphabet, table: Tensor, block: Sequence[int] = ()) -> None:
        table = check_table(table, alphabet.size)
        n_sites = round(math.log(len(table), alphabet.size))
        super().__init__(alphabet, n_sites, table.shape[1], block)
        self.register_buffer("probabilities", table)

    def log_prob(self, letters: Tensor) -> Tensor:
        """log p(h|v), looked up; impossible symbols have -inf."""
        return self.probabilities[word_index(letters, self.alphabet.size)].log()

    def table(self) -> Tensor:
        """The table as given."""
        return self.probabilities.clone()


class HardRule(Rule):
    """The most probable symbols of a rule whose table would not fit.

    Args:
        soft: The rule as it is now; it may be trained on.
        order: Which symbol of `soft` each symbol is; itself without.
    """

    order: Tensor
    soft: Rule

    def __init__(self, soft: Rule, order: Sequence[int] | None = None) -> None:
        super().__init__(soft.alphabet, soft.n_sites, soft.n_symbols, soft.block)
        chosen = torch.arange(soft.n_symbols) if order is None else torch.tensor(list(order))
        if isinstance(soft, HardRule):
            chosen, soft = soft.order.index_select(0, chosen), soft.soft
        self.soft = deepcopy(soft).requires_grad_(False).eval()
        self.register_buffer("order", chosen)

    def log_prob(self, letters: Tensor) -> Tensor:
        """0 for the most probable symbol; log 1/2 for each of two between which the rule ties."""
        p = self.soft.log_prob(letters).double().exp()
        return most_probable(p, _ROUNDED)[..., self.order].log()

    def hardened(self) -> "Rule":
        """Itself."""
        return self

    def train(self, mode: bool = True) -> Self:
        """Whatever is trained around it, its network stays as it is when it answers."""
        super().train(mode)
        self.soft.eval()
        return self


def measure_symmetry(
    rule: Rule, placement: Placement, letters: Tensor | None = None
) -> list[Equivariance]:
    """How far a rule is equivariant, for each symmetry of the letters and of the block.

    Args:
        rule: Any rule for the block.
        placement: Window in a space.
        letters: (n, n_sites) blocks that weigh alike; all words where the table fits.

    Raises:
        InputError: For a rule of another block, or one whose words are too many to do without
            `letters`.
    """
    check_fit(rule, placement)
    if letters is None:
        check_table_size(rule.alphabet, rule.n_sites, rule.n_symbols)
        letters = words(rule.alphabet.size, rule.n_sites)
    turns = block_symmetries(placement)[1:]
    renamings = letter_symmetries(rule.alphabet, rule.n_sites)[1:]
    with torch.no_grad():
        p = rule.log_prob(letters).exp()
        images = ((g, rule.log_prob(g(letters)).exp()) for g in (*renamings, *turns))
        return [equivariance(p, image, g.name) for g, image in images]


@torch.no_grad()
def influence(rule: Rule, letters: Tensor) -> Tensor:
    r"""How much each site of a block has to say: how often another letter there changes the symbol.

    .. math:: I_i = \Big\langle \tfrac12 \sum_h |p(h|v) - p(h|v^{(i)})| \Big\rangle

    with the mean over blocks and over the other letters of site i.

    Args:
        rule: Any rule for the block.
        letters: (n, n_sites) blocks.

    Returns:
        (n_sites,) float64, from 0 to 1.

    Source: Ben-Or and Linial (1985), FOCS, 408.

    >>> from rsmi.learning.classical import decimation
    >>> influence(decimation((2, 2)), words(2, 4)).tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    found = torch.zeros(rule.n_sites, dtype=torch.float64)
    p, q = rule.log_prob(letters).double().exp(), rule.alphabet.size
    for site in range(rule.n_sites):
        for turn in range(1, q):
            other = letters.clone()
            other[:, site] = (other[:, site] + turn) % q
            change = (rule.log_prob(other).double().exp() - p).abs().sum(1).mean()
            found[site] += 0.5 * float(change) / (q - 1)
    return found


def check_fit(rule: Rule, placement: Placement) -> None:
    """Refuse a rule for other letters or another block.

    Raises:
        InputError: Naming both.
    """
    window, alphabet = placement.window, placement.space.alphabet
    if rule.alphabet.names != alphabet.names:
        raise InputError(
            f"the rule is for the letters {', '.join(rule.alphabet.names)}, those of the space are "
            f"{', '.join(alphabet.names)}; use a rule for these letters"
        )
    if (rule.n_sites, rule.block) != (placement.n_visible, window.block):
        raise InputError(
            f"the rule is for a block of {list(rule.block) or rule.n_sites} sites, {window} has "
            f"{placement.n_visible}; use a rule for this block"
        )


def most_probable(p: Tensor, tie: float = _EXACT) -> Tensor:
    """All weight on the most probable symbols; exact ties stay random.

    Args:
        p: (..., K) probabilities.
        tie: Difference below which two of them are the same.

    Returns:
        (..., K), of the same dtype.

    >>> most_probable(torch.tensor([[0.2, 0.8], [0.5, 0.5]])).tolist()
    [[0.0, 1.0], [0.5, 0.5]]
    """
    best = (p >= p.max(-1, keepdim=True).values - tie).to(p)
    return best / best.sum(-1, keepdim=True)


def orientation(probabilities: Tensor, letters: Tensor, alphabet: Alphabet = SPIN) -> Tensor:
    """Names of the symbols that make them speak of the letters of their block.

    Exchanging symbols changes no information, yet a rule that turns every spin over would flip
    the magnetisation at each RG step. With as many symbols as letters each gets the name of the
    letter with which it goes; the bits of 2**k symbols are up where the block's spins are. A bit
    that speaks of neither is left as it is. Whatever speaks of the same symbols, a predictor q(h|e)
    among them, takes the same columns.

    Args:
        probabilities: (n, K) p(h|v) of blocks.
        letters: (n, n_sites) these blocks; all words for the rows of a table.
        alphabet: The q letters.

    Returns:
        (K,) int64: which of its columns each column becomes.

    >>> rule = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> rule[:, orientation(rule, words(2, 1))].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    p, k = probabilities.double(), probabilities.shape[1]
    p = p - p.mean(0)
    if alphabet.size == k > 2:
        counts = F.one_hot(letters.long(), k).sum(1).double()
        _, best = linear_sum_assignment((counts.T @ p).numpy(), maximize=True)
        return torch.from_numpy(best)
    if k & (k - 1) or not (alphabet.size == 2 or len(alphabet.symmetries) == 2):
        return torch.arange(k)
    total = alphabet.values[:, 0].double()[letters.long()].sum(1)
    downward = total @ (p @ states(k.bit_length() - 1).double()) < -_EXACT * len(p)
    turned = sum(1 << bit for bit, down in enumerate(downward.tolist()) if down)
    return torch.arange(k) ^ turned


def check_symbols(n_symbols: int) -> None:
    """Refuse a number of coarse symbols that no rule has.

    Raises:
        InputError: For fewer than 2 or more than 16.
    """
    if not 2 <= n_symbols <= MAX_SYMBOLS:
        raise InputError(f"a rule with {n_symbols} symbols; expected 2 to {MAX_SYMBOLS}")


def check_table_size(alphabet: Alphabet, n_sites: int, n_symbols: int) -> None:
    """Refuse a rule whose table would not fit in memory.

    Raises:
        InputError: Saying how large it would be, and which rules need no table.
    """
    needed = 8 * n_symbols * alphabet.size**n_sites
    if needed > MAX_TABLE:
        raise InputError(
            f"the table of a rule for {n_sites} sites with {alphabet.size} letters each has "
            f"{alphabet.size}^{n_sites} rows and needs {needed / 2**30:.3g} GiB; expected at most "
            f"{MAX_TABLE / 2**30:.3g} GiB; use a smaller block, or a rule that is a network: "
            "linear, mlp, conv"
        )


def check_table(table: Tensor, n_letters: int) -> Tensor:
    """A rule table p(h|v) in double precision, if it is one for letters.

    Args:
        table: (q**n, K).
        n_letters: q.

    Raises:
        InputError: For another shape, negative entries or rows that do not sum to 1.
    """
    shape = tuple(table.shape)
    n = round(math.log(max(shape[0], 1), n_letters)) if shape else 0
    if len(shape) != 2 or n < 1 or shape[0] != n_letters**n or not 2 <= shape[1] <= MAX_SYMBOLS:
        raise InputError(
            f"the table of a rule has shape {list(shape)}; expected [{n_letters}^n, K] for a block "
            f"of n sites with {n_letters} letters each and 2 to {MAX_SYMBOLS} symbols: one row for "
            "each state of the block, one column for each symbol"
        )
    p, sums = table.double(), table.double().sum(1)
    if not (bool((p >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-6)):
        raise InputError(
            "the rows of a rule's table are probabilities p(h|v): every entry must be >= 0 and "
            f"every row must sum to 1; got entries from {float(p.min()):.6g} and rows that sum to "
            f"{float(sums.min()):.6g} ... {float(sums.max()):.6g}"
        )
    return p
