"""Rules p(h|v) that give a coarse symbol for a block of letters: tables and networks."""

import math
from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from rsmi.errors import InputError, nearest
from rsmi.lattice import Alphabet, Placement, states, word_index, words
from rsmi.lattice.alphabet import SPIN
from rsmi.learning.equivariance import (
    Equivariance,
    Images,
    Use,
    block_symmetries,
    equivariance,
    letter_symmetries,
    make_images,
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
        soft: The rule; its weights are frozen.
        order: Which symbol of `soft` each symbol is; itself without.
    """

    order: Tensor

    def __init__(self, soft: Rule, order: Sequence[int] | None = None) -> None:
        super().__init__(soft.alphabet, soft.n_sites, soft.n_symbols, soft.block)
        self.soft = soft.requires_grad_(False).eval()
        same = torch.arange(soft.n_symbols)
        self.register_buffer("order", same if order is None else torch.tensor(list(order)))

    def log_prob(self, letters: Tensor) -> Tensor:
        """0 for the most probable symbol; log 1/2 for each of two between which the rule ties."""
        p = self.soft.log_prob(letters).double().exp()
        return most_probable(p, _ROUNDED)[..., self.order].log()

    def hardened(self) -> "Rule":
        """Itself."""
        return self

    def renamed(self, order: Sequence[int]) -> "Rule":
        """The same rule with symbol `order[k]` under the name k."""
        return HardRule(self.soft, self.order[list(order)].tolist())


class LogitRule(Rule):
    """A trainable rule: logits, averaged over the images of a group under which it is equivariant.

    Args:
        alphabet: The q letters of a site.
        n_sites: Sites of the block.
        n_symbols: K.
        block: Extents in cells where the block is a box.
        images: The group; without it the rule is free.
    """

    each_word_once = True
    """Whether the logits of a block do not depend on those beside it, as with batch norm."""

    def __init__(
        self,
        alphabet: Alphabet,
        n_sites: int,
        n_symbols: int,
        block: Sequence[int] = (),
        *,
        images: Images | None = None,
    ) -> None:
        super().__init__(alphabet, n_sites, n_symbols, block)
        self.images = images or Images(n_sites, alphabet.size, n_symbols)
        self.settings: dict[str, Any] = {}

    def logits(self, letters: Tensor) -> Tensor:
        """Logits of blocks (n, n_sites), not yet averaged over the group: (n, K)."""
        raise NotImplementedError

    def log_prob(self, letters: Tensor) -> Tensor:
        """log p(h|v) of the averaged logits; each word is computed once where they are few."""
        blocks = letters.reshape(-1, self.n_sites)
        if self.each_word_once and self.n_words < len(blocks):
            rows = self._averaged(self.images.remembered(self._every_image))
            found = F.embedding(word_index(blocks, self.alphabet.size), F.log_softmax(rows, -1))
        else:
            found = F.log_softmax(self._averaged(self.images(blocks)), -1)
        return found.view(*letters.shape[:-1], self.n_symbols)

    def table(self) -> Tensor:
        """The whole rule, (q**n_sites, K) float64, computed in double precision."""
        return super(LogitRule, self.precise()).table()

    def precise(self) -> Self:
        """The same rule in double precision, but for a network of one's own, which stays as is."""
        return deepcopy(self).double() if self.each_word_once else self

    def _every_image(self) -> Tensor:
        """Images of all words, (size, q**n_sites, n_sites)."""
        every = words(self.alphabet.size, self.n_sites)
        return self.images(every.to(self.images.sources.device))

    def _averaged(self, images: Tensor) -> Tensor:
        logits = self.logits(images.flatten(0, 1))
        return self.images.averaged(logits.view(*images.shape[:2], self.n_symbols))


class TrainableTable(LogitRule):
    """A free rule with one logit for each state of the block and symbol.

    Args:
        alphabet: The q letters of a site.
        n_sites: Sites of the block.
        n_symbols: K.
        block: Extents in cells where the block is a box.
        images: The group under which it is equivariant.

    Raises:
        InputError: Where the table would not fit in memory.

    >>> TrainableTable(SPIN, 4, 2).table().shape
    torch.Size([16, 2])
    """

    def __init__(self, *geometry: Any, images: Images | None = None) -> None:
        super().__init__(*geometry, images=images)
        check_table_size(self.alphabet, self.n_sites, self.n_symbols)
        self.weight = nn.Parameter(0.1 * torch.randn(self.n_words, self.n_symbols))

    def logits(self, letters: Tensor) -> Tensor:
        """The rows of the blocks."""
        return F.embedding(word_index(letters, self.alphabet.size), self.weight)


class LinearRule(LogitRule):
    r"""Perceptrons on the features of the letters, one for each bit where K is a power of 2.

    .. math:: p(h|v) \propto \exp\Big(\sum_k h_k (\sum_i \Lambda_{ki} \cdot f(v_i) + b_k)\Big)

    with bits :math:`h_k = \pm 1`; else one perceptron for each symbol. For two letters it is the
    parametrisation of Koch-Janusz and Ringel (2018, arXiv:1704.06279).

    Args:
        alphabet: The q letters of a site.
        n_sites: Sites of the block.
        n_symbols: K.
        block: Extents in cells where the block is a box.
        images: The group under which it is equivariant.

    >>> LinearRule(SPIN, 36, 4).log_prob(torch.zeros(5, 36)).shape
    torch.Size([5, 4])
    """

    features: Tensor
    spread: Tensor

    def __init__(self, *geometry: Any, images: Images | None = None) -> None:
        super().__init__(*geometry, images=images)
        bits = self.n_symbols.bit_length() - 1
        spread = states(bits) if self.n_symbols == 1 << bits else torch.eye(self.n_symbols)
        self.register_buffer("spread", spread.float(), persistent=False)
        self.register_buffer("features", self.alphabet.values, persistent=False)
        shape = spread.shape[1], self.n_sites, self.features.shape[1]
        self.weight = nn.Parameter(torch.randn(shape) / self.n_sites)
        self.bias = nn.Parameter(torch.zeros(spread.shape[1]))

    def logits(self, letters: Tensor) -> Tensor:
        """A sum over sites."""
        fields = F.linear(self.features[letters.long()].flatten(1), self.weight.flatten(1))
        return (fields + self.bias) @ self.spread.T

    def log_prob(self, letters: Tensor) -> Tensor:
        """log p(h|v); what each letter on each site adds is averaged over the group beforehand."""
        added = self._averaged_sites()
        first = added[:, 0].sum(0)
        if self.alphabet.size == 2:
            chosen = letters.to(added)
        else:
            others = torch.arange(1, self.alphabet.size, device=letters.device)
            chosen = (letters[..., None] == others).flatten(-2).to(added)
        return F.log_softmax(chosen @ (added[:, 1:] - added[:, :1]).flatten(0, 1) + first, -1)

    def _averaged_sites(self) -> Tensor:
        """(n_sites, q, K), the logits being a sum over sites."""
        fields = torch.einsum("kid,ad->iak", self.weight, self.features)
        added = (fields + self.bias / self.n_sites) @ self.spread.T
        if len(self.images) == 1:
            return added
        back = self.images.remembered(self._places)
        images = added.flatten().index_select(0, back).view(len(self.images), *added.shape)
        return images.mean(0)

    def _places(self) -> Tensor:
        """Where what (site, letter, symbol) adds to an image stands, for all of them in turn."""
        group, q, k = self.images, self.alphabet.size, self.n_symbols
        sites = group.sources.argsort(1)[:, :, None, None]  # the image has the letter there
        letters, symbols = group.letters[:, None, :, None], group.symbols[:, None, None]
        return ((sites * q + letters) * k + symbols).flatten()


class NetworkRule(LogitRule):
    """A network that gives logits for the features of a block's letters.

    Args:
        network: Takes features (n, n_sites, d) float32, or letters (n, n_sites) int64, and gives
            logits (n, K); it belongs to the rule from then on.
        alphabet: The q letters of a site.
        n_sites: Sites of the block.
        n_symbols: K.
        block: Extents in cells where the block is a box.
        images: The group under which it is equivariant.
        sees: `features` or `letters`.

    Raises:
        InputError: For a network that does not give logits of this shape.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    >>> NetworkRule(net, SPIN, 36, 2, (6, 6)).log_prob(torch.zeros(3, 36)).shape
    torch.Size([3, 2])
    """

    features: Tensor
    each_word_once = False

    def __init__(
        self,
        network: nn.Module,
        *geometry: Any,
        images: Images | None = None,
        sees: Literal["features", "letters"] = "features",
    ) -> None:
        super().__init__(*geometry, images=images)
        if sees not in ("features", "letters"):
            raise InputError(f"a network sees {sees!r}; expected 'features' or 'letters'")
        self.network, self.sees = network, sees
        self.register_buffer("features", self.alphabet.values, persistent=False)
        self._check()

    def logits(self, letters: Tensor) -> Tensor:
        """What the network says."""
        seen = letters.long()
        found: Tensor = self.network(self.features[seen] if self.sees == "features" else seen)
        return found

    def _check(self) -> None:
        """Try the network on two blocks."""
        training, blocks = self.network.training, torch.zeros(2, self.n_sites, dtype=torch.int64)
        self.network.eval()
        try:
            with torch.no_grad():
                found = f"gives {list(self.logits(blocks).shape)}"
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
            found = f"fails ({error})"
        self.network.train(training)
        if found != f"gives {[2, self.n_symbols]}":
            depth = f", {self.features.shape[1]}" if self.sees == "features" else ""
            raise InputError(
                f"the network of a rule {found} for {self.sees} [2, {self.n_sites}{depth}]; "
                f"expected logits [2, {self.n_symbols}], one for each symbol"
            )


class MLPRule(NetworkRule):
    """A multilayer perceptron on the features of all letters of a block.

    Args:
        alphabet: The q letters of a site.
        n_sites: Sites of the block.
        n_symbols: K.
        block: Extents in cells where the block is a box.
        images: The group under which it is equivariant.
        hidden: Widths of the hidden layers.
    """

    each_word_once = True

    def __init__(
        self,
        alphabet: Alphabet,
        n_sites: int,
        n_symbols: int,
        block: Sequence[int] = (),
        *,
        images: Images | None = None,
        hidden: Sequence[int] = (64, 64),
    ) -> None:
        widths = [n_sites * alphabet.values.shape[1], *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.GELU()]
        network = nn.Sequential(*layers, nn.Linear(widths[-1], n_symbols))
        super().__init__(network, alphabet, n_sites, n_symbols, block, images=images)
        self.settings = {"hidden": list(hidden)}


class ConvRule(NetworkRule):
    """A convolutional network over the cells of a box; the sites of a cell are channels.

    Args:
        alphabet: The q letters of a site.
        n_sites: Sites of the block.
        n_symbols: K.
        block: Extents in cells.
        images: The group under which it is equivariant.
        channels: Of the hidden layers, each of width 3.

    Raises:
        InputError: For a block that is no box of one to three axes.
    """

    each_word_once = True

    def __init__(
        self,
        alphabet: Alphabet,
        n_sites: int,
        n_symbols: int,
        block: Sequence[int],
        *,
        images: Images | None = None,
        channels: Sequence[int] = (16, 16),
    ) -> None:
        if not 1 <= len(block) <= 3:
            raise InputError(
                "a convolutional rule needs a block that is a box of one to three axes, such as "
                "[6, 6]; use mlp for disks, balls, lists of sites and more axes"
            )
        sites = n_sites // math.prod(block)
        network = _convolutions(block, sites, alphabet.values.shape[1], n_symbols, channels)
        super().__init__(network, alphabet, n_sites, n_symbols, block, images=images)
        self.settings = {"channels": list(channels)}


def _convolutions(
    block: Sequence[int], sites: int, depth: int, n_symbols: int, channels: Sequence[int]
) -> nn.Sequential:
    convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(block) - 1]
    layers: list[nn.Module] = [_Cells(block, sites)]
    for inputs, outputs in pairwise([sites * depth, *channels]):
        layers += [convolution(inputs, outputs, 3, padding=1), nn.GELU()]
    last = nn.Linear(math.prod(block) * channels[-1], n_symbols)
    return nn.Sequential(*layers, nn.Flatten(), last)


class _Cells(nn.Module):
    """Features (n, n_sites, d) as channels on the cells of a box, (n, sites * d, *block)."""

    def __init__(self, block: Sequence[int], sites: int) -> None:
        super().__init__()
        self._extents = *block, sites

    def forward(self, features: Tensor) -> Tensor:
        return features.unflatten(1, self._extents).flatten(-2).movedim(-1, 1)


KINDS: dict[str, type[LogitRule]] = {
    "table": TrainableTable,
    "linear": LinearRule,
    "mlp": MLPRule,
    "conv": ConvRule,
}
"""Trainable rules by name."""


def make_rule(
    kind: str | nn.Module,
    placement: Placement,
    n_symbols: int = 2,
    *,
    symmetry: Use = "impose",
    point_group: Use = "allow",
    seed: int = 0,
    sees: Literal["features", "letters"] = "features",
) -> LogitRule:
    """A trainable rule for the block of a window in a space.

    Args:
        kind: `table`, `linear`, `mlp`, `conv`, or a network, see `NetworkRule`.
        placement: Window in a space.
        n_symbols: K, 2 to 16.
        symmetry: `impose` makes the rule equivariant under the symmetries of the letters, see
            `symbol_action`; `allow` and `measure` leave it free.
        point_group: `impose` makes it invariant under rotations and reflections of the block.
        seed: Of the weights; a network of your own keeps those that it has.
        sees: What a network of your own takes, `features` or `letters`.

    Raises:
        InputError: For an unknown kind, symmetries that cannot act on so many symbols, a table
            that would not fit in memory, or a network with other logits.

    >>> from rsmi.lattice import Space, Window, place
    >>> placed = place(Window((2, 2), 1), Space.hypercubic((8, 8), SPIN))
    >>> table = make_rule("table", placed).table()
    >>> torch.allclose(table, table.flip(0, 1))
    True
    """
    check_symbols(n_symbols)
    images = make_images(placement, n_symbols, symmetry, point_group)
    space = placement.space
    geometry = space.alphabet, placement.n_visible, n_symbols, placement.window.block
    if isinstance(kind, nn.Module):
        return NetworkRule(kind, *geometry, images=images, sees=sees)
    if kind not in KINDS:
        raise InputError(
            f"the kind of rule is {kind!r}; {nearest(kind, KINDS)}expected one of "
            f"{', '.join(KINDS)}, or a network"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return KINDS[kind](*geometry, images=images)


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
            f"{', '.join(kind for kind in KINDS if kind != 'table')}"
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
