"""How far and among how many spins couplings act, against what a rule keeps of its environment."""

import math
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from rsmi.errors import InputError, RsmiError
from rsmi.information import Estimate, Outcome, Plain, Quantity, Sheet, best_rule, format_with_error
from rsmi.lattice import Window, place, states, words
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import Rule, TableRule, decimation, majority, orientation
from rsmi.progress import Progress, silent
from rsmi.renormalization.renormalised import (
    NORMS,
    RenormalisedCouplings,
    exact_couplings,
    fitted_couplings,
)
from rsmi.renormalization.variational import variational_couplings
from rsmi.sampling.exact import ring_posterior
from rsmi.sampling.exact.coarse import BASES
from rsmi.sampling.families import System
from rsmi.storage import samples_of

Method = Literal["exact", "variational", "pseudo-likelihood"]
Group = Literal["named", "hard", "soft"]
Numbers = NDArray[np.float64]
Rank = tuple[Estimate, float, float]
"""A rank correlation, the p-value of permutations, and how often it is the strongest."""
GROUPS: Mapping[str, tuple[Group, ...]] = {
    "all": ("named", "hard", "soft"),
    "named": ("named",),
    "random": ("hard", "soft"),
    "hard": ("hard",),
}
"""Kinds of rules among which ranks are compared; `hard` ones are deterministic."""

_TORUS, _CHAINS, _EQUILIBRATION, _APART = 32, 64, 300, 4
_BOOTSTRAPS, _PERMUTATIONS = 1000, 4000
_HARD, _FEWEST, _TINY, _DIGITS = "hard", 8, 1e-12, 12
_SOFT = (0.125, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class RuleLocality:
    """A rule, what it keeps, and how local a Hamiltonian it leaves.

    Args:
        name: Of the rule.
        group: `named` for one with a meaning; drawn at random, `hard` for a deterministic one.
        information: I(H:E) in nats at each buffer.
        norms: Rangeness and m-bodyness in each basis, see `RenormalisedCouplings`.
    """

    name: str
    group: Group
    information: tuple[Estimate, ...]
    norms: Mapping[str, tuple[Estimate, Estimate]]

    def to_dict(self) -> dict[str, Plain]:
        """As plain values, from which `of` makes it again."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Undo `to_dict`."""
        values = tuple(Estimate(**value) for value in plain["information"])
        norms = {
            basis: (Estimate(**pair[0]), Estimate(**pair[1]))
            for basis, pair in plain["norms"].items()
        }
        return cls(plain["name"], plain["group"], values, norms)


@dataclass(frozen=True, repr=False)
class LocalityStudy(Outcome):
    """Rules with their information and couplings, and whether one goes with the other.

    Args:
        system: The model.
        block: Extents of a block.
        buffers: Widths of the buffer.
        method: How the couplings were found.
        rules: What was found.
        refused: Why rules are missing, by name.
    """

    system: System
    block: tuple[int, ...]
    buffers: tuple[int, ...]
    method: Method
    rules: Sequence[RuleLocality]
    refused: Mapping[str, str] = field(default_factory=dict)

    def quantities(self) -> list[Quantity]:
        """Rank correlations, then information, rangeness and m-bodyness of every rule."""
        found = []
        for (basis, norm, group), ranks in self.ranks.items():
            for buffer, (value, p, strongest) in zip(self.buffers, ranks, strict=True):
                name = f"couplings.rank_correlation.{norm}.{basis}.{group}.buffer_{buffer}"
                found.append(Quantity.of(name, value).about(p_value=p, strongest=strongest))
        for rule in self.rules:
            about: dict[str, Plain] = {"rule": rule.name, "group": rule.group}
            for buffer, value in zip(self.buffers, rule.information, strict=True):
                found.append(Quantity.of("couplings.information", value, **about, buffer=buffer))
            for basis, pair in rule.norms.items():
                for norm, value in zip(NORMS, pair, strict=True):
                    found.append(Quantity.of(f"couplings.{norm}", value, **about, basis=basis))
        return found

    @cached_property
    def ranks(self) -> dict[tuple[str, str, str], list[Rank]]:
        """Information against a norm, by (basis, norm, group of at least 8 rules), at each buffer.

        A group whose rules are all alike has no ranks.
        """
        found = {}
        for group, kinds in GROUPS.items():
            some = [rule for rule in self.rules if rule.group in kinds]
            if len(some) < _FEWEST:
                continue
            buffers = range(len(self.buffers))
            x = [[round(rule.information[b].value, _DIGITS) for rule in some] for b in buffers]
            if any(len(set(values)) < 2 for values in x):
                continue
            for basis in BASES:
                for which, norm in enumerate(NORMS):
                    y = [round(rule.norms[basis][which].value, _DIGITS) for rule in some]
                    if len(set(y)) > 1:
                        found[str(basis), norm, group] = rank_correlations(np.array(x), np.array(y))
        return found

    def sheets(self) -> list[Sheet]:
        """Rules by what they keep, then the correlations."""
        columns = [
            "rule", *(f"I, buffer {b}" for b in self.buffers),
            *(f"{norm}, {basis}" for basis in BASES for norm in NORMS),
        ]  # fmt: skip
        rows = [
            [rule.name, *(_text(value) for value in rule.information),
             *(_text(value) for basis in BASES for value in rule.norms[basis])]
            for rule in sorted(self.rules, key=lambda rule: -rule.information[-1].value)
        ]  # fmt: skip
        size = " x ".join(map(str, self.block))
        title = f"{self.system}, blocks of {size}, couplings {self.method}; I(H:E) in nats"
        left = "; ".join(f"{name}: {reason}" for name, reason in self.refused.items())
        return [Sheet(title, columns, rows, f"left out: {left}" if left else ""), self._ranks()]

    def csv(self) -> str:
        """A line for each rule: its values and, beside each, its error."""
        heads = ["rule", "group", *(f"information buffer {b}" for b in self.buffers)]
        heads += [f"{norm} {basis}" for basis in BASES for norm in NORMS]
        names = [*heads[:2], *(f"{head}{end}" for head in heads[2:] for end in ("", " error"))]
        lines = [",".join(names)]
        for rule in self.rules:
            pairs = (value for basis in BASES for value in rule.norms[basis])
            cells = [f"{v.value!r},{v.error!r}" for v in (*rule.information, *pairs)]
            lines.append(",".join([rule.name, rule.group, *cells]))
        return "\n".join([*lines, ""])

    def _ranks(self) -> Sheet:
        heads = ["Spearman", *(f"buffer {b}" for b in self.buffers)]
        rows = []
        for (basis, norm, group), ranks in self.ranks.items():
            cells = [f"{_text(value)} p={p:.1g} {share:.0%}" for value, p, share in ranks]
            rows.append([f"{norm}, {basis}, {group}", *cells])
        said = (
            "negative: what keeps more leaves less of it; error by bootstrap over rules, p by "
            "permutation of them, and the share of the bootstraps in which no other buffer has a "
            "stronger correlation"
        )
        rows = rows or [[f"no {_FEWEST} rules that differ"]]
        return Sheet("information against couplings, rank correlation", heads, rows, said)


def _text(value: Estimate) -> str:
    return format_with_error(value.value, value.error)


def rank_correlations(x: Numbers, y: Numbers) -> list[Rank]:
    """Spearman's correlation of several variables with one, over the same cases.

    Args:
        x: (k, n) variables.
        y: (n,).

    Returns:
        For each variable the correlation, whose error is that of a bootstrap over cases; the chance
        that a permutation of the cases gives one as large, of either sign; and the share of the
        bootstraps in which that of no other variable is larger in size.

    >>> found = rank_correlations(np.arange(8.0)[None], np.array([1, 2, 3, 4, 5, 6, 8, 7.0]))
    >>> round(found[0][0].value, 3), found[0][1] < 0.01, found[0][2]
    (0.976, True, 1.0)
    """
    random = np.random.default_rng(0)
    n = len(y)
    drawn = random.integers(0, n, (_BOOTSTRAPS, n))
    shuffled = random.permuted(np.tile(y, (_PERMUTATIONS, 1)), axis=1)
    values = _spearman(x, y)
    again = np.stack([_spearman(one[drawn], y[drawn]) for one in x])
    best = (np.abs(again) >= np.nanmax(np.abs(again), 0) - _TINY).mean(1)
    found = []
    for one, value, spread, share in zip(x, values, np.nanstd(again, 1), best, strict=True):
        larger = int((np.abs(_spearman(one, shuffled)) >= abs(value) - _TINY).sum())
        estimate = Estimate(float(value), float(spread), "estimate", "1", n)
        found.append((estimate, (1 + larger) / (1 + _PERMUTATIONS), float(share)))
    return found


def _spearman(x: Numbers, y: Numbers) -> Numbers:
    """Along the last axis; NaN where all are alike."""
    a, b = (rankdata(z, axis=-1) - (z.shape[-1] + 1) / 2 for z in (x, y))
    norm = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    found: Numbers = (a * b).sum(-1) / np.where(norm > 0, norm, np.nan)
    return found


def couplings_against_information(
    system: System,
    block: Sequence[int] | None = None,
    rules: Mapping[str, Rule] | None = None,
    *,
    buffers: Sequence[int] = (0, 1, 2, 3),
    n_random: int = 24,
    method: Method = "exact",
    reach: float = 2.0,
    max_spins: int = 4,
    windows: int = 8192,
    samples: Any = None,
    sweeps: int = 400,
    seed: int = 0,
    workers: int | None = None,
    known: MutableMapping[str, Any] | None = None,
    progress: Progress = silent,
) -> LocalityStudy:
    r"""Does a rule that keeps more of its environment leave a simpler Hamiltonian?

    For each rule :math:`I(H:E)` at several buffers, and of its couplings

    .. math:: rangeness = \frac{\lVert K_{pairs\ beyond\ nearest} \rVert}
              {\lVert K_{nearest} \rVert}, \quad
              bodyness = \frac{\lVert K_{more\ than\ two} \rVert}{\lVert K_{nearest} \rVert}

    in spins and in occupations, and the rank correlation of one with the other. On a chain they are
    the ratios K2(2) / K2(1) and K4 / K2(1) of the 2020 paper, where no other coupling is as large.

    Information is exact: of the infinite chain by transfer matrices, of the square lattice by
    contraction at rings of spins sampled on a torus of 32 x 32, the same ones for every rule.

    Args:
        system: The Ising model on a ring or a square torus; its lattice is that of the couplings.
        block: Extents; 2 along each axis without.
        rules: Rules by name, beside those drawn at random; `locality_rules` without.
        buffers: Widths of the buffer.
        n_random: Rules drawn at random.
        method: How couplings are found; `exact` on small lattices only.
        reach: Of `variational` and `pseudo-likelihood`, as in `fitted_couplings`.
        max_spins: Likewise.
        windows: Rings for each buffer.
        samples: Of `pseudo-likelihood`, configurations of the system.
        sweeps: Of `variational`.
        seed: Of all random numbers.
        workers: Threads of `variational`.
        known: What was found before, by name; what is found is put there.
        progress: Is told how many rules of how many are done.

    Raises:
        InputError: For another model, or a pseudo-likelihood without samples.

    Source: Lenggenhager, Gokmen, Ringel, Huber and Koch-Janusz (2020), arXiv:1809.09632; against
    it Bertoni and Renes (2021), arXiv:2107.00990; on the bases Kennedy (2010), arXiv:0905.2601.
    """
    extents = (2,) * len(system.shape) if block is None else tuple(block)
    worlds = [_world(system, extents, buffer, windows, seed) for buffer in buffers]
    named = (
        locality_rules(extents, dict(zip(buffers, worlds, strict=True))) if rules is None else rules
    )
    both: list[tuple[str, Group, Rule]] = [(name, "named", rule) for name, rule in named.items()]
    drawn = random_rules(extents, n_random, seed)
    both += [(name, "hard" if _HARD in name else "soft", rule) for name, rule in drawn.items()]
    couplings = _solver(system, method, reach, max_spins, samples, sweeps, seed, workers)
    found = known if known is not None else {}
    for done, (name, group, rule) in enumerate(both):
        progress(done, len(both))
        if name not in found:
            found[name] = _row(name, group, rule, worlds, couplings)
    progress(len(both), len(both))
    rows = [RuleLocality.of(found[name]) for name, *_ in both if "reason" not in found[name]]
    refused = {name: found[name]["reason"] for name, *_ in both if "reason" in found[name]}
    return LocalityStudy(system, extents, tuple(buffers), method, rows, refused)


def _row(
    name: str,
    group: Group,
    rule: Rule,
    worlds: Sequence["_World"],
    couplings: Callable[[Rule], RenormalisedCouplings],
) -> dict[str, Plain]:
    """One rule, as plain values; or the reason why it has no couplings."""
    try:
        own = couplings(rule)
    except RsmiError as error:
        return {"reason": str(error)}
    norms = {basis: own.in_basis(basis).beyond for basis in BASES}
    kept = {str(basis): pair for basis, pair in norms.items() if pair is not None}
    values = tuple(world.information(rule.table()) for world in worlds)
    return RuleLocality(name, group, values, kept).to_dict()


def _solver(
    system: System,
    method: Method,
    reach: float,
    max_spins: int,
    samples: Any,
    sweeps: int,
    seed: int,
    workers: int | None,
) -> Callable[[Rule], RenormalisedCouplings]:
    if method == "exact":
        return lambda rule: exact_couplings(system, rule)
    within: dict[str, Any] = {"reach": reach, "max_spins": max_spins, "seed": seed}
    if method == "variational":
        within |= {"sweeps": sweeps, "workers": workers}
        return lambda rule: variational_couplings(system, rule, **within)
    if samples is None:
        raise InputError(
            "the method is pseudo-likelihood; give samples of the system, or take `exact` or "
            "`variational`, which need none"
        )
    opened = samples_of(samples)
    return lambda rule: fitted_couplings(opened, rule, **within)


@dataclass(frozen=True)
class _World:
    """p(v|e) of windows, their weights, and labels of those that are independent."""

    posterior: Tensor
    weights: Tensor
    labels: Tensor | None = None

    def information(self, table: Tensor) -> Estimate:
        """I(H:E) of a rule; the mean over independent groups tells the error."""
        p = self.posterior @ table.double()
        mean = self.weights @ p
        own = torch.where(p > 0, p * (p / mean).log(), 0.0).sum(1)
        value = max(float(self.weights @ own), 0.0)
        if self.labels is None:
            return Estimate(value, 0.0, "exact")
        groups = torch.zeros(int(self.labels.max()) + 1, dtype=torch.float64)
        groups = groups.index_add(0, self.labels, own) / self.labels.bincount()
        error = float(groups.std()) / math.sqrt(len(groups))
        return Estimate(value, error, "estimate", n=len(groups))


def _world(system: System, block: tuple[int, ...], buffer: int, windows: int, seed: int) -> _World:
    pair = system.family.pair(system.built)
    plain = pair is not None and pair.n_letters == 2 and not bool(pair.site.any())
    if not plain or len(system.shape) > 2 or len(block) != len(system.shape):
        raise InputError(
            f"{system} with blocks of {list(block)}; information is exact here for Ising spins "
            "without a field on a ring or a square torus, and blocks with as many extents"
        )
    if len(block) == 1:
        solved = replace(system, shape=(math.inf,)).solve(Window(block, buffer, None))
        return _World(solved.posterior, solved.weights)
    torus = replace(system, shape=(_TORUS, _TORUS))
    rings, labels = _rings(torus, Window(block, buffer), windows, seed)
    assert pair is not None
    posterior = ring_posterior(rings, float(pair.bond[1, 1]), (block[0], block[1]), buffer)
    both = torch.cat([posterior, posterior.flip(1)])  # a flip of all spins is a symmetry
    weights = torch.full((len(both),), 1 / len(both), dtype=torch.float64)
    return _World(both, weights, labels.repeat(2))


def _rings(torus: System, window: Window, windows: int, seed: int) -> tuple[Tensor, Tensor]:
    """Environments of windows (n, n_ring) that were drawn, and the chain of each."""
    engine = torus.engine(seed)
    state = engine.sampler.initial(_CHAINS)
    engine.sampler.advance(state, 0, _EQUILIBRATION)
    placed, found = place(window, torus.space), []
    half = torch.tensor([0, _TORUS // 2])
    corners = (_TORUS * half[:, None] + half).flatten()
    draws = max(1, windows // (_CHAINS * len(corners)))
    for draw in range(draws):
        engine.sampler.advance(state, _EQUILIBRATION + _APART * draw, _APART)
        _, rings = placed.cut(state)
        found.append(rings[:, corners])
    rings = torch.stack(found)  # (draws, chains, windows, n_ring)
    labels = torch.arange(_CHAINS)[None, :, None].expand(rings.shape[:3])
    return rings.flatten(0, 2).contiguous(), labels.flatten()


def locality_rules(block: Sequence[int], worlds: "Mapping[int, _World]") -> dict[str, TableRule]:
    """Rules with a meaning, for a block of spins.

    The best odd deterministic bit at each buffer (equal ones once), majority with ties at random
    and with ties up, the majority of three spins, decimation, and sigma(2 k sum v) of several k.
    """
    spins = states(math.prod(block)).double()
    total, extents = spins.sum(1), tuple(block)
    found = {"majority": majority(extents), "decimation": decimation(extents)}
    if bool((total == 0).any()):
        found["majority_up"] = _table((total >= 0).double(), extents)
    if len(spins) > 8:
        found["three_spins"] = _table((spins[:, :3].sum(1) > 0).double(), extents)
    for k in _SOFT:
        found[f"soft_{k:g}"] = _table(torch.sigmoid(2 * k * total), extents)
    for buffer, world in worlds.items():
        best, _ = best_rule(world.posterior, world.weights)
        equal = [torch.equal(best, rule.table()) for rule in found.values()]
        if not any(equal):
            found[f"learned_{buffer}"] = _table(best[:, 1], extents)
    return found


def random_rules(block: Sequence[int], count: int, seed: int = 0) -> dict[str, TableRule]:
    """Rules that are odd under a flip of all spins and otherwise random, of three kinds in turn.

    Deterministic ones; sigma(2 f) of odd functions f whose values are normal; and sigma(2 w v) of
    normal weights w; the last two with a scale between 1/4 and 4 of its own.

    Args:
        block: Extents.
        count: How many.
        seed: Of the draws.

    >>> list(random_rules((2,), 3))
    ['random_hard_0', 'random_table_1', 'random_linear_2']
    """
    random = np.random.default_rng((seed, 1))
    spins = states(math.prod(block)).double()
    found = {}
    for number in range(count):
        kind = (_HARD, "table", "linear")[number % 3]
        half = random.normal(size=len(spins) // 2)
        function = torch.from_numpy(np.concatenate([half, -half[::-1]]))
        if kind == "linear":
            function = spins @ torch.from_numpy(random.normal(size=spins.shape[1]))
        scale = math.inf if kind == _HARD else 4 ** random.uniform(-1, 1)
        up = torch.sigmoid(2 * scale * function)
        found[f"random_{kind}_{number}"] = _table(up, tuple(block))
    return found


def _table(up: Tensor, block: tuple[int, ...]) -> TableRule:
    """A rule from p(h = 1 | v), its symbols named after the spins."""
    table = torch.stack([1 - up, up], 1)
    spins = words(2, math.prod(block))
    return TableRule(SPIN, table[:, orientation(table, spins)], block)
