"""Trainable rules: a free table, perceptrons and networks, equivariant by a sum over a group."""

import math
from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError, nearest
from rsmi.lattice import Alphabet, Placement, states, word_index, words
from rsmi.learning.equivariance import Images, Use, make_images
from rsmi.learning.rules import Rule, check_symbols, check_table_size

_CHUNK = 1 << 16  # words of a table at once
_IMITATING, _AT_ONCE, _IMITATED = 1e-2, 1024, 64  # rate, blocks in each step, steps


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

    def begin(self, other: "LinearRule", letters: Tensor) -> None:
        """Become much like a linear rule; a network of one's own stays as it is.

        Args:
            other: A rule with the same symbols, for the same block, under the same group.
            letters: (n, n_sites) blocks as they come.
        """

    def table(self) -> Tensor:
        """The whole rule, (q**n_sites, K) float64, computed in double precision."""
        return super(LogitRule, self.precise()).table()

    def precise(self) -> Self:
        """The same rule in double precision; a network of one's own stays as it is."""
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

    >>> from rsmi.lattice.alphabet import SPIN
    >>> TrainableTable(SPIN, 4, 2).table().shape
    torch.Size([16, 2])
    """

    def __init__(self, *geometry: Any, images: Images | None = None) -> None:
        super().__init__(*geometry, images=images)
        check_table_size(self.alphabet, self.n_sites, self.n_symbols)
        self.weight = nn.Parameter(0.1 * torch.randn(self.n_words, self.n_symbols))

    @torch.no_grad()
    def begin(self, other: "LinearRule", letters: Tensor) -> None:
        """What the linear rule says of each word."""
        starts = range(0, self.n_words, _CHUNK)
        self.weight.copy_(torch.cat([other.log_prob(self._words(start)) for start in starts]))

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

    >>> from rsmi.lattice.alphabet import SPIN
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

    @torch.no_grad()
    def begin(self, other: "LinearRule", letters: Tensor) -> None:
        """The same weights."""
        self.weight.copy_(other.weight)
        self.bias.copy_(other.bias)

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

    >>> from rsmi.lattice.alphabet import SPIN
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


class _OwnNetwork(NetworkRule):
    """A network that this project makes, whose first weights mean nothing."""

    each_word_once = True

    def begin(self, other: LinearRule, letters: Tensor) -> None:
        """Learn to answer as the linear rule does."""
        optimizer = torch.optim.Adam(self.parameters(), _IMITATING)
        for blocks in letters.split(_AT_ONCE)[:_IMITATED]:
            with torch.no_grad():
                p = other.log_prob(blocks).exp()
            optimizer.zero_grad()
            (-(p * self.log_prob(blocks)).sum(-1).mean()).backward()
            optimizer.step()
        self.zero_grad()


class MLPRule(_OwnNetwork):
    """A multilayer perceptron on the features of all letters of a block.

    Args:
        alphabet: The q letters of a site.
        n_sites: Sites of the block.
        n_symbols: K.
        block: Extents in cells where the block is a box.
        images: The group under which it is equivariant.
        hidden: Widths of the hidden layers.
    """

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


class ConvRule(_OwnNetwork):
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
    >>> placed = place(Window((2, 2), 1), Space.from_text("spins on square [8, 8]"))
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
