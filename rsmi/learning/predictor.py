"""The network that predicts a discrete variable from the environment."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Predictor(nn.Module):
    """log q(s|e) for a discrete variable s with 2**k values, by a multilayer perceptron.

    With `odd` the exact symmetry q(-s|-e) = q(s|e) is built in: the environment is turned so
    that its first spin is up, and the answer is turned back.

    Args:
        n_environment: Number of environment spins.
        n_symbols: Number of values of s, numbered as in `rsmi.lattice.state_index`.
        hidden: Widths of the hidden layers.
        odd: Whether to build in the Z2 symmetry.

    >>> predict = Predictor(20, 16, (32,), odd=True)
    >>> e = torch.ones(1, 20)
    >>> torch.equal(predict(e), predict(-e).flip(-1))
    True
    """

    def __init__(
        self, n_environment: int, n_symbols: int, hidden: Sequence[int], odd: bool
    ) -> None:
        super().__init__()
        widths = [n_environment, *hidden]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        last = nn.Linear(widths[-1], n_symbols)
        nn.init.zeros_(last.weight)  # start from independence, where the bound is H(p) - H(p) = 0
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(*layers, last)
        self.odd = odd

    def forward(self, e: Tensor) -> Tensor:
        """log q(s|e) for environments e (n, n_e) of +1 and -1: (n, n_symbols)."""
        e = e.to(next(self.parameters()).dtype)
        if not self.odd:
            return F.log_softmax(self.layers(e), -1)
        first = e[:, :1]
        logits = self.layers(e * first)
        return F.log_softmax(torch.where(first > 0, logits, logits.flip(-1)), -1)
