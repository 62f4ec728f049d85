"""Ordered and disordered configurations: what a classifier learns from, and what a rule leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError, RsmiError
from rsmi.information import Estimate, block_sums, bootstrap_error
from rsmi.lattice import Space, Window, place
from rsmi.learning.rules import Rule, check_fit
from rsmi.learning.trainable import LogitRule
from rsmi.sampling import System
from rsmi.sampling.chains import sample_blocks
from rsmi.sampling.equilibration import equilibrate
from rsmi.storage import SampleRecipe

TEMPERATURES = (0.75, 0.83, 0.9, 0.95, 0.98, 1.02, 1.05, 1.1, 1.17, 1.25)
"""Of the grid on which phases are told apart, in units of the critical one."""
_CHAINS, _RECORDS = 64, 4
_LEAST = 64  # configurations with labels
_HELD_OUT = 2  # one in so many chains
_HIDDEN, _BATCH = 64, 64
_ROUNDS, _RIDGE = 60, 1e-3


@dataclass(frozen=True)
class Phases:
    """Configurations with the phase that each belongs to.

    Args:
        letters: (n, *space.shape) int8.
        labels: (n,) int64, 1 in the ordered phase, else 0.
        groups: (n,) int64, which chain each comes from; chains are independent.
        space: Where the letters live.

    Raises:
        InputError: For labels of another number, one phase alone, or fewer than 64 configurations.
    """

    letters: Tensor
    labels: Tensor
    groups: Tensor
    space: Space

    def __post_init__(self) -> None:
        n, wrong = len(self.letters), {len(self.labels), len(self.groups)} - {len(self.letters)}
        if wrong or n < _LEAST or self.labels.unique().tolist() != [0, 1]:
            raise InputError(
                f"{n} configurations with {len(self.labels)} labels "
                f"{self.labels.unique().tolist()} and {len(self.groups)} chains; expected one "
                f"label each, 0 and 1, and at least {_LEAST} configurations"
            )
        self.space.check(self.letters)

    @classmethod
    def drawn(
        cls, system: System, seed: int = 0, temperatures: Sequence[float] = TEMPERATURES
    ) -> "Phases":
        """Drawn by the default update of a model below and above its critical temperature.

        Args:
            system: A model whose critical point is known, on a lattice.
            seed: Of the samplers.
            temperatures: In units of the critical one, on both sides of 1.

        Raises:
            InputError: For a model without a critical point that is known.
            AnalysisError: Where chains do not come to equilibrium.

        >>> found = Phases.drawn(System((8, 8)), temperatures=(0.5, 2.0))
        >>> found.letters.shape, found.labels.sum()
        (torch.Size([512, 8, 8, 1]), tensor(256))
        """
        point = system.family.critical(system.built)
        if point is None:
            raise InputError(
                f"the critical point of {system} is not known, so temperatures do not tell which "
                "configurations are ordered; give configurations with labels (phases)"
            )
        parts, labels = [], []
        for number, t in enumerate(temperatures):
            parts.append(
                _drawn(system.heated(point.coupling / t), seed * len(temperatures) + number)
            )
            labels.append(torch.full((len(parts[-1]),), int(t < 1)))
        chains = torch.arange(_CHAINS).repeat(_RECORDS)
        groups = torch.cat([chains + _CHAINS * number for number in range(len(parts))])
        return cls(torch.cat(parts), torch.cat(labels), groups, system.space)

    def halves(self) -> tuple[Tensor, Tensor]:
        """Numbers of the configurations to learn from, and of those of the chains held out."""
        out = self.groups % _HELD_OUT == 0
        return torch.nonzero(~out).flatten(), torch.nonzero(out).flatten()

    def blocks(self, window: Window) -> Tensor:
        """The blocks that tile each configuration, (n, *coarse cells, n_v).

        Raises:
            InputError: For a window that is no box, or whose box does not tile the lattice.
        """
        cells, block = self.space.cells, window.block
        if (
            not block
            or not self.space.homogeneous
            or any(c % b or c // b < 2 for c, b in zip(cells, block, strict=True))
        ):
            raise InputError(
                f"blocks of {list(block) or str(window)} do not tile the lattice {list(cells)}; "
                "expected a box whose extents divide those of the lattice, twice at least"
            )
        every, _ = place(window, self.space).translates
        steps = tuple(slice(None, None, b) for b in block)
        chosen = every.view(*cells, -1)[steps]
        return self.letters.flatten(1)[:, chosen]


def _drawn(system: System, seed: int) -> Tensor:
    """Letters of some configurations, int8 (records * chains, *space.shape)."""
    engine = system.engine(seed)
    state, first, thin = engine.sampler.initial(_CHAINS), 0, 1
    if not engine.independent:
        report = equilibrate(engine.sampler, state)
        first, thin = report.discarded, report.thin
    states, _ = next(sample_blocks(engine.sampler, state, first, thin, _RECORDS))
    return system.family.letters(system.built, states).to(torch.int8)


class PhaseClassifier(nn.Module):
    r"""A network from a configuration to its phase, whose first layer is a rule.

    .. math:: p(1|x) = \sigma\big(w \cdot \mathrm{ReLU}(W\, p(h|v_1 \dots v_N) + c) + d\big)

    with the rule's probabilities on all blocks of a tiling, the same rule on each.

    Args:
        rule: The first layer.
        blocks: Blocks of a configuration.
        seed: Of the weights above it.

    Source: Carrasquilla and Melko (2017), Nature Physics 13, 431, arXiv:1605.01735.
    """

    def __init__(self, rule: LogitRule, blocks: int, seed: int) -> None:
        super().__init__()
        self.rule = rule
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Sequential(
                nn.Linear(blocks * rule.n_symbols, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1)
            )

    def forward(self, blocks: Tensor) -> Tensor:
        """Logits (n,) of blocks (n, N, n_v)."""
        found: Tensor = self.head(self.rule.log_prob(blocks).exp().flatten(1)).squeeze(-1)
        return found

    def loss(self, blocks: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of each configuration in nats, (n,)."""
        return F.binary_cross_entropy_with_logits(self(blocks), labels.float(), reduction="none")


def batches(phases: Phases, window: Window, seed: int) -> Callable[[], tuple[Tensor, Tensor]]:
    """Random batches (blocks, labels) of the configurations that are not held out."""
    blocks, (chosen, _) = phases.blocks(window), phases.halves()
    flat, generator = blocks.flatten(1, -2), torch.Generator().manual_seed(seed)

    def draw() -> tuple[Tensor, Tensor]:
        rows = chosen[torch.randint(len(chosen), (_BATCH,), generator=generator)]
        return flat[rows], phases.labels[rows]

    return draw


def phase_entropy(rule: Rule, phases: Phases, window: Window, seed: int = 0) -> Estimate:
    r"""What the coarse configuration leaves open of its phase, H(Y|T), from above.

    .. math:: H(Y|T) \le \langle -\ln q(y|t) \rangle

    with a logistic regression q on the share of the most frequent symbol, its square and the share
    of equal neighbours, fitted to other chains than those of the average.

    Args:
        rule: For the block of the window.
        phases: Configurations with labels.
        window: Whose block the rule is for.
        seed: Of the random entries of the rule.

    Returns:
        An upper bound in nats; ln 2 is the entropy of two phases that are alike frequent.

    Raises:
        InputError: For a rule of another block, or blocks that do not tile the lattice.
    """
    check_fit(rule, place(window, phases.space))
    blocks, (fit, out) = phases.blocks(window), phases.halves()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        p = rule.log_prob(blocks.flatten(0, -2)).exp()
    symbols = torch.multinomial(p, 1, generator=generator).view(blocks.shape[:-1])
    x = _order(symbols, rule.n_symbols)
    x = (x - x[fit].mean(0)) / x[fit].std(0).clamp(min=1e-9)
    x = F.pad(x, (0, 1), value=1.0)
    weight = _regressed(x[fit], phases.labels[fit].double())
    loss = F.binary_cross_entropy_with_logits(
        x[out] @ weight, phases.labels[out].double(), reduction="none"
    )
    return mean_of(loss, phases.groups[out], "upper")


def mean_of(values: Tensor, groups: Tensor, kind: str = "estimate", unit: str = "nats") -> Estimate:
    """A mean with the error that groups, which are independent of each other, give."""
    _, labels = groups.unique(return_inverse=True)
    sums = block_sums(values[:, None], labels)
    error = bootstrap_error(sums, lambda total: total[:, 0] / total[:, -1])
    return Estimate(float(values.double().mean()), error, kind, unit, len(sums))  # type: ignore[arg-type]


def _order(symbols: Tensor, count: int) -> Tensor:
    """Share of the most frequent symbol, its square, share of equal neighbours: (n, 3) float64."""
    shares = F.one_hot(symbols.flatten(1), count).double().mean(1).amax(1)
    axes = range(1, symbols.ndim)
    equal = torch.stack([(symbols == symbols.roll(1, a)).double().flatten(1).mean(1) for a in axes])
    return torch.stack([shares, shares.square(), equal.mean(0)], 1)


def _regressed(x: Tensor, y: Tensor) -> Tensor:
    """Weights (d,) of a logistic regression with a small ridge, by Newton's method."""
    weight = x.new_zeros(x.shape[1])
    ridge = _RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    for _ in range(_ROUNDS):
        p = torch.sigmoid(x @ weight)
        slope = x.T @ (y - p) - ridge @ weight
        step = torch.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + ridge, slope)
        weight = weight + step
        if float(step.abs().max()) < 1e-9:
            break
    return weight


def phases_of(system: System | None, seed: int) -> Phases | RsmiError:
    """Phases of a model, or why there are none."""
    if system is None:
        return InputError(
            "the samples carry no labels and do not say which model they are of, so that it could "
            "be drawn in both phases; give configurations with labels (phases)"
        )
    try:
        return Phases.drawn(system, seed)
    except RsmiError as reason:
        return reason


def system_of(samples: Any) -> System | None:
    """The model of samples that carry a recipe; None for others."""
    header = getattr(samples, "header", None)
    try:
        return SampleRecipe.from_yaml(header.recipe).system if header is not None else None
    except InputError:
        return None
