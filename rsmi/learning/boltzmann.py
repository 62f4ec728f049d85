"""The algorithm of 2018: two restricted Boltzmann machines and a proxy of the information."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Outcome, Quantity, block_sums, bootstrap_error
from rsmi.lattice import Alphabet, Space, Window, place
from rsmi.learning.data import WindowData
from rsmi.learning.ensemble import options_of, windows_of
from rsmi.learning.rules import Rule, orientation
from rsmi.learning.settings import Learning, check_memory_of_learning, check_seed, imposed
from rsmi.learning.trainable import LogitRule, make_rule
from rsmi.storage import opened
from rsmi.storage.interface import space_of

_DEFAULTS: dict[str, Any] = {
    "batch_size": 256, "max_epochs": 40, "learning_rate": 1e-2, "rule": "linear",
    "hidden": (64, 16),
}  # fmt: skip
_UNUSED = {"method", "patience", "restarts", "accelerator", "null"}
_FASTER = 5.0  # how much faster the rule learns than the machines
_SWEEPS = 7  # stream of random numbers
_VALUED = 512  # held-out windows whose pairs give the proxy


class Boltzmann(nn.Module):
    r"""Restricted Boltzmann machine of letters with binary hidden units.

    .. math:: P(x) \propto e^{-F(x)}, \qquad
              F(x) = -\sum_i a_i(x_i) - \sum_j \ln\Big(1 + e^{b_j + \sum_i W_{ij}(x_i)}\Big)

    Args:
        alphabet: The q letters of a site.
        n_sites: Sites.
        n_hidden: Hidden units.
        seed: Of the weights.

    Raises:
        InputError: For fewer than one site or unit.

    Source: Smolensky (1986); Hinton (2002), Neural Computation 14, 1771, for the training.

    >>> from rsmi.lattice.alphabet import SPIN
    >>> machine = Boltzmann(SPIN, 4, 3)
    >>> machine.free_energy(torch.zeros(5, 4, dtype=torch.int8)).shape
    torch.Size([5])
    """

    def __init__(self, alphabet: Alphabet, n_sites: int, n_hidden: int, seed: int = 0) -> None:
        super().__init__()
        if min(n_sites, n_hidden) < 1:
            raise InputError(
                f"a Boltzmann machine of {n_sites} sites and {n_hidden} hidden units; expected at "
                "least one of each"
            )
        self.n_sites, self.n_letters = n_sites, alphabet.size
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(n_sites * alphabet.size, n_hidden, generator=generator)
        self.weight = nn.Parameter(0.01 * drawn)
        self.visible_bias = nn.Parameter(torch.zeros(n_sites * alphabet.size))
        self.hidden_bias = nn.Parameter(torch.zeros(n_hidden))

    def seen(self, letters: Tensor) -> Tensor:
        """One unit for each letter of each site: (n, n_sites q)."""
        return F.one_hot(letters.long(), self.n_letters).flatten(1).to(self.weight)

    def free_energy(self, letters: Tensor) -> Tensor:
        """F of letters (n, n_sites): (n,)."""
        x = self.seen(letters)
        return -x @ self.visible_bias - F.softplus(x @ self.weight + self.hidden_bias).sum(1)

    @torch.no_grad()
    def sweeps(self, letters: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Letters (n, n_sites) after drawing hidden units and letters so many times in turn."""
        for _ in range(count):
            up = (self.seen(letters) @ self.weight + self.hidden_bias).sigmoid()
            h = (torch.rand(up.shape, generator=generator) < up).to(up)
            logits = (h @ self.weight.T + self.visible_bias).unflatten(1, (self.n_sites, -1))
            chance = torch.rand(*logits.shape[:2], 1, generator=generator)
            letters = (chance > logits.softmax(-1).cumsum(-1)[..., :-1]).sum(-1).to(torch.int8)
        return letters

    def divergence(self, letters: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """What contrastive divergence lowers: F of data less F of them after `count` sweeps."""
        after = self.sweeps(letters, count, generator)
        return self.free_energy(letters).mean() - self.free_energy(after).mean()


@dataclass(frozen=True, repr=False)
class ProxyRule(Outcome):
    """A rule that was learned by the proxy of 2018.

    Args:
        rule: The hard rule, with names of symbols as in `learn_rule`.
        soft: The rule as trained, with its weights.
        proxy: Of held-out windows, above that of a rule that ignores its block; an estimate whose
            bias is that of both machines and of the proxy.
        machines: Of block and environment together, and of the block.
        seconds: Spent in training.
    """

    rule: Rule
    soft: LogitRule
    proxy: Estimate
    machines: tuple[Boltzmann, Boltzmann]
    seconds: float

    __repr__ = Outcome.__repr__

    def quantities(self) -> list[Quantity]:
        """The proxy; what the rule keeps is known to `value_rules`."""
        return [Quantity.of("information.proxy", self.proxy)]


def learn_by_proxy(
    samples: Any,
    window: Window,
    *,
    symbols: int = 2,
    sweeps: int = 1,
    seed: int = 0,
    chains: int | None = None,
    space: Space | str | None = None,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> ProxyRule:
    r"""Learn a rule by the algorithm of Koch-Janusz and Ringel.

    Two restricted Boltzmann machines are trained by contrastive divergence, one for P(V, E), one
    for P(V). With the energies of both, P(E|V) is up to a constant :math:`e^{-\Delta}`, where

    .. math:: \Delta(v, e) = F_\Theta(v, e) - F_\Psi(v)

    and :math:`P(e|h) = \langle P(e|V) \rangle_{V|h}`. The rule
    :math:`p(h|v) \propto e^{\sum_{ij} \lambda_{ij} v_i h_j}` then maximises the first cumulant of
    what I(H:E) is without the entropy of the environment,

    .. math:: A = -\Big\langle \sum_h p(h|v)\, \langle \Delta(v', e) \rangle_{v'|h} \Big\rangle
              \le \langle \ln P(e|h) \rangle + \text{const}

    Averages over V and E are those over windows of the samples. What the rule is worth is not
    known from A; `value_rules` tells it.

    Args:
        samples: A path, open samples, or an array, see `rsmi.storage.samples_of`.
        window: Block, buffer and environment.
        symbols: How many values the coarse variable takes, 2 to 16.
        sweeps: Of a machine, between data and what they are compared with.
        seed: Of weights, windows and sweeps.
        chains: Of an array, see `rsmi.storage.samples_of`.
        space: Of an array, likewise.
        say: Is told what is done, in words.
        **options: Fields of `rsmi.learning.Learning`: rule (`linear`), symmetry, point_group,
            hidden (64, 16): units of both machines, learning_rate (.01), batch_size (256),
            steps_per_epoch, max_epochs (40), configurations, windows_per_configuration.

    Returns:
        The hard rule; `rsmi.learning.value_rules` and `rsmi.renormalization.renormalise` take it.

    Raises:
        InputError: As `learn_rule`, and for other than two numbers of hidden units.
        AnalysisError: Where a training fails.

    Source: Koch-Janusz and Ringel (2018), Nature Physics 14, 578, arXiv:1704.06279.

    >>> import numpy as np
    >>> coins = np.random.default_rng(0).integers(0, 2, (64, 6, 6))
    >>> found = learn_by_proxy(
    ...     coins, Window((2, 2), 1), chains=64, space="spins on square [6, 6]", max_epochs=1,
    ... )
    >>> found.proxy.kind, found.rule.table().shape
    ('estimate', torch.Size([16, 2]))
    """
    settings = _settings(sweeps, {**options, "symbols": symbols})
    check_seed(seed)
    with opened(samples, chains=chains, space=space) as source:
        placement = place(window, space_of(source))
        check_memory_of_learning(settings, settings.hidden, placement, source.n)
        data = windows_of(source, window, settings, seed)
        begin = time.perf_counter()
        machines = _machines(data, settings, sweeps, seed)
        soft = make_rule(
            settings.rule, placement, symbols, symmetry=imposed(settings),
            point_group=settings.point_group, seed=seed + 2,
        )  # fmt: skip
        _train_rule(soft, *machines, data, settings)
        seconds = time.perf_counter() - begin
        proxy = _held_out(soft, *machines, data)
        say(f"the proxy is {proxy} above that of a rule that ignores its block")
        return ProxyRule(hard_rule(soft, data), soft, proxy, machines, seconds)


def proxy(p: Tensor, others: Tensor, energies: Tensor) -> Tensor:
    r"""The proxy A of `learn_by_proxy`, from windows (v, e) and other blocks v'.

    Args:
        p: (n, K) p(h|v).
        others: (m, K) p(h|v').
        energies: (m, n) Delta(v', e).

    >>> p = torch.eye(2)
    >>> float(proxy(p, p, torch.tensor([[0.0, 2.0], [2.0, 0.0]])))
    -0.0
    """
    given = others / others.sum(0).clamp(min=torch.finfo(others.dtype).tiny)
    return -(p.T * (given.T @ energies)).sum(0).mean()


@torch.no_grad()
def energies(both: Boltzmann, block: Boltzmann, v: Tensor, e: Tensor) -> Tensor:
    """Delta of every block v (m, n_v) in every environment e (n, n_e): (m, n)."""
    x, y = block.seen(v), both.seen(e)
    n = x.shape[1]
    up = (x @ both.weight[:n] + both.hidden_bias)[:, None] + (y @ both.weight[n:])[None]
    alone = (x @ both.visible_bias[:n])[:, None] + (y @ both.visible_bias[n:])[None]
    return -alone - F.softplus(up).sum(2) - block.free_energy(v)[:, None]


def _settings(sweeps: int, options: dict[str, Any]) -> Learning:
    settings = options_of("the proxy", _DEFAULTS, _UNUSED, options)
    if sweeps < 1 or len(settings.hidden) != 2:
        raise InputError(
            f"sweeps is {sweeps} and hidden {list(settings.hidden)}; expected at least 1 sweep, "
            "and how many hidden units the machines of block with environment and of the block have"
        )
    return settings


def _machines(
    data: WindowData, settings: Learning, sweeps: int, seed: int
) -> tuple[Boltzmann, Boltzmann]:
    """Contrastive divergence of both machines on the same windows."""
    placement, steps = data.placement, settings.max_epochs * settings.steps_per_epoch
    alphabet, n_v = placement.space.alphabet, placement.n_visible
    both = Boltzmann(alphabet, n_v + placement.n_environment, settings.hidden[0], seed)
    block = Boltzmann(alphabet, n_v, settings.hidden[1], seed + 1)
    weights = [*both.parameters(), *block.parameters()]
    optimizer = torch.optim.Adam(weights, lr=settings.learning_rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = data.generator(_SWEEPS)
    for step, (v, e) in enumerate(islice(data.stream(), steps)):
        loss = both.divergence(torch.cat([v, e], 1), sweeps, generator)
        descend(optimizer, loss + block.divergence(v, sweeps, generator), step)
        decay.step()
    return both, block


def _train_rule(
    rule: LogitRule, both: Boltzmann, block: Boltzmann, data: WindowData, settings: Learning
) -> None:
    """Raise the proxy; the blocks of one half of a batch are those of the other's averages."""
    optimizer = torch.optim.Adam(rule.parameters(), lr=_FASTER * settings.learning_rate)
    steps = settings.max_epochs * settings.steps_per_epoch // 4
    for step, (v, e) in enumerate(islice(data.stream(), steps)):
        half = len(v) // 2
        p = rule.log_prob(v).exp()
        delta = energies(both, block, v[half:], e[:half]).to(p)
        descend(optimizer, -proxy(p[:half], p[half:], delta), step)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor, step: int) -> None:
    """One step down a loss.

    Raises:
        AnalysisError: Where it is no number any more.
    """
    if not bool(torch.isfinite(loss)):
        raise AnalysisError(
            f"the training failed in step {step + 1}: the loss is {loss.item()}; lower "
            "learning_rate"
        )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _held_out(rule: LogitRule, both: Boltzmann, block: Boltzmann, data: WindowData) -> Estimate:
    """The proxy of the hard rule on test windows, above that of a rule that ignores its block."""
    held_out = data.test_windows()
    step = -(-len(held_out.v) // (2 * _VALUED))
    v, e, groups = (part[::step] for part in (held_out.v, held_out.e, held_out.groups))
    with torch.no_grad():
        p = rule.hardened().log_prob(v).exp()
    delta = energies(both, block, v[1::2], e[::2]).double()
    given = p[1::2] / p[1::2].sum(0).clamp(min=1e-300)
    excess = delta.mean(0) - (p[::2].T * (given.T @ delta)).sum(0)
    sums = block_sums(excess[:, None], groups[::2])
    error = bootstrap_error(sums, lambda total: total[:, 0] / total[:, -1])
    return Estimate(float(excess.mean()), error, "estimate", n=len(sums))


def hard_rule(soft: LogitRule, data: WindowData) -> Rule:
    """The most probable symbols of a rule, which speak of the letters of their block.

    Where a symmetry of more than two letters is imposed, nothing of a symbol's name can be chosen.
    """
    hard = soft.hardened()
    if len(soft.alphabet.symmetries) > 2 and len(soft.images.symbols.unique(dim=0)) > 1:
        return hard
    v = data.test_windows().v
    names: Sequence[int] = orientation(hard.log_prob(v).exp(), v, soft.alphabet).tolist()
    return hard.renamed(names)
