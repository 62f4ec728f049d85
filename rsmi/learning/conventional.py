"""Rules by conventional trainings: whatever each raises, one encoder and one hard rule."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError, RsmiError, nearest
from rsmi.information import (
    Estimate,
    Outcome,
    Quantity,
    block_sums,
    bootstrap_error,
    entropy,
)
from rsmi.lattice import Space, Window, states
from rsmi.learning.boltzmann import Boltzmann, descend, hard_rule, learn_by_proxy
from rsmi.learning.classical import named_rule, usual_rules
from rsmi.learning.data import WindowData
from rsmi.learning.ensemble import options_of, windows_of
from rsmi.learning.phases import PhaseClassifier, Phases, batches, mean_of
from rsmi.learning.predictor import Predictor
from rsmi.learning.rules import Rule, check_fit
from rsmi.learning.session import learn_rule
from rsmi.learning.settings import Learning, check_memory_of_learning, check_seed, imposed
from rsmi.learning.trainable import LinearRule, LogitRule, make_rule
from rsmi.learning.windowed import HeldOut
from rsmi.storage import opened

_DEFAULTS: dict[str, Any] = {
    "batch_size": 1024, "max_epochs": 12, "learning_rate": 1e-2, "rule": "linear",
}  # fmt: skip
UNUSED = frozenset(
    {"method", "patience", "restarts", "accelerator", "null", "seeds", "curve", "error"}
)
"""Fields of `Learning` that a training does not take."""
BETA = 10.0
"""Price of information about the environment in `bottleneck`, in units of that about the block."""
_SWEEPS = 7  # stream of random numbers
_SPANNED = 1e-6
_VALUED = 1 << 16  # held-out windows on which a training's own goal is measured
_TINY = 1e-30
_PROXY: dict[str, Any] = {
    "batch_size": 256,
    "max_epochs": 40,
}  # of the 2018 algorithm, see `learn_by_proxy`


@dataclass(frozen=True)
class Lesson:
    """All that a training may look at.

    Args:
        data: Windows of the configurations to learn from.
        settings: Rule, symmetries, and how many steps.
        seed: Of weights and windows.
        phases: Configurations with labels, or why there are none.
    """

    data: WindowData
    settings: Learning
    seed: int
    phases: Phases | RsmiError

    def encoder(self, kind: str | None = None) -> LogitRule:
        """The rule to be trained, untrained."""
        s = self.settings
        return make_rule(
            kind or s.rule, self.data.placement, s.symbols, symmetry=imposed(s),
            point_group=s.point_group, seed=self.seed + 2,
        )  # fmt: skip

    @property
    def steps(self) -> int:
        """Steps of the training."""
        return self.settings.max_epochs * self.settings.steps_per_epoch

    def descended(
        self, parts: nn.Module, loss: Callable[[Any], Tensor], rows: Iterator[Any]
    ) -> None:
        """Lower a loss of batches by Adam, the rate falling as a cosine."""
        optimizer = torch.optim.Adam(parts.parameters(), lr=self.settings.learning_rate)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps)
        for step, batch in enumerate(islice(rows, self.steps)):
            descend(optimizer, loss(batch), step)
            decay.step()

    def held_out(self) -> HeldOut:
        """Some windows that no training step saw."""
        held = self.data.test_windows()
        step = -(-len(held.v) // _VALUED)
        v, e, groups = (part[::step] for part in (held.v, held.e, held.groups))
        return HeldOut(v, e, groups, held.chains, held.symmetry)


@dataclass(frozen=True)
class Goal:
    """What a training reached of its own objective.

    Args:
        name: In words.
        value: On windows, or configurations, that it did not see.
    """

    name: str
    value: Estimate


@dataclass(frozen=True)
class Method:
    """A way to find a rule.

    Args:
        train: Gives the rule with what was reached of its own goal, where it has one.
        said: What is raised or lowered, for people.
        formula: The same, as LaTeX.
        source: Where it is from.
        trained: Whether anything is learned.
    """

    train: Callable[[Lesson], tuple[Rule, Goal | None]]
    said: str
    formula: str
    source: str
    trained: bool = True


@dataclass(frozen=True, repr=False)
class TrainedRule(Outcome):
    """A rule that some method found.

    Args:
        method: Its name in `METHODS`.
        rule: The hard rule.
        goal: What the training reached of its own objective; None where it has none.
        seconds: Spent in training.
    """

    method: str
    rule: Rule
    goal: Goal | None
    seconds: float

    __repr__ = Outcome.__repr__

    def quantities(self) -> list[Quantity]:
        """What was reached; what the rule keeps is known to `value_rules`."""
        if self.goal is None:
            return []
        return [Quantity.of(f"training.{self.method}.goal", self.goal.value, goal=self.goal.name)]


def train_by(
    method: str,
    samples: Any,
    window: Window,
    *,
    symbols: int = 2,
    seed: int = 0,
    phases: Phases | RsmiError | None = None,
    chains: int | None = None,
    space: Space | str | None = None,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> TrainedRule:
    r"""Find a rule by one of many methods, all of which end in the same kind of hard rule.

    The encoder p(h|v) is the same for every method that trains by gradients (`rule`, linear by
    default), as are the symmetries imposed on it and the number of steps. The hard rule takes the
    most probable symbol: of one bit with the letters' symmetry imposed, the sign of the hidden
    unit, latent variable or principal component.

    Args:
        method: One of `METHODS`.
        samples: A path, open samples, or an array, see `rsmi.storage.samples_of`.
        window: Block, buffer and environment.
        symbols: How many values the coarse variable takes, 2 to 16.
        seed: Of weights, windows and sweeps.
        phases: Configurations with labels, for `classifier`.
        chains: Of an array, see `rsmi.storage.samples_of`.
        space: Of an array, likewise.
        say: Is told what is done, in words.
        **options: Fields of `rsmi.learning.Learning`: rule, symmetry, point_group, hidden,
            learning_rate (.01), batch_size (1024), steps_per_epoch, max_epochs (12),
            configurations, windows_per_configuration.

    Returns:
        The hard rule; `value_rules` and `rsmi.renormalization.renormalise` take it.

    Raises:
        InputError: For an unknown method or option, a method that is not for these letters, symbols
            or samples, and as `learn_rule`.
        AnalysisError: Where a training fails.

    >>> import numpy as np
    >>> coins = np.random.default_rng(0).integers(0, 2, (64, 6, 6))
    >>> found = train_by(
    ...     "pca", coins, Window((2, 2), 1), chains=64, space="spins on square [6, 6]"
    ... )
    >>> found.goal.name, found.rule.table().shape
    ('share of the variance', torch.Size([16, 2]))
    """
    check_method(method)
    settings = options_of("a training", _DEFAULTS, UNUSED, {**options, "symbols": symbols})
    check_seed(seed)
    none = InputError("no configurations with labels were given (phases)")
    with opened(samples, chains=chains, space=space) as source:
        data = windows_of(source, window, settings, seed)
        check_memory_of_learning(settings, settings.hidden, data.placement, source.n)
        begin = time.perf_counter()
        rule, goal = METHODS[method].train(Lesson(data, settings, seed, phases or none))
        seconds = time.perf_counter() - begin
    if goal is not None:
        say(f"{method}: {goal.name} {goal.value}")
    return TrainedRule(method, rule, goal, seconds)


def check_method(name: str) -> None:
    """Raise InputError for a method that there is not."""
    if name not in METHODS:
        raise InputError(
            f"there is no method {name!r}; {nearest(name, METHODS)}expected one of "
            f"{', '.join(METHODS)}"
        )


def _bits(lesson: Lesson, what: str) -> int:
    """How many bits the coarse symbols are."""
    k = lesson.settings.symbols
    if k & (k - 1):
        raise InputError(
            f"{what} bits, and {k} symbols are no bits; expected 2, 4, 8 or 16 symbols"
        )
    return k.bit_length() - 1


def _rsmi(lesson: Lesson) -> tuple[Rule, Goal]:
    s, data = lesson.settings, lesson.data
    found = learn_rule(
        data.open(), data.window, symbols=s.symbols, rule=s.rule, symmetry=s.symmetry,
        seed=lesson.seed, point_group=s.point_group, null=False, max_epochs=s.max_epochs,
        steps_per_epoch=s.steps_per_epoch, configurations=s.configurations,
        windows_per_configuration=s.windows_per_configuration,
    )  # fmt: skip
    return found.rule, Goal("I(H:E) from below", found.information)


def _proxy(lesson: Lesson) -> tuple[Rule, Goal]:
    s, data = lesson.settings, lesson.data
    found = learn_by_proxy(
        data.open(), data.window, symbols=s.symbols, rule="linear", symmetry=s.symmetry,
        seed=lesson.seed, point_group=s.point_group, configurations=s.configurations,
        windows_per_configuration=s.windows_per_configuration,
        steps_per_epoch=s.steps_per_epoch, **_PROXY,
    )  # fmt: skip
    return found.rule, Goal("proxy of 2018", found.proxy)


def _principal(lesson: Lesson) -> tuple[Rule, Goal]:
    """The leading eigenvectors of the covariance of the block's features."""
    soft, held = lesson.encoder("linear"), lesson.held_out()
    assert isinstance(soft, LinearRule), "that is what was asked for"
    x = soft.features[lesson.data.some_windows()[0].long()].double()
    mean = x.mean(0)
    seen = soft.features[held.v.long()].double() - mean
    if soft.n_symbols == soft.alphabet.size > 2:  # one component for all directions of a letter
        axis = leading(torch.einsum("nid,njd->ij", x - mean, x - mean), 1)
        weight = axis.T[:, :, None] * soft.features.double()[:, None]
        caught = torch.einsum("nid,ik->nkd", seen, axis)
    else:
        count = _bits(lesson, "the signs of principal components are")
        flat = (x - mean).flatten(1)
        axis = leading(flat.T @ flat, count)
        weight = axis.T.reshape(count, *mean.shape)
        caught = seen.flatten(1) @ axis
    with torch.no_grad():
        soft.weight.copy_(weight)
        soft.bias.copy_(-(weight * mean).flatten(1).sum(1))
    both = torch.stack([part.flatten(1).square().sum(1) for part in (caught, seen)], 1)
    sums = block_sums(both, held.groups)
    share = Estimate(
        float(both[:, 0].sum() / both[:, 1].sum()),
        bootstrap_error(sums, lambda total: total[:, 0] / total[:, 1]), "estimate", "1", len(sums),
    )  # fmt: skip
    return hard_rule(soft, lesson.data), Goal("share of the variance", share)


def leading(covariance: Tensor, count: int) -> Tensor:
    """The eigenvectors of the largest eigenvalues, (d, count), their sums positive.

    >>> leading(torch.tensor([[2.0, 1.0], [1.0, 2.0]]), 1).flatten()
    tensor([0.7071, 0.7071])
    """
    found = torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, :count]
    return torch.where(found.sum(0) < 0, -found, found)


class Autoencoder(nn.Module):
    r"""A code of K probabilities, from which each letter is told back.

    .. math:: \min \Big\langle -\sum_i \ln q(v_i | p(\cdot|v)) \Big\rangle, \qquad
              q(v_i|p) = \mathrm{softmax}(A_i\, p + c_i)

    Args:
        rule: The encoder.
        seed: Of the decoder's weights.

    Source: Hinton and Salakhutdinov (2006), Science 313, 504.
    """

    def __init__(self, rule: LogitRule, seed: int) -> None:
        super().__init__()
        self.rule = rule
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.decoder = nn.Linear(rule.n_symbols, rule.n_sites * rule.alphabet.size)

    def loss(self, v: Tensor) -> Tensor:
        """Cross-entropy of each block in nats, (n,)."""
        logits = self.decoder(self.rule.log_prob(v).exp()).unflatten(1, (self.rule.n_sites, -1))
        return F.cross_entropy(logits.movedim(2, 1), v.long(), reduction="none").sum(1)


def _autoencoder(lesson: Lesson) -> tuple[Rule, Goal]:
    net = Autoencoder(lesson.encoder(), lesson.seed + 3)
    lesson.descended(net, lambda batch: net.loss(batch[0]).mean(), lesson.data.stream())
    held = lesson.held_out()
    with torch.no_grad():
        lost = mean_of(net.loss(held.v), held.groups)
    return hard_rule(net.rule, lesson.data), Goal("cross-entropy of a block", lost)


def _boltzmann(lesson: Lesson) -> tuple[Rule, Goal]:
    """As many hidden units as the symbols have bits, by contrastive divergence."""
    count = _bits(lesson, "the hidden units of a Boltzmann machine are")
    soft = lesson.encoder("linear")
    assert isinstance(soft, LinearRule), "that is what was asked for"
    machine = Boltzmann(soft.alphabet, soft.n_sites, count, lesson.seed + 3)
    generator = lesson.data.generator(_SWEEPS)
    lesson.descended(
        machine, lambda batch: machine.divergence(batch[0], 1, generator), lesson.data.stream()
    )
    copy_hidden(machine, soft)
    held = lesson.held_out()
    with torch.no_grad():
        lost = mean_of(machine.free_energy(held.v) + log_partition(machine), held.groups)
    return hard_rule(soft, lesson.data), Goal("-ln p of a block", lost)


@torch.no_grad()
def log_partition(machine: Boltzmann) -> Tensor:
    r"""ln Z of a machine with few hidden units, whose states are listed.

    .. math:: Z = \sum_h e^{b \cdot h} \prod_i \sum_x e^{a_i(x) + \sum_j W_{ij}(x) h_j}

    >>> from rsmi.lattice.alphabet import SPIN
    >>> machine = Boltzmann(SPIN, 3, 1)
    >>> every = torch.cartesian_prod(*[torch.arange(2)] * 3)
    >>> bool(torch.isclose(log_partition(machine), (-machine.free_energy(every)).logsumexp(0)))
    True
    """
    h = (states(len(machine.hidden_bias)).to(machine.weight) + 1) / 2
    each = (h @ machine.weight.T + machine.visible_bias).unflatten(1, (machine.n_sites, -1))
    return (h @ machine.hidden_bias + each.logsumexp(2).sum(1)).logsumexp(0)


@torch.no_grad()
def copy_hidden(machine: Boltzmann, soft: LinearRule) -> None:
    """Give a linear rule the hidden units of a machine: one bit each.

    Raises:
        InputError: For letters whose features say less of them than one unit for each letter.
    """
    values = F.pad(soft.features.double(), (0, 1), value=1.0)
    fields = machine.weight.double().unflatten(0, (soft.n_sites, -1)) / 2
    found = torch.linalg.pinv(values) @ fields
    if float((values @ found - fields).abs().max()) > _SPANNED * (1 + float(fields.abs().max())):
        raise InputError(
            f"the features of the letters {', '.join(soft.alphabet.names)} span fewer functions "
            "than a Boltzmann machine learns, so that its hidden unit is no linear rule of them; "
            "leave the method out for these letters"
        )
    soft.weight.copy_(found[:, :-1].movedim(2, 0))
    soft.bias.copy_(machine.hidden_bias / 2 + found[:, -1].sum(0))


def kept_of_block(p: Tensor) -> Tensor:
    """I(V:H) = H(H) - H(H|V) of p(h|v) of a batch of blocks, (n, K), in nats."""
    return entropy(p.mean(0).clamp(min=_TINY)) - entropy(p.clamp(min=_TINY)).mean()


def _infomax(lesson: Lesson) -> tuple[Rule, Goal]:
    soft = lesson.encoder()
    lesson.descended(
        soft, lambda batch: -kept_of_block(soft.log_prob(batch[0]).exp()), lesson.data.stream()
    )
    held = lesson.held_out()
    hard = hard_rule(soft, lesson.data)
    return hard, Goal("I(V:H)", _block_information(hard, held))


def _block_information(rule: Rule, held: HeldOut) -> Estimate:
    """I(V:H) of a rule on held-out blocks."""
    with torch.no_grad():
        p = rule.log_prob(held.v).exp().double()
    sums = block_sums(torch.cat([p, entropy(p)[:, None]], 1), held.groups)

    def kept(total: Tensor) -> Tensor:
        return entropy(total[:, :-2] / total[:, -1:]) - total[:, -2] / total[:, -1]

    value = float(kept(sums.sum(0, keepdim=True)))
    return Estimate(value, bootstrap_error(sums, kept), "estimate", n=len(sums))


class Priced(nn.Module):
    r"""An encoder that pays for what it keeps of the block, with a predictor of its symbols.

    .. math:: \min I(V:H) - \beta \Big[H(\bar p) + \Big\langle \sum_h p(h|v) \ln q(h|e)
              \Big\rangle\Big]

    Args:
        rule: The encoder.
        predictor: q(h|e).
    """

    def __init__(self, rule: LogitRule, predictor: Predictor) -> None:
        super().__init__()
        self.rule, self.predictor = rule, predictor

    def loss(self, v: Tensor, e: Tensor) -> Tensor:
        """Of a batch of windows, in nats."""
        p = self.rule.log_prob(v).exp()
        told = entropy(p.mean(0).clamp(min=_TINY)) + (p * self.predictor(e)).sum(-1).mean()
        return kept_of_block(p) - BETA * told


def _bottleneck(lesson: Lesson) -> tuple[Rule, Goal]:
    soft, s, (v, e) = lesson.encoder(), lesson.settings, lesson.data.some_windows()
    predictor = Predictor(soft.alphabet, e.shape[1], soft.n_symbols, s.hidden, seed=lesson.seed + 3)
    with torch.no_grad():
        predictor.begin(e, soft.log_prob(v).exp().float(), lesson.data.placement.near)
    net = Priced(soft, predictor)
    lesson.descended(net, lambda batch: net.loss(*batch), lesson.data.stream())
    held = lesson.held_out()
    net.eval()
    with torch.no_grad():
        p = soft.log_prob(held.v)
        terms = (p.exp() * (p - soft.log_prob(held.v).exp().mean(0).log())).sum(1)
        told = (p.exp() * (net.predictor(held.e) - p.exp().mean(0).log())).sum(1)
    return hard_rule(soft, lesson.data), Goal(
        f"I(V:H) - {BETA:g} I(H:E)", mean_of(terms - BETA * told, held.groups)
    )


def _classifier(lesson: Lesson) -> tuple[Rule, Goal]:
    if isinstance(lesson.phases, RsmiError):
        raise lesson.phases
    phases, window, soft = lesson.phases, lesson.data.window, lesson.encoder()
    check_fit(soft, lesson.data.placement)
    draw, (_, out) = batches(phases, window, lesson.seed), phases.halves()
    blocks = phases.blocks(window)[out].flatten(1, -2)
    net = PhaseClassifier(soft, blocks.shape[1], lesson.seed + 3)
    lesson.descended(net, lambda batch: net.loss(*batch).mean(), iter(draw, None))
    with torch.no_grad():
        lost = mean_of(net.loss(blocks, phases.labels[out]), phases.groups[out])
    return hard_rule(soft, lesson.data), Goal("cross-entropy of the phase", lost)


def _usual(place: int) -> Callable[[Lesson], tuple[Rule, None]]:
    """One of the two classical rules of an alphabet."""

    def named(lesson: Lesson) -> tuple[Rule, None]:
        placement = lesson.data.placement
        return named_rule(usual_rules(placement.space.alphabet)[place], placement), None

    return named


def _untrained(lesson: Lesson) -> tuple[Rule, None]:
    return hard_rule(lesson.encoder(), lesson.data), None


METHODS: Mapping[str, Method] = {
    "rsmi": Method(
        _rsmi, "raises what the symbol says of the environment", r"\max I(H:E)",
        "Koch-Janusz and Ringel (2018), arXiv:1704.06279; Barber and Agakov (2003)",
    ),
    "proxy": Method(
        _proxy, "raises a first cumulant of it, from two Boltzmann machines",
        r"\max -\langle \Delta \rangle", "Koch-Janusz and Ringel (2018), arXiv:1704.06279",
    ),
    "bottleneck": Method(
        _bottleneck, "the same less a price for what the symbol says of the block",
        r"\min I(V:H) - \beta I(H:E)", "Tishby, Pereira and Bialek (1999), physics/0004057",
    ),
    "infomax": Method(
        _infomax, "raises what the symbol says of the block", r"\max I(V:H)",
        "Linsker (1988), Computer 21, 105; Hjelm et al. (2019), arXiv:1808.06670",
    ),
    "pca": Method(
        _principal, "raises the variance of a linear function of the block",
        r"\max_w \mathrm{Var}(w \cdot v)",
        "Pearson (1901); Hotelling (1933); of spins Wang (2016), arXiv:1606.00318",
    ),
    "autoencoder": Method(
        _autoencoder, "lowers the error of the block told back from a code",
        r"\min \langle -\sum_i \ln q(v_i|t) \rangle",
        "Hinton and Salakhutdinov (2006), Science 313, 504",
    ),
    "rbm": Method(
        _boltzmann, "raises the likelihood of the block, by contrastive divergence",
        r"\max \langle \ln p(v) \rangle",
        "Hinton (2002), Neural Computation 14, 1771; Mehta and Schwab (2014), arXiv:1410.3831",
    ),
    "classifier": Method(
        _classifier, "lowers the error of the phase told from all symbols",
        r"\min \langle -\ln q(y|h_1 \dots h_N) \rangle",
        "Carrasquilla and Melko (2017), arXiv:1605.01735",
    ),
    "majority": Method(
        _usual(0), "the most frequent letter, ties at random", "",
        "Niemeijer and van Leeuwen (1973)", trained=False,
    ),
    "decimation": Method(
        _usual(1), "the first letter", "", "Kadanoff (1966)", trained=False,
    ),
    "random": Method(
        _untrained, "the untrained encoder, for comparison", "", "", trained=False,
    ),
}  # fmt: skip
"""Every way to find a rule, by name."""
