"""A masked network: exact conditional probabilities of many discrete sites, one by one."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError

_FLOOR = 1e-4  # share of a uniform distribution in every site's prediction: bounds the loss


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights are held at zero."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.to(self.weight))

    def forward(self, x: Tensor) -> Tensor:
        """The masked product."""
        return F.linear(x, self.weight * self.mask, self.bias)


class Autoregressive(nn.Module):
    r"""q(s|c) = product over sites of q(s_i | s_1 ... s_{i-1}, c), normalised by construction.

    Two hidden layers whose units see the sites up to their own number, a direct connection
    from every earlier site, and the context everywhere. With one site and a context it is a
    classifier.

    Args:
        sites: Number of sites.
        levels: Values of a site.
        context: Real numbers that the distribution may depend on; 0 for none.
        hidden: Units of each hidden layer.

    Raises:
        InputError: For no site or fewer than two levels.

    Source: Germain, Gregor, Murray, Larochelle (2015), arXiv:1502.03509.

    >>> model = Autoregressive(sites=3, levels=2, hidden=8)
    >>> every = torch.cartesian_prod(*[torch.arange(2)] * 3)
    >>> round(model.log_prob(every).exp().sum().item(), 5)
    1.0
    """

    def __init__(self, sites: int, levels: int, context: int = 0, hidden: int = 128) -> None:
        super().__init__()
        if sites < 1 or levels < 2:
            raise InputError(f"{sites} sites of {levels} levels; expected >= 1 and >= 2")
        self.sites, self.levels, self.context = sites, levels, context
        # A context is always seen, so its degree is 0; so is that of some hidden units.
        into = torch.cat([torch.zeros(context), _repeat(sites, levels - 1) + 1])
        inner = torch.arange(hidden) % (sites if context else max(sites - 1, 1))
        inner = inner if context else inner + 1
        out = _repeat(sites, levels) + 1
        self.first = MaskedLinear(inner[:, None] >= into)
        self.second = MaskedLinear(inner[:, None] >= inner)
        self.last = MaskedLinear(out[:, None] > inner)
        self.direct = MaskedLinear(out[:, None] > into)

    def forward(self, symbols: Tensor, context: Tensor | None = None) -> Tensor:
        """Logits (n, sites, levels) for symbols (n, sites) int64 and a context (n, c)."""
        spread = 2.0 * F.one_hot(symbols, self.levels)[..., 1:].flatten(1) - 1.0
        seen = spread if context is None else torch.cat([context, spread], 1)
        inner = F.gelu(self.second(F.gelu(self.first(seen))))
        return (self.last(inner) + self.direct(seen)).unflatten(1, (self.sites, self.levels))

    @property
    def floor(self) -> float:
        """ln q of the least likely row that any weights give, in nats."""
        return self.sites * math.log(_FLOOR / self.levels)

    def log_prob(self, symbols: Tensor, context: Tensor | None = None) -> Tensor:
        """ln q(symbols|context), (n,)."""
        p = self(symbols, context).softmax(-1) * (1 - _FLOOR) + _FLOOR / self.levels
        return p.gather(2, symbols[..., None]).log().sum((1, 2))


def _repeat(sites: int, times: int) -> Tensor:
    return torch.arange(sites).repeat_interleave(times)
