"""How many flips change what a rule of renormalisation says: a spin, a level, an exponent."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet
from rsmi.lattice import coarse_shape, tile
from rsmi.learning import Rule, block_alone, load_rule
from rsmi.progress import Progress, silent
from rsmi.sampling import System, equilibrate, sample_blocks
from rsmi.sampling.families import DEFAULT
from rsmi.theory.stability import flip_costs

_CHAINS = 64
_LEAST = 640
_ROUNDS = 400


@dataclass(frozen=True)
class Stability:
    """Whose rules, and where.

    Args:
        shape: Lattice of a model with two letters on a torus.
        model: By name; the simplest one without.
        temperature: T in units of J, or `critical`.
        parameters: Further parameters of the model.
        rules: Names or directories of rules with two symbols.
        block: Extents of a block.
        levels: How often the rules are applied.
        configurations: Drawn, a multiple of 64 and at least 640.
        share: Of the coarse spins of a level that are to be turned.
        seed: Of configurations and of rules that draw.
    """

    shape: tuple[int, ...] = (32, 32)
    model: str | None = None
    temperature: float | str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[str, ...] = ("majority", "decimation")
    block: tuple[int, ...] = (2, 2)
    levels: int = 3
    configurations: int = 1280
    share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.configurations < _LEAST or self.configurations % _CHAINS:
            raise InputError(
                f"{self.configurations} configurations; expected a multiple of {_CHAINS}, at least "
                f"{_LEAST}"
            )
        if not self.rules or self.levels < 1 or not 0 < self.share <= 1:
            raise InputError(
                f"{len(self.rules)} rules, {self.levels} levels, a share of {self.share}; expected "
                "at least one rule and one level, and a share between 0 and 1"
            )
        shape = self.shape
        for _ in range(self.levels):
            shape = coarse_shape(shape, self.block)


@dataclass(frozen=True)
class RuleStability:
    """How much it takes to mislead one rule.

    Args:
        spins: By level from 1 on, flips that turn one coarse spin, mean over the spins.
        shares: By level, flips per site that turn the share of the level asked for.
        y_t: Thermal exponent from the energies of two levels alone, for comparison with itself.
        exponent: Flips per site that move this exponent by 1 %, an upper value: those of the
            greedy search.
    """

    spins: tuple[Estimate, ...]
    shares: tuple[Estimate, ...]
    y_t: Estimate
    exponent: Estimate


@dataclass(frozen=True, repr=False)
class StabilityResult(Outcome):
    """Flips that mislead each rule.

    Args:
        rules: By name.
        settings: What was asked for.
    """

    rules: Mapping[str, RuleStability]
    settings: Stability

    def quantities(self) -> list[Quantity]:
        """Flips for a spin and for a share of each level, and for the exponent, by rule."""
        found = []
        for name, own in self.rules.items():
            for level, (spin, share) in enumerate(zip(own.spins, own.shares, strict=True), 1):
                about = {"rule": name, "level": level}
                found.append(Quantity.of("theory.stability.spin", spin, None, **about))
                told = {**about, "share": self.settings.share}
                found.append(Quantity.of("theory.stability.level", share, None, **told))
            found.append(Quantity.of("theory.stability.y_t", own.y_t, None, rule=name))
            found.append(Quantity.of("theory.stability.exponent", own.exponent, None, rule=name))
        return found

    def sheets(self) -> list[Sheet]:
        """Coarse spins and levels with a heading for each rule, then the exponent."""
        rows: list[list[str]] = []
        for name, own in self.rules.items():
            rows += [[name], ["one coarse spin (flips)", *map(str, own.spins)]]
            rows.append([f"{self.settings.share:.0%} of them (per site)", *map(str, own.shares)])
        columns = ["", *(f"level {level}" for level in _from(self.settings.levels))]
        caption = "least numbers of flips, exact for each configuration, mean over configurations"
        return [Sheet("Flips that turn coarse spins", columns, rows, caption), self._exponents()]

    def _exponents(self) -> Sheet:
        sites = math.prod(self.settings.shape) * self.settings.configurations
        rows = [
            [name, str(own.y_t), str(round(own.exponent.value * sites))]
            for name, own in self.rules.items()
        ]
        caption = (
            f"an upper value, by greedy search among the {sites} spins of all configurations; y_t "
            "with one coupling, from the energies of two levels"
        )
        columns = ["rule", "y_t", "flips that move it by 1 %"]
        return Sheet("Flips that move an exponent", columns, rows, caption)


def study_stability(
    settings: Stability, progress: Progress = silent, trust: bool = False
) -> StabilityResult:
    """Draw configurations, and find how many flips mislead each rule.

    Args:
        settings: Model, rules and levels.
        progress: Told how many rules of how many are done.
        trust: Whether networks that rules hold may run.

    Raises:
        InputError: For rules with more than two symbols, and a lattice that cannot be divided.
    """
    placed = block_alone(settings.block)
    rules = {name: load_rule(name, placed, trust=trust) for name in settings.rules}
    configurations = _drawn(settings)
    found = {}
    for done, (name, rule) in enumerate(rules.items(), 1):
        found[name] = rule_stability(
            rule, configurations, settings.levels, settings.share, settings.seed
        )
        progress(done, len(rules))
    return StabilityResult(found, settings)


def _drawn(settings: Stability) -> Tensor:
    model = DEFAULT if settings.model is None else settings.model
    system = System(settings.shape, model, settings.temperature, settings.parameters)
    engine = system.engine(settings.seed)
    state, first, thin = engine.sampler.initial(_CHAINS), 0, 1
    stored = system.family.encode(system.built, state)
    if stored.shape[1:] != torch.Size(settings.shape):
        raise InputError(
            f"{system} has configurations of shape {list(stored.shape[1:])}; flips take one "
            "two-valued letter for each site of the lattice"
        )
    if not engine.independent:
        report = equilibrate(engine.sampler, state)
        first, thin = report.discarded, report.thin
    drawn, _ = next(
        sample_blocks(engine.sampler, state, first, thin, settings.configurations // _CHAINS)
    )
    return system.family.encode(system.built, drawn)


def rule_stability(
    rule: Rule, configurations: Tensor, levels: int, share: float = 0.1, seed: int = 0
) -> RuleStability:
    """How many flips mislead a rule on given configurations.

    Args:
        rule: Of a box, with two symbols.
        configurations: (k, *shape) of +1 and -1, from 64 chains: row i from chain i % 64.
        levels: How often the rule is applied.
        share: Of the coarse spins of a level that are to be turned.
        seed: Of what the rule draws.

    Raises:
        InputError: As `flip_costs`.
        AnalysisError: Where the energies of two levels are not correlated, so that there is no
            exponent to mislead.
    """
    table, sites = rule.table(), math.prod(configurations.shape[1:])
    costs = flip_costs(table, configurations, rule.block, levels, seed)
    spins = tuple(
        _by_chain(costs.costs[level].flatten(1).double().mean(1)) for level in _from(levels)
    )
    shares = tuple(_by_chain(costs.share(level, share) / sites) for level in _from(levels))
    attack = _ExponentAttack(table, configurations, rule.block, seed)
    y_t = attack.exponent()
    return RuleStability(spins, shares, y_t, attack.flips(0.01 * abs(y_t.value)))


def _from(levels: int) -> range:
    return range(1, levels + 1)


def _by_chain(values: Tensor) -> Estimate:
    """Mean of rows that are interleaved from the chains, with the error between chains."""
    means = values[: len(values) // _CHAINS * _CHAINS].reshape(-1, _CHAINS).mean(0)
    error = float(means.std() / math.sqrt(_CHAINS))
    return Estimate(float(means.mean()), error, "estimate", "1", len(values))


class _ExponentAttack:
    r"""Flips that move :math:`y_t = \ln(\mathrm{cov}(S', S) / \mathrm{cov}(S', S')) / \ln b`.

    S and S' are the sums over nearest neighbours of a configuration and of its coarse one: Monte
    Carlo RG with one coupling. Each round changes, in the configurations where it pays most, the
    block whose change moves y_t most for each flip, by its derivatives.

    Args:
        table: (2^n, 2) of the rule.
        configurations: (k, *shape).
        block: Extents of a block.
        seed: Of what the rule draws; the same numbers are kept after the flips.
    """

    def __init__(
        self, table: Tensor, configurations: Tensor, block: tuple[int, ...], seed: int
    ) -> None:
        self._coarse_shape = tuple(
            extent // b for extent, b in zip(configurations.shape[1:], block, strict=True)
        )
        if min(self._coarse_shape) < 3:
            raise InputError(
                f"the coarse lattice is {list(self._coarse_shape)}; an exponent takes at least 3 "
                "sites along each axis"
            )
        self._block, self._up = block, table[:, 1].double()
        self._spins = configurations.to(torch.int8)
        generator = torch.Generator().manual_seed(seed)
        shape = (len(configurations), *self._coarse_shape)
        self._u = torch.rand(shape, generator=generator, dtype=torch.float64)
        n = math.prod(block)
        self._states = (2 * ((torch.arange(1 << n)[:, None] >> torch.arange(n)) & 1) - 1).float()
        places = torch.cartesian_prod(*map(torch.arange, block)).reshape(n, -1)
        apart = (places[:, None] - places[None]).abs().sum(-1)
        self._bonds = (apart == 1).float()

    def exponent(self) -> Estimate:
        """y_t with the jackknife over the chains.

        Raises:
            AnalysisError: Where the energies of the two levels are not correlated.
        """
        fine, coarse = _bond_sum(self._spins), _bond_sum(self._coarse(self._spins))
        value = self._of(fine, coarse)
        chain = torch.arange(len(fine)) % _CHAINS
        left = torch.tensor(
            [self._of(fine[chain != c], coarse[chain != c]) for c in range(_CHAINS)]
        )
        error = math.sqrt((_CHAINS - 1) * float(left.var(correction=0)))
        if not math.isfinite(value) or not math.isfinite(error):
            raise AnalysisError(
                "the energies of two levels are not correlated, so there is no exponent to "
                "mislead; use more configurations, or another temperature"
            )
        return Estimate(value, error, "estimate", "1", len(fine))

    def flips(self, change: float) -> Estimate:
        """Flips per site that move y_t so far, in the direction that needs fewer.

        Raises:
            AnalysisError: Where no flips that were tried do it.
        """
        found = min(self._push(sign, change) for sign in (1, -1))
        if not math.isfinite(found):
            raise AnalysisError(
                f"no flips were found that move y_t by {change:.2g}; use more configurations"
            )
        return Estimate(found / self._spins.numel(), 0.0, "upper", "1")

    def _push(self, sign: int, change: float) -> float:
        """Flips that were enough in one direction; infinite where none were."""
        spins, done, start = self._spins.clone(), 0, self._value(self._spins)
        for _ in range(_ROUNDS):
            # Rounds that grow with the number of flips cost an eighth of them at most.
            turned, cost = self._round(spins, sign, max(1, done // 8))
            if cost == 0 or not sign * (self._value(turned) - self._value(spins)) > 0:
                return math.inf
            spins, done = turned, done + cost
            if sign * (self._value(spins) - start) >= change:
                return done
        return math.inf

    def _round(self, spins: Tensor, sign: int, most: int) -> tuple[Tensor, int]:
        """The configurations with the best blocks changed, and how many flips that took."""
        blocks, coarse = tile(spins, self._block).float(), self._coarse(spins)
        n = blocks.shape[-1]
        inside = blocks @ self._bonds
        outside = tile(_neighbours(spins.float()), self._block) - inside
        energy = 0.5 * ((self._states @ self._bonds) * self._states).sum(1)
        was = (blocks * (outside + 0.5 * inside)).sum(-1)
        fine = energy + outside @ self._states.T - was[..., None]
        other = self._u[..., None] < self._up
        turns = other != (coarse > 0)[..., None]
        around = (coarse * _neighbours(coarse.float()))[..., None]
        cost = (n - blocks @ self._states.T) / 2
        by_fine, by_coarse = self._slopes(spins, coarse, sign)
        shape = (-1, *[1] * (blocks.ndim - 1))
        gain = by_fine.reshape(shape) * fine - 2 * by_coarse.reshape(shape) * turns * around
        rate = torch.where(cost > 0, gain / cost.clamp(min=1), torch.zeros_like(gain)).flatten(1)
        best, place = rate.max(1)
        chosen = best.argsort(descending=True)[:most]
        flat = blocks.reshape(len(spins), -1, n).clone()
        flat[chosen, place[chosen] // len(self._states)] = self._states[
            place[chosen] % len(self._states)
        ]
        spent = int(cost.flatten(1)[chosen, place[chosen]].sum())
        return self._untiled(flat.reshape(blocks.shape)).to(torch.int8), spent

    def _slopes(self, spins: Tensor, coarse: Tensor, sign: int) -> tuple[Tensor, Tensor]:
        """Derivatives of y_t by S and S' of each configuration, but for a factor they share."""
        fine, own = _bond_sum(spins), _bond_sum(coarse)
        a, b = fine - fine.mean(), own - own.mean()
        both, square = (a * b).mean(), (b * b).mean()
        return (sign * b / both).float(), (sign * (a / both - 2 * b / square)).float()

    def _value(self, spins: Tensor) -> float:
        return self._of(_bond_sum(spins), _bond_sum(self._coarse(spins)))

    def _of(self, fine: Tensor, coarse: Tensor) -> float:
        a, b = fine - fine.mean(), coarse - coarse.mean()
        ratio, scale = float((a * b).mean() / (b * b).mean()), math.prod(self._block)
        return len(self._block) * math.log(ratio) / math.log(scale) if ratio > 0 else math.nan

    def _coarse(self, spins: Tensor) -> Tensor:
        blocks = tile(spins, self._block)
        word = ((blocks > 0) * (1 << torch.arange(blocks.shape[-1]))).sum(-1)
        return 2 * (self._u < self._up[word]).to(torch.int8) - 1

    def _untiled(self, blocks: Tensor) -> Tensor:
        """The inverse of `rsmi.lattice.tile`."""
        d = len(self._block)
        split = blocks.reshape(len(blocks), *self._coarse_shape, *self._block)
        order = [0, *(axis for pair in range(1, d + 1) for axis in (pair, pair + d))]
        shape = (c * b for c, b in zip(self._coarse_shape, self._block, strict=True))
        return split.permute(order).reshape(len(blocks), *shape)


def _neighbours(spins: Tensor) -> Tensor:
    """Sum of the nearest neighbours of each site of a torus."""
    axes = range(1, spins.ndim)
    return sum(
        (spins.roll(step, axis) for axis in axes for step in (1, -1)), torch.zeros_like(spins)
    )


def _bond_sum(spins: Tensor) -> Tensor:
    own = spins.float()
    return 0.5 * (own * _neighbours(own)).flatten(1).double().sum(1)
