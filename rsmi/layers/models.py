"""Models of discrete symbols for held-out cross entropies: counts, and masked networks."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.changes import seeded
from rsmi.layers.counting import Labels

_BACK_OFF = 0.5  # observations that the marginal counts for, beside those of one condition


class Tabular:
    r"""q(s) of symbols: frequencies, and a reserve for symbols never met.

    .. math:: q(s) = (1 - \lambda) \frac{n_s}{N} + \lambda e^{-\ln K}

    The reserve :math:`\lambda` is the share of symbols met once (Good 1953), so that the loss is
    bounded and the errors of held-out averages can cover symbols that were never met.

    Args:
        symbols: (N,) labels to learn from.
        log_alphabet: ln K, of all symbols that are possible.

    >>> model = Tabular(np.array([0, 0, 1, 1]), math.log(2))
    >>> round(model.log_prob(np.array([0])).exp().item(), 6)
    0.5
    """

    def __init__(self, symbols: Labels, log_alphabet: float) -> None:
        self._known, counts = np.unique(symbols, return_counts=True)
        n = len(symbols)
        reserve = (int((counts == 1).sum()) + 1) / (n + 2)
        floor = math.log(reserve) - log_alphabet
        self._log_q = np.logaddexp(np.log((1 - reserve) * counts / n), floor)
        self.floor = floor
        """ln q of a symbol never met, and less than that of any other."""

    def log_prob(self, symbols: Labels) -> Tensor:
        """ln q of each symbol, (n,) float64."""
        place, met = _lookup(self._known, symbols)
        return torch.from_numpy(np.where(met, self._log_q[place], self.floor))


class ConditionalTabular:
    r"""q(s|c) of symbols under conditions, backing off to the marginal q(s).

    .. math:: q(s|c) = \frac{n_{cs} + \tfrac12 q(s)}{n_c + \tfrac12}

    Args:
        symbols: (N,) labels to learn from.
        conditions: (N,) labels.
        log_alphabet: ln K of the symbols.

    Raises:
        InputError: If symbols and conditions do not pair.
    """

    def __init__(self, symbols: Labels, conditions: Labels, log_alphabet: float) -> None:
        if symbols.shape != conditions.shape:
            raise InputError(
                f"{len(symbols)} symbols under {len(conditions)} conditions; expected one each"
            )
        self._marginal = Tabular(symbols, log_alphabet)
        self._base = max(int(symbols.max()), 1) + 1
        self._conditions, self._times = np.unique(conditions, return_counts=True)
        self._pairs, self._counts = np.unique(conditions * self._base + symbols, return_counts=True)
        self.floor = self._marginal.floor - math.log(2 * int(self._times.max()) + 1)
        """ln q of a symbol never met under the condition met most often: the smallest there is."""

    def log_prob(self, symbols: Labels, conditions: Labels) -> Tensor:
        """ln q(symbol | condition), (n,) float64."""
        marginal = self._marginal.log_prob(symbols).exp().numpy()
        given = _counts(self._conditions, self._times, conditions)
        known = symbols < self._base
        both = _counts(self._pairs, self._counts, conditions * self._base + symbols) * known
        return torch.from_numpy(np.log((both + _BACK_OFF * marginal) / (given + _BACK_OFF)))


def _lookup(
    known: Labels, wanted: Labels
) -> tuple[Labels, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return place, known[place] == wanted


def _counts(known: Labels, counts: Labels, wanted: Labels) -> Labels:
    place, met = _lookup(known, wanted)
    return np.where(met, counts[place], 0)


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
        seed: Of the weights.

    Raises:
        InputError: For no site or fewer than two levels.

    Source: Germain, Gregor, Murray, Larochelle (2015), arXiv:1502.03509.

    >>> model = Autoregressive(sites=3, levels=2, hidden=8)
    >>> every = torch.cartesian_prod(*[torch.arange(2)] * 3)
    >>> round(model.log_prob(every).exp().sum().item(), 5)
    1.0
    """

    def __init__(
        self, sites: int, levels: int, context: int = 0, hidden: int = 128, seed: int = 0
    ) -> None:
        super().__init__()
        if sites < 1 or levels < 2:
            raise InputError(f"{sites} sites of {levels} levels; expected >= 1 and >= 2")
        self.sites, self.levels, self.context = sites, levels, context
        # A context is always seen, so its degree is 0; so is that of some hidden units.
        into = torch.cat([torch.zeros(context), _repeat(sites, levels - 1) + 1])
        inner = torch.arange(hidden) % (sites if context else max(sites - 1, 1))
        inner = inner if context else inner + 1
        out = _repeat(sites, levels) + 1
        with seeded(seed):
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


_EVALUATION = 8192


@dataclass(frozen=True)
class Training:
    """How autoregressive models are trained.

    Args:
        hidden: Units of each hidden layer.
        epochs: Passes over the training part, at most.
        batch: Rows per step, at most.
        rate: Peak learning rate.
        seed: Of weights and order.
    """

    hidden: int = 128
    epochs: int = 20
    batch: int = 512
    rate: float = 4e-3
    seed: int = 0


def fit(symbols: Tensor, levels: int, context: Tensor | None, training: Training) -> Autoregressive:
    """Train on the rows given, and keep the state that was best on their last eighth.

    Args:
        symbols: (n, sites) int64 in 0..levels-1.
        levels: Values of a site.
        context: (n, c) float32, or None.
        training: Options.

    Returns:
        The model in evaluation mode.
    """
    width = 0 if context is None else context.shape[1]
    model = Autoregressive(symbols.shape[1], levels, width, training.hidden, training.seed)
    _train(model, symbols, context, training)
    return model.eval()


@torch.no_grad()
def log_prob(model: Autoregressive, symbols: Tensor, context: Tensor | None) -> Tensor:
    """ln q of many rows, (n,) float64, a part at a time."""
    parts = [
        model.log_prob(symbols[i : i + _EVALUATION], _part(context, i, _EVALUATION)).double()
        for i in range(0, len(symbols), _EVALUATION)
    ]
    return torch.cat(parts)


def _train(
    model: Autoregressive, symbols: Tensor, context: Tensor | None, options: Training
) -> None:
    cut = max(len(symbols) * 7 // 8, 1)
    # Small samples are cut into at least 64 steps, or the rate would never come down.
    batch = min(options.batch, max(cut // 64, 16))
    steps = options.epochs * -(-cut // batch)
    optimiser = torch.optim.Adam(model.parameters(), options.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, steps, pct_start=0.2)
    best, state = float("inf"), model.state_dict()
    generator = torch.Generator().manual_seed(options.seed)
    for _ in range(options.epochs):
        for rows in torch.randperm(cut, generator=generator).split(batch):
            loss = -model.log_prob(symbols[rows], None if context is None else context[rows]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        held_out = context if context is None else context[cut:]
        value = -float(log_prob(model, symbols[cut:], held_out).mean())
        if value < best:
            best, state = value, {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)


def _part(context: Tensor | None, start: int, size: int) -> Tensor | None:
    return None if context is None else context[start : start + size]
