"""The networks that predict a discrete variable from the environment."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEMBERS = 4
"""Networks of a predictor."""


class Predictor(nn.Module):
    """log q(s|e) for a discrete variable s with 2**k values, by a mixture of small networks.

    The multilayer perceptrons start from different weights and learn from different windows; the
    mean of their predictions is better than each, and how it changes without one of them tells
    how much the outcome owes to the luck of the training.

    With `odd` the exact symmetry q(-s|-e) = q(s|e) is built in: the environment is turned so
    that its first spin is up, and the answer is turned back.

    Args:
        n_environment: Number of environment spins.
        n_symbols: Number of values of s, numbered as in `rsmi.lattice.state_index`.
        hidden: Widths of the hidden layers of each network.
        odd: Whether to build in the Z2 symmetry.

    Source: Lakshminarayanan, Pritzel, Blundell (2017), arXiv:1612.01474, for such mixtures.

    >>> predict = Predictor(20, 16, (32,), odd=True)
    >>> e = torch.ones(1, 20)
    >>> torch.equal(predict(e), predict(-e).flip(-1))
    True
    """

    def __init__(
        self, n_environment: int, n_symbols: int, hidden: Sequence[int], odd: bool
    ) -> None:
        super().__init__()
        sizes = list(pairwise([n_environment, *hidden, n_symbols]))
        self.weights = nn.ParameterList(_uniform(n, (MEMBERS, n, m)) for n, m in sizes)
        self.biases = nn.ParameterList(_uniform(n, (MEMBERS, 1, m)) for n, m in sizes)
        nn.init.zeros_(self.weights[-1])  # start from independence, where the bound is 0
        nn.init.zeros_(self.biases[-1])
        self.odd = odd

    def forward(self, e: Tensor) -> Tensor:
        """log q(s|e) for environments e (n, n_e) of +1 and -1: (n, n_symbols).

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
        e = e.to(self.weights[0].dtype)
        if not self.odd:
            return F.log_softmax(self._layers(e), -1)
        first = e[..., :1]
        logits = self._layers(e * first)
        return F.log_softmax(torch.where(first > 0, logits, logits.flip(-1)), -1)

    def _layers(self, x: Tensor) -> Tensor:
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            x = x if i == last else F.relu(x)
        return x


def mixture(log_q: Tensor) -> Tensor:
    """Log of the mean of predictions (m, n, S) of m networks: (n, S)."""
    return torch.logsumexp(log_q, 0) - math.log(len(log_q))


def _uniform(inputs: int, shape: tuple[int, ...]) -> nn.Parameter:
    """Weights as `torch.nn.Linear` draws them."""
    reach = 1 / math.sqrt(inputs)
    return nn.Parameter(torch.empty(shape).uniform_(-reach, reach))
