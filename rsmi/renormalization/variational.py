"""Couplings of the Hamiltonian that a rule leaves behind, from a simulation under a bias."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import Space
from rsmi.learning import Rule, rule_name
from rsmi.progress import Progress, silent
from rsmi.renormalization.coarse_samples import blocks_of, coarse_space
from rsmi.renormalization.couplings import Interaction, generate_interactions
from rsmi.renormalization.monte_carlo_rg import find_rule
from rsmi.renormalization.renormalised import (
    Laid,
    Products,
    RenormalisedCouplings,
    check_apart,
    check_one_bit,
    fitted,
    torus_products,
)
from rsmi.sampling.exact.coarse import Basis
from rsmi.sampling.families import System
from rsmi.sampling.random import Stream, unit, word
from rsmi.sampling.threads import check_run, cores, share_chains

_STREAM = int(Stream.VARIATIONAL)
_ROUNDS, _SHORT, _LEAST_SWEEPS, _LAST = 60, 20, 40, 3
_CLOSE, _NEAR, _SETTLED = 4.0, 0.5, 0.1
_LEAST_WALKERS, _PER_COUPLING = 16, 20
_PIECE = 1 << 22  # numbers measured before they are added up
_FALSE_ALARM = 1e-6

Numbers = NDArray[np.float64]


def variational_couplings(
    system: System,
    rule: Rule | str | os.PathLike[str],
    block: Sequence[int] | None = None,
    *,
    reach: float = 2.3,
    max_spins: int = 4,
    basis: Basis = "spin",
    walkers: int = 64,
    sweeps: int = 400,
    seed: int = 0,
    workers: int | None = None,
    trust: bool = False,
    progress: Progress = silent,
) -> RenormalisedCouplings:
    r"""Couplings of a one-bit rule by variational Monte Carlo RG.

    .. math:: \Omega(J) = \ln \sum_{v,h} p(v) P(h|v) e^{-\sum_a J_a S_a(h)}
              + \sum_a J_a \langle S_a \rangle_{uniform}

    is convex; where it is least the bias has made all coarse configurations alike, so that J are
    the couplings K of the coarse Hamiltonian. Its slope and curvature are a mean and a covariance
    of (v, h), drawn together one spin and its symbol at a time. Coarse spins without correlations
    leave no critical slowing down. Products of spins are orthogonal in the uniform distribution, so
    an operator that is left out moves the others in second order only.

    Args:
        system: A model whose energy is a sum over bonds and sites that are all alike, on a lattice
            that ends; of any letters.
        rule: A rule with two symbols, its name, or its directory.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        reach: Largest distance between two spins of an operator, in coarse lattice constants.
        max_spins: Most spins of an operator.
        basis: As in `exact_couplings`; the same bias, written in occupations.
        walkers: Independent simulations, whose scatter is the error; at least 16.
        sweeps: Of each walker at the bias that is kept.
        seed: Of all random numbers; the result does not depend on the number of workers.
        workers: Threads; one for each core without.
        trust: Whether code of a trained rule may run.
        progress: Is told how many steps of how many are done at most.

    Returns:
        Estimates; couplings that a flip of all letters forbids are 0 exactly.

    Raises:
        InputError: For a model that is no such sum, a rule that does not fit or whose symbols do
            not both come, or too few sweeps for the covariance.
        AnalysisError: Where operators cannot be told apart, by name, where no bias settles, or
            where the walkers were not yet in equilibrium.

    Source: Wu and Car (2017), arXiv:1707.08683; Valsson and Parrinello (2014), arXiv:1407.0477.

    >>> ring = System((16,), temperature=2.0)
    >>> found = variational_couplings(ring, "decimation", (2,), reach=1.0, seed=1, workers=1)
    >>> abs(found["2-spin (1)"].deviation(0.5 * math.log(math.cosh(1.0)))) < 5
    True
    """
    check_run(seed, walkers=walkers, sweeps=sweeps, workers=workers)
    chosen = find_rule(rule, system.space, block, trust=trust)
    check_one_bit(chosen)
    if not 1 <= max_spins <= 4:
        raise InputError(
            f"max_spins is {max_spins}; a bias holds operators of 1 to 4 spins: what is left out "
            "moves them in second order only"
        )
    coarse = coarse_space(system.space, chosen)
    asked = generate_interactions(reach, coarse.cell, max_spins)
    kept, products = torus_products(coarse, asked)
    even = _flips(system.space, coarse, chosen)
    used = [a for a, each in enumerate(kept) if not even or each.parity == "even"]
    _check_amount(walkers, sweeps, len(used))
    biased = _Biased.of(system, chosen, [products[a] for a in used], walkers, seed, workers)
    search = _Search(biased, [kept[a] for a in used], sweeps, progress)
    values = torch.zeros(len(kept), dtype=torch.float64)
    scatter = torch.zeros(walkers, len(kept), dtype=torch.float64)
    values[used], scatter[:, used] = search.settle()
    return fitted(rule_name(rule), coarse, kept, values, scatter, "variational", basis)


def _flips(space: Space, coarse: Space, rule: Rule) -> bool:
    """Whether a renaming of the letters flips all coarse spins and leaves every weight alike."""
    same = set(rule.alphabet.symmetries) <= set(space.alphabet.symmetries)
    return same and len(coarse.alphabet.symmetries) == 2


def _check_amount(walkers: int, sweeps: int, size: int) -> None:
    least = max(_LEAST_SWEEPS, math.ceil(_PER_COUPLING * size / walkers))
    if walkers < _LEAST_WALKERS or sweeps < least:
        raise InputError(
            f"{walkers} walkers of {sweeps} sweeps; the covariance of {size} operators takes at "
            f"least {_LEAST_WALKERS} walkers for an error, and with {max(walkers, _LEAST_WALKERS)} "
            f"walkers at least {least} sweeps"
        )


@dataclass(frozen=True)
class _Search:
    """The least Omega: by damped Newton steps, then one more from a long simulation.

    Args:
        biased: The simulation.
        interactions: Of the A couplings.
        sweeps: Of the long simulation.
        progress: As in `variational_couplings`.
    """

    biased: "_Biased"
    interactions: Sequence[Interaction]
    sweeps: int
    progress: Progress

    def settle(self) -> tuple[Tensor, Tensor]:
        """Couplings (A,), and what each walker adds to their covariance (W, A)."""
        couplings = self._approach()
        for share in (4, *[1] * _LAST):
            self.biased.run(couplings, self.sweeps // (4 * share))
            means, covariance = self._measure(couplings, self.sweeps // share)
            check_apart(covariance, self.interactions)
            steps = torch.linalg.solve(covariance, means.mean(1).T).T
            couplings = couplings + steps.mean(0)
            if share == 1 and self._far(means) < _SETTLED:
                break  # the second order of so short a step does not count
        else:
            raise self._unsettled()
        self.progress(_ROUNDS, _ROUNDS)
        self._check_rest(means)
        spread = steps - steps.mean(0)
        return couplings, spread / math.sqrt(len(steps) * (len(steps) - 1))

    def _approach(self) -> Tensor:
        """Short simulations, until the slope is lost in its noise; longer ones where that is large.

        Far from the end the covariance of the uniform distribution, which is diagonal, is added to
        that of the moment: a collective mode would throw plain Newton steps beyond all bounds.
        """
        couplings = torch.zeros(len(self.interactions), dtype=torch.float64)
        uniform = self.biased.counts
        short = max(self.sweeps // 20, _SHORT)
        for done in range(_ROUNDS):
            self.progress(done, _ROUNDS)
            self.biased.run(couplings, short // 3)
            means, covariance = self._measure(couplings, short)
            far = self._far(means)
            noise = float((means.mean(1).var(0) / len(means) / uniform).sum())
            damped = covariance + min(1.0, far) * torch.diag(uniform)
            couplings = couplings + torch.linalg.solve(damped, means.mean((0, 1)))
            if far < _CLOSE * noise:
                if far < _NEAR:
                    return couplings
                short = min(2 * short, max(self.sweeps, _SHORT))
        raise self._unsettled()

    def _far(self, means: Tensor) -> float:
        """How far from uniform, in units of the fluctuations of the uniform distribution."""
        return float((means.mean((0, 1)).square() / self.biased.counts).sum())

    def _unsettled(self) -> AnalysisError:
        return AnalysisError(
            f"the bias had not settled with {self.sweeps} sweeps: some coarse couplings are too "
            "strong, or too many; take a softer rule, a higher temperature, a smaller reach, or "
            "more sweeps"
        )

    def _measure(self, couplings: Tensor, sweeps: int) -> tuple[Tensor, Tensor]:
        """Means of both halves by walker (W, 2, A), and the covariance of all (A, A)."""
        halves = sweeps - sweeps // 2, sweeps // 2
        size = len(couplings)
        means, square = [], torch.zeros(size, size, dtype=torch.float64)
        for half in halves:
            total = torch.zeros(self.biased.walkers, size, dtype=torch.float64)
            for part in _pieces(half, max(1, _PIECE // (self.biased.walkers * size))):
                found = self.biased.run(couplings, part)
                total += found.sum(1)
                flat = found.flatten(0, 1)
                square += flat.T @ flat
            means.append(total / half)
        mean = torch.stack(means, 1)
        centre = mean.mean((0, 1))
        covariance = square / (self.biased.walkers * sweeps) - torch.outer(centre, centre)
        return mean, covariance

    def _check_rest(self, means: Tensor) -> None:
        """Refuse walkers whose second halves differ from their first by more than chance."""
        drift = means[:, 1] - means[:, 0]
        error = (drift.var(0) / len(drift)).sqrt().clamp(min=1e-300)
        freedom = len(drift) - 1
        most = float(t.isf(_FALSE_ALARM / (2 * len(error)), freedom))
        worst = int((drift.mean(0) / error).abs().argmax())
        if float((drift.mean(0) / error).abs()[worst]) > most:
            raise AnalysisError(
                f"the walkers were not in equilibrium: {self.interactions[worst].name} still "
                f"moved between the two halves of {self.sweeps} sweeps; give more sweeps"
            )


def _pieces(total: int, most: int) -> list[int]:
    return [min(most, total - start) for start in range(0, total, most)]


@dataclass
class _Biased:
    """Walkers of letters and coarse spins under exp(-H(v)/T) P(h|v) exp(-sum_a J_a S_a(h)).

    Args:
        letters: (W, n_sites) int64.
        spins: (W, n_blocks + 1) float64 of +1 and -1; the last is 1 for ever.
        fine: The lattice below, see `_fine`.
        laid: The products of coarse spins.
        counts: (A,) float64 products of each operator.
        seed: Of the random numbers.
        workers: Threads.
        swept: Sweeps made so far.
    """

    letters: NDArray[np.int64]
    spins: Numbers
    fine: tuple[NDArray[Any], ...]
    laid: Laid
    counts: Tensor
    seed: int
    workers: int
    swept: int = 0

    @classmethod
    def of(
        cls,
        system: System,
        rule: Rule,
        products: Sequence[Products],
        walkers: int,
        seed: int,
        workers: int | None,
    ) -> Self:
        """Letters at random, and symbols as the rule draws them."""
        fine = _fine(system, rule)
        blocks, table = fine[3], fine[4]
        random = np.random.default_rng(seed)
        q = system.space.alphabet.size
        letters = random.integers(0, q, (walkers, system.space.n_sites))
        words = letters[:, blocks] @ q ** np.arange(blocks.shape[1])
        spins = np.ones((walkers, len(blocks) + 1))
        spins[:, :-1] = np.where(random.random(words.shape) < table[words, 1], 1.0, -1.0)
        counts = torch.tensor([float(len(some)) for some in products], dtype=torch.float64)
        laid = Laid.of(products, len(blocks))
        return cls(letters, spins, fine, laid, counts, seed, workers or cores())

    @property
    def walkers(self) -> int:
        """W."""
        return len(self.letters)

    def run(self, couplings: Tensor, sweeps: int) -> Tensor:
        """Sweep all walkers; S_a after each sweep, (W, sweeps, A)."""
        out = np.zeros((self.walkers, sweeps, len(couplings)))
        bias, seed, laid = couplings.numpy(), np.uint64(self.seed), self.laid

        def work(some: slice) -> None:
            _sweep(
                self.letters[some], self.spins[some], *self.fine, laid.start, laid.others,
                laid.of_term, laid.sites, laid.operators, bias, self.swept, some.start, seed,
                out[some],
            )  # fmt: skip

        share_chains(self.walkers, self.workers, work)
        self.swept += sweeps
        return torch.from_numpy(out)


def _fine(system: System, rule: Rule) -> tuple[NDArray[Any], ...]:
    """Weights of bonds (q, q) and sites (q,), neighbours (n_sites, z) with -1 for none, blocks
    (n_blocks, n_v), the rule's table (q**n_v, 2), the block of each site, and a renaming.
    """
    known = system.family.bonds(system.built) if system.finite else None
    if known is None:
        raise InputError(
            f"{system} is no finite lattice with bonds that are all alike; a simulation under a "
            "bias changes one letter at a time by the energy of its bonds: take a model such as "
            "ising, potts, blume_capel or ising_graph without disorder, or samples and the method "
            "pseudo-likelihood"
        )
    pair, bonds = known
    table = rule.table()
    if bool((table == 0).all(0).any()):
        raise InputError(
            f"one of the two symbols of rule {rule_name(rule)!r} never comes, so that there are "
            "no couplings; take another rule"
        )
    weights = ((x - x.max()).exp().numpy() for x in (pair.bond, pair.site))
    blocks = blocks_of(system.space, rule).astype(np.int64)
    owner = np.empty(system.space.n_sites, dtype=np.int64)
    owner[blocks] = np.arange(len(blocks))[:, None]
    near = _neighbours(bonds.numpy(), system.space.n_sites)
    return *weights, near, blocks, table.numpy(), owner, _turn(system.space.alphabet.symmetries)


def _turn(symmetries: Sequence[tuple[int, ...]]) -> NDArray[np.int64]:
    """A renaming of the letters that moves the first and is its own inverse; else none of them."""
    turns = (p for p in symmetries if p[0] and all(p[p[a]] == a for a in range(len(p))))
    return np.array(next(turns, symmetries[0]), dtype=np.int64)


def _neighbours(bonds: NDArray[np.int64], n_sites: int) -> NDArray[np.int64]:
    """(n_sites, z), filled up with -1."""
    ends = np.concatenate([bonds, bonds[:, ::-1]])
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    degree = np.bincount(ends[:, 0], minlength=n_sites)
    start = np.cumsum(degree) - degree
    found = np.full((n_sites, max(int(degree.max(initial=0)), 1)), -1)
    found[ends[:, 0], np.arange(len(ends)) - start[ends[:, 0]]] = ends[:, 1]
    return found


@njit(cache=True, nogil=True)
def _sweep(  # type: ignore[no-untyped-def]
    letters, spins, bond, alone, near, blocks, table, owner, turn, start, others, of_term, sites,
    of_product, bias, first, walker, seed, out,
):  # fmt: skip
    """One letter and the symbol of its block at a time, from their joint conditional; whole blocks
    where a renaming of the letters is a symmetry.
    """
    q, n_v = len(alone), blocks.shape[1]
    chance = np.empty((q, 2))
    for w in range(len(letters)):
        v, h = letters[w], spins[w]
        for sweep in range(out.shape[1]):
            for b in range(len(blocks)):
                field = 0.0
                for k in range(start[b], start[b + 1]):
                    o = others[k]
                    field += bias[of_term[k]] * h[o[0]] * h[o[1]] * h[o[2]]
                down, up = math.exp(field - abs(field)), math.exp(-field - abs(field))
                state = 0
                for i in range(n_v - 1, -1, -1):
                    state = state * q + v[blocks[b, i]]
                power = 1
                for i in range(n_v):
                    site = blocks[b, i]
                    state -= power * v[site]
                    total = 0.0
                    for a in range(q):
                        weight = alone[a]
                        for z in range(near.shape[1]):
                            if near[site, z] >= 0:
                                weight *= bond[a, v[near[site, z]]]
                        chance[a, 0] = weight * table[state + a * power, 0] * down
                        chance[a, 1] = weight * table[state + a * power, 1] * up
                        total += chance[a, 0] + chance[a, 1]
                    bits = word(b * n_v + i, walker + w, first + sweep, _STREAM, seed)
                    left = unit(bits) * total
                    letter, symbol = np.int64(v[site]), np.int64(h[b] > 0)
                    for a in range(2 * q):
                        left -= chance[a >> 1, a & 1]
                        if left < 0:
                            letter, symbol = np.int64(a >> 1), np.int64(a & 1)
                            break
                    v[site] = letter
                    h[b] = 2.0 * symbol - 1.0
                    state += power * letter
                    power *= q
                if turn[0] == 0:
                    continue
                odds = down / up if h[b] > 0 else up / down
                chosen = unit(word(letters.shape[1] + b, walker + w, first + sweep, _STREAM, seed))
                _turn_block(v, h, b, state, odds, chosen, bond, near, blocks, table, owner, turn)
            for k in range(len(sites)):
                o = sites[k]
                out[w, sweep, of_product[k]] += h[o[0]] * h[o[1]] * h[o[2]] * h[o[3]]


@njit(cache=True, nogil=True)
def _turn_block(  # type: ignore[no-untyped-def]
    v, h, b, state, odds, chosen, bond, near, blocks, table, owner, turn
):
    """All letters of a block at once, and its symbol, where odds of the bias and the bonds allow
    it: what single letters take long for where their neighbours hold them.
    """
    turned, power, ratio = 0, 1, odds
    for i in range(blocks.shape[1]):
        site = blocks[b, i]
        old, new = v[site], turn[v[site]]
        turned += power * new
        power *= len(turn)
        for z in range(near.shape[1]):
            other = near[site, z]
            if other >= 0 and owner[other] != b:
                ratio *= bond[new, v[other]] / bond[old, v[other]]
    symbol = 1 if h[b] > 0 else 0
    ratio *= table[turned, 1 - symbol] / table[state, symbol]
    if chosen < ratio:
        h[b] = -h[b]
        for i in range(blocks.shape[1]):
            v[blocks[b, i]] = turn[v[blocks[b, i]]]
