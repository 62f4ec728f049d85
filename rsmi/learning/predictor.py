"""The networks that predict a discrete variable from the environment."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.lattice import Alphabet
from rsmi.learning.linear import discriminant

MEMBERS = 4
"""Networks of a predictor."""


class Predictor(nn.Module):
    r"""log q(s|e) for a discrete variable s with S values, by a mixture of small networks.

    Each of them is the sum of a linear function of the environment, which `begin` knows in closed
    form, and of a multilayer perceptron, which begins at 0 and learns what is left. The perceptrons
    start from different weights and learn from different windows; the mean of their predictions is
    better than each, and how it changes without one of them tells how much the outcome owes to the
    luck of the training.

    A symmetry q(gs|ge) = q(s|e) under renaming letters is built in exactly: the environment is
    renamed so that it comes first among its images, and the answer is renamed back. Where several
    elements lead there the answer is the mean over them.

    .. math:: \ln q(s|e) = \frac{1}{|F(e)|} \sum_{g \in F(e)} f(gs|ge), \qquad
              F(e) = \{g: ge \ge g'e \text{ for all } g'\}

    Args:
        alphabet: Letters of the environment, seen by their features.
        n_environment: Sites of the environment.
        n_symbols: Number of values of s.
        hidden: Widths of the hidden layers of each network.
        action: Permutations (G, q) of the letters with what they do to the values of s, (G, S);
            without it no symmetry is built in.
        seed: Of the weights.

    Source: Lakshminarayanan, Pritzel, Blundell (2017), arXiv:1612.01474, for such mixtures; Puny
    et al. (2022), arXiv:2110.03336, for means over the frame F(e).

    >>> from rsmi.lattice.alphabet import SPIN
    >>> states = torch.arange(16)
    >>> flip = torch.tensor([[0, 1], [1, 0]]), torch.stack([states, states.flip(0)])
    >>> predict = Predictor(SPIN, 20, 16, (32,), flip)
    >>> e = torch.ones(1, 20, dtype=torch.int8)
    >>> torch.equal(predict(e), predict(1 - e).flip(-1))
    True
    """

    features: Tensor
    letters: Tensor
    symbols: Tensor

    def __init__(
        self,
        alphabet: Alphabet,
        n_environment: int,
        n_symbols: int,
        hidden: Sequence[int],
        action: tuple[Tensor, Tensor] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        none = torch.arange(alphabet.size)[None], torch.arange(n_symbols)[None]
        letters, symbols = action or none
        self.register_buffer("features", alphabet.values)
        self._range = float(alphabet.values[0, 0]), float(alphabet.values[-1, 0])
        self.register_buffer("letters", letters.to(torch.int8))
        self.register_buffer("symbols", symbols)
        same = torch.equal(symbols[-1].flip(0), torch.arange(n_symbols))
        self._reverses = tuple(letters.shape) == (2, 2) and same
        widths = [n_environment * self.features.shape[1], *hidden, n_symbols]
        generator = torch.Generator().manual_seed(seed)
        shapes = list(pairwise(widths))
        self.weights = nn.ParameterList(_uniform(n, (MEMBERS, n, m), generator) for n, m in shapes)
        self.biases = nn.ParameterList(_uniform(n, (MEMBERS, 1, m), generator) for n, m in shapes)
        nn.init.zeros_(self.weights[-1])  # start from independence, where the bound is 0
        self.direct = nn.Parameter(torch.zeros(MEMBERS, widths[0], n_symbols))
        nn.init.zeros_(self.biases[-1])

    @torch.no_grad()
    def begin_at(self, log_probability: Tensor) -> None:
        """Start from one distribution (n_symbols,), whatever the environment."""
        self.biases[-1].copy_(log_probability)

    @torch.no_grad()
    def begin(self, e: Tensor, p: Tensor, sites: Tensor) -> None:
        """Start from the linear discriminants of samples, each network from its share of them.

        Args:
            e: (n, n_e) environments.
            p: (n, n_symbols) float32, how probable each value of s is.
            sites: (m,) which sites of the environment have a say.
        """
        direct = self.direct.view(MEMBERS, e.shape[1], -1, p.shape[1])
        shares = (part.chunk(MEMBERS) for part in (e[:, sites], p))
        for member, (seen, chances) in enumerate(zip(*shares, strict=True)):
            weight, bias = discriminant(self._seen(seen), chances)
            direct[member, sites] = weight.unflatten(0, (len(sites), -1))
            self.biases[-1][member, 0] = bias

    def forward(self, e: Tensor) -> Tensor:
        """log q(s|e) for environments e (n, n_e) of letters: (n, n_symbols).

        In training mode each network answers for its own share of the rows, else all for every row.
        """
        if not self.training:
            return mixture(self.members(e))
        share = -(-len(e) // MEMBERS)
        rows = F.pad(e, (0, 0, 0, share * MEMBERS - len(e)))
        return self._answers(rows.view(MEMBERS, share, -1)).flatten(0, 1)[: len(e)]

    def members(self, e: Tensor) -> Tensor:
        """log q(s|e) of each network: (MEMBERS, n, n_symbols)."""
        return self._answers(e.expand(MEMBERS, *e.shape))

    def _answers(self, e: Tensor) -> Tensor:
        """log q(s|e) of network m for environments e[m]."""
        if len(self.letters) == 1:
            return F.log_softmax(self._layers(self._seen(e)), -1)
        if self._reverses:
            return F.log_softmax(self._turned(e), -1)
        frame = first_among_images(e, self.letters)
        chosen = frame.int().argmax(-1)
        turned = self.letters[chosen[..., None], e.long()]
        logits = self._layers(self._seen(turned)).flatten(0, 1)
        back = self._renamed_back(logits, frame.flatten(0, 1), chosen.flatten())
        return F.log_softmax(back.view(*e.shape[:2], -1), -1)

    def _turned(self, e: Tensor) -> Tensor:
        """The same for the flip of bits, of which the first one of the environment tells all."""
        down = 1 - e[..., :1]
        logits = self._layers(self._seen(e ^ down))
        return torch.where(down > 0, logits.flip(-1), logits)

    def _renamed_back(self, logits: Tensor, frame: Tensor, chosen: Tensor) -> Tensor:
        """Answers (n, S) for environments as they came, of logits for environments as seen."""
        answers = logits.gather(1, self.symbols[chosen])
        others = frame.scatter(1, chosen[:, None], False).nonzero()
        if not len(others):
            return answers
        row, element = others.T
        more = logits[row].gather(1, self.symbols[element])
        return answers.index_add(0, row, more) / frame.sum(1, keepdim=True)

    def _seen(self, e: Tensor) -> Tensor:
        """Features of environments (..., n_e): (..., n_e d)."""
        if self.features.shape == (2, 1):  # twice as fast as looking them up
            low, high = self._range
            return e.to(self.features.dtype).mul_(high - low).add_(low)
        return F.embedding(e.int(), self.features).flatten(-2)

    def _layers(self, x: Tensor) -> Tensor:
        answer, last = x @ self.direct, len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            x = x if i == last else F.relu(x)
        return x + answer


def first_among_images(words: Tensor, letters: Tensor) -> Tensor:
    """Which renamings of the letters make a word the last of its images in the lexicon.

    Args:
        words: (..., k) letters 0 ... q - 1.
        letters: (G, q) permutations of the letters, a group.

    Returns:
        (..., G) bool.

    >>> flip = torch.tensor([[0, 1], [1, 0]])
    >>> first_among_images(torch.tensor([[1, 0, 0], [0, 1, 1]]), flip).tolist()
    [[True, False], [False, True]]
    """
    # Images differ first where a letter comes for the first time.
    there = words[..., None] == torch.arange(letters.shape[1], device=words.device)
    found, place = there.max(-2)
    order = torch.where(found, place, words.shape[-1]).argsort(-1)
    kept = words.new_ones(*words.shape[:-1], len(letters), dtype=torch.bool)
    for letter in order.unbind(-1):
        image = letters.T[letter].masked_fill(~kept, -1)
        best = image.amax(-1, keepdim=True)
        present = found.gather(-1, letter[..., None])
        kept = torch.where(present, image == best, kept)
    return kept


def mixture(log_q: Tensor) -> Tensor:
    """Log of the mean of predictions (m, n, S) of m networks: (n, S)."""
    return torch.logsumexp(log_q, 0) - math.log(len(log_q))


def _uniform(inputs: int, shape: tuple[int, ...], generator: torch.Generator) -> nn.Parameter:
    """Weights as `torch.nn.Linear` draws them."""
    reach = 1 / math.sqrt(inputs)
    return nn.Parameter(torch.empty(shape).uniform_(-reach, reach, generator=generator))
