"""Larger lattices from small ones: a rule inverted block by block, made exact by Metropolis."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Outcome, Plain, Quantity, Sheet, format_with_error
from rsmi.lattice import Space, word_index, words
from rsmi.learning import Rule, rule_name
from rsmi.progress import Progress, silent
from rsmi.renormalization.coarse_samples import coarse_space
from rsmi.renormalization.monte_carlo_rg import find_rule
from rsmi.sampling import (
    System,
    autocorrelation_time,
    check_seed,
    equilibrate,
    jackknife,
    sample_blocks,
)
from rsmi.sampling.pair import PairInteraction
from rsmi.storage import Samples, opened, write_samples
from rsmi.storage.interface import space_of
from rsmi.storage.recipe import SampleRecipe

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

_MOST_WORDS, _MOST_CODES = 4096, 2**62
_HIDDEN, _BATCH, _RATE = 64, 512, 3e-3
_LEAST_CHAINS, _LEAST_SWEEPS = 16, 8
_RECORDS = 16  # of each chain, where samples are drawn
_NEAR = 2.0  # errors between energies that agree
_AGAIN, _CENTRAL = 64, (0.16, 0.84)


def invert(
    samples: Samples | System | str | os.PathLike[str],
    rule: Rule | str | os.PathLike[str] = "majority",
    block: Sequence[int] | None = None,
    *,
    levels: int = 1,
    chains: int = 64,
    sweeps: int = 128,
    steps: int = 1000,
    seed: int = 0,
    trust: bool = False,
    progress: Progress = silent,
) -> "InversionResult":
    r"""Enlarge configurations by the inverse of a rule, and make them samples of the model.

    A small lattice at a fixed point is taken for the coarse one. The law of a block given its
    symbol, those beside it and the letters around it that are there already is learned from the
    small lattice; blocks of one colour after the other are drawn from it, so that the probability
    of what is drawn is known. Then every block in turn is offered a word v' of the learned law q
    given the letters around it, a, and takes it with probability

    .. math:: \min\left(1, \frac{e^{-E(v', a) / T}\, q(v | a)}{e^{-E(v, a) / T}\, q(v' | a)}\right)

    which leaves the model's own distribution as it is, whatever was learned.

    Args:
        samples: Of a known model on a small lattice (a file or open samples), or the model itself,
            of which samples are drawn.
        rule: A rule for boxes, its name, or the directory of a trained one; its symbols are to be
            letters of the model.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        levels: How many times the lattice is enlarged.
        chains: Configurations that are enlarged, the last ones of the samples.
        sweeps: Metropolis sweeps over all blocks at each level.
        steps: Of the training.
        seed: Of all random numbers.
        trust: Whether code of a trained rule of somebody's own may run.
        progress: Is told how many sweeps of how many are done.

    Returns:
        The enlarged configurations; by sweep their energy, from the inverted rule and from a random
        start, beside its exact value or samples drawn directly. Enlarged configurations are samples
        of the model once enough sweeps are done: all other numbers are those after half of them.

    Raises:
        InputError: For a model whose energy is no sum over bonds and sites, such as dimers, samples
            that do not know their model, a rule of another alphabet, or too large a block.

    Source: Ron, Swendsen, Brandt (2002), Phys. Rev. Lett. 89, 275701; Efthymiou, Beach, Melko
    (2019), arXiv:1810.02372; Bachtis, Aarts, Di Renzo, Lucini (2022), arXiv:2107.00466.
    """
    _check(levels, chains, sweeps, steps, seed)
    system, letters = _small(samples, chains, seed)
    space = system.space
    chosen = find_rule(rule, space, block, trust=trust)
    _check_rule(chosen, space)
    generator = np.random.default_rng(seed)
    law = learn_blocks(letters, Blocks(space, chosen.block), chosen, steps, generator)
    found, coarse, larger = [], letters[-chains:], system
    for level in range(levels):
        shape = [int(n) * b for n, b in zip(larger.extents, chosen.block, strict=True)]
        larger = replace(larger, shape=tuple(shape))

        def told(done: int, before: int = level) -> None:
            progress(before * sweeps + done, levels * sweeps, "sweeps")

        inverter = Inverter(Blocks(larger.space, chosen.block), law, tables(larger))
        one, coarse = _level(larger, inverter, coarse, sweeps, generator, told)
        found.append(one)
    name = rule_name(rule)
    return InversionResult(name, system, tuple(found), torch.from_numpy(coarse), law.loss)


def _check(levels: int, chains: int, sweeps: int, steps: int, seed: int) -> None:
    check_seed(seed)
    asked = {
        "levels": (levels, 1), "chains": (chains, _LEAST_CHAINS), "sweeps": (sweeps, _LEAST_SWEEPS),
        "steps": (steps, 1),
    }  # fmt: skip
    for name, (value, least) in asked.items():
        if value < least:
            raise InputError(f"{name} is {value}; expected a whole number of at least {least}")


def _small(
    samples: Samples | System | str | os.PathLike[str], chains: int, seed: int
) -> tuple[System, Integers]:
    """The model on the small lattice, and letters (n, n_sites) of it."""
    if isinstance(samples, System):
        tables(samples)  # refuses before anything is drawn
        return samples, _direct(samples, chains, seed)
    with opened(samples) as source:
        system = _system(source)
        tables(system)
        if len(source) < chains:
            raise InputError(
                f"{source.source}: {len(source)} configurations, of which {chains} were to be "
                "enlarged; ask for fewer chains, or draw more"
            )
        return system, source.letters(0, len(source)).reshape(len(source), -1).long().numpy()


def _system(samples: Samples) -> System:
    """The model that samples are of.

    Raises:
        InputError: Where they do not know it.
    """
    recipe = getattr(getattr(samples, "header", None), "recipe", "")
    with suppress(InputError):  # a file that was not drawn here holds other words, or none
        return SampleRecipe.from_yaml(recipe).system
    facts = samples.model or {}
    if "temperature" not in facts:
        raise InputError(
            f"{samples.source} does not know its model, without which no larger lattice can be "
            "made a sample of it; bring a sample file of `rsmi sample`, or give the model itself"
        )
    system = System(space_of(samples).cells, str(facts["model"]), float(facts["temperature"]))
    own = system.family.parameters
    return replace(system, parameters={name: facts[name] for name in own if name in facts})


def tables(system: System) -> PairInteraction:
    """Bonds and sites of a model in units of the temperature, the same everywhere.

    Raises:
        InputError: For a model that is no such sum, with the reason.
    """
    found = system.family.bonds(system.built)
    if found is None:
        raise InputError(
            f"the weight of {system} is no product over the bonds and sites of a lattice of equal "
            "cells (a constraint, disorder or an operator ties more together), so a block cannot "
            "be changed by itself; expected a model of bonds and sites, such as System((16, 16))"
        )
    if system.coupling == 0:
        raise InputError(f"{system}: letters that do not see each other need no inverse of a rule")
    return found[0]


def _check_rule(rule: Rule, space: Space) -> None:
    """Refuse rules whose symbols on the blocks are no configuration of the model."""
    coarse = coarse_space(space, rule)
    if coarse.alphabet.names != space.alphabet.names or coarse.cell != space.cell:
        raise InputError(
            f"the rule turns {space.to_text()} into {coarse.to_text()}, so a configuration of the "
            "model cannot stand for its symbols; expected a rule whose symbols are the letters, "
            "and a block of the same extent along every axis of a lattice with one site in a cell"
        )
    n_words = space.alphabet.size**rule.n_sites
    if n_words > _MOST_WORDS:
        raise InputError(
            f"a block of {rule.n_sites} sites has {n_words} words; expected at most {_MOST_WORDS}; "
            "take a smaller block"
        )


class Blocks:
    """Blocks of a torus, what lies around each, and in which order they are drawn.

    Args:
        space: Of equal cells.
        block: Extents in cells.

    Raises:
        InputError: For fewer than two blocks along an axis.

    >>> blocks = Blocks(Space.from_text("spins on square [4, 4]"), (2, 2))
    >>> blocks.sites.shape, blocks.around.shape, len(blocks.colours)
    ((4, 4), (4, 8), 2)
    """

    def __init__(self, space: Space, block: Sequence[int]) -> None:
        self.space, self.block = space, tuple(block)
        grid = tuple(n // b for n, b in zip(space.cells, block, strict=True))
        if min(grid) < 2:
            raise InputError(
                f"{list(space.cells)} cells hold {list(grid)} blocks; expected at least 2 along "
                "each axis, so that what lies around a block is not the block itself"
            )
        corners = np.indices(grid).reshape(len(grid), -1).T
        inside, outside = self._bonds()
        order = {key: i for i, key in enumerate(self._inside())}
        ways = list(dict.fromkeys(key for _, key in outside))
        homes = [tuple(p // b for p, b in zip(place, block, strict=True)) for place, _ in ways]
        steps = list(dict.fromkeys(homes))
        self.sites = self._numbers(corners, list(order))
        self.around = self._numbers(corners, ways)
        self.beside = np.stack(
            [np.ravel_multi_index(tuple(((corners + step) % grid).T), grid) for step in steps], 1
        )
        self.home = np.array([steps.index(home) for home in homes])
        self.inner = np.array([(order[a], order[b]) for a, b in inside]).reshape(-1, 2)
        self.outer = np.array([(order[a], ways.index(b)) for a, b in outside])

    def _inside(self) -> list[tuple[tuple[int, ...], int]]:
        """Place and site of a cell of each site of the block at the origin, as rules order them."""
        return list(product(product(*map(range, self.block)), range(self.space.sites)))

    def _bonds(self) -> tuple[list[Any], list[Any]]:
        """Bonds within the block at the origin, and those that leave it, the inner end first."""
        own, inside, outside = set(self._inside()), [], []
        for (place, site), (a, b, step), back in product(
            self._inside(), self.space.cell.bonds, (1, -1)
        ):
            if site != (a, b)[back < 0]:
                continue
            there = tuple(p + back * s for p, s in zip(place, step, strict=True))
            other = (there, (b, a)[back < 0])
            if other not in own:
                outside.append(((place, site), other))
            elif back > 0:
                inside.append(((place, site), other))
        return inside, outside

    def _numbers(self, corners: Integers, keys: Sequence[Any]) -> Integers:
        """(n_blocks, k) site numbers of places relative to every block."""
        places, sites = np.array([key[0] for key in keys]), np.array([key[1] for key in keys])
        first = corners * np.array(self.block)
        return self.space.numbers(first[:, None] + places, sites)

    @cached_property
    def colours(self) -> list[Integers]:
        """Blocks that no bond joins to each other, colour by colour."""
        colour = np.full(len(self.sites), -1)
        for i, near in enumerate(self.beside):
            taken = set(colour[near].tolist())
            colour[i] = next(c for c in range(len(taken) + 1) if c not in taken)
        return [np.flatnonzero(colour == c) for c in range(colour.max() + 1)]


class BlockLaw(nn.Module):
    r"""Learned law of a block, q(v | symbols, letters around), any of which may be unknown.

    Args:
        blocks: Any lattice of the kind.
        n_letters: q; the letter q, and the symbol q, stand for an unknown one.

    Attributes:
        loss: Held-out cross-entropy given the letters around, in nats per block.
    """

    loss: Estimate

    def __init__(self, blocks: Blocks, n_letters: int) -> None:
        super().__init__()
        self.n_letters, self.n_sites = n_letters, blocks.sites.shape[1]
        self.width = blocks.around.shape[1] + blocks.beside.shape[1] + 1
        if (n_letters + 1) ** self.width > _MOST_CODES:
            raise InputError(
                f"{self.width} letters and symbols lie around a block of {self.n_sites} sites, too "
                "many to be told apart; take a smaller block"
            )
        self.net = nn.Sequential(
            nn.Linear((n_letters + 1) * self.width, _HIDDEN), nn.SiLU(),
            nn.Linear(_HIDDEN, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, n_letters**self.n_sites),
        )  # fmt: skip

    def forward(self, contexts: Tensor) -> Tensor:
        """log q (n, words) in contexts (n, width): letters around, symbols beside, own symbol."""
        hot = nn.functional.one_hot(contexts, self.n_letters + 1).flatten(1).float()
        return self.net(hot).log_softmax(-1)

    def rows(self, contexts: Integers) -> tuple[Integers, Integers, Numbers]:
        """The different contexts (u, width), which of them each is, and log q (u, words)."""
        powers = (self.n_letters + 1) ** np.arange(self.width, dtype=np.int64)
        _, first, which = np.unique(contexts @ powers, return_index=True, return_inverse=True)
        different = contexts[first]
        with torch.no_grad():
            logarithms = self(torch.from_numpy(different)).double()
        return different, which, logarithms.log_softmax(-1).numpy()


def learn_blocks(
    letters: Integers, blocks: Blocks, rule: Rule, steps: int, generator: np.random.Generator
) -> BlockLaw:
    """Learn the law of a block from configurations (n, n_sites); the last tenth is held out."""
    q = rule.alphabet.size
    with torch.random.fork_rng():
        torch.manual_seed(int(generator.integers(2**31)))
        law = BlockLaw(blocks, q)
        optimiser = torch.optim.Adam(law.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    index = word_index(torch.from_numpy(letters[:, blocks.sites]), q).numpy()
    symbols = _drawn(rule.table().log().numpy(), index, generator)
    held = max(1, len(letters) // 10)
    for _ in range(steps):
        rows = generator.integers(len(letters) - held, size=_BATCH)
        own = generator.integers(len(blocks.sites), size=_BATCH)
        contexts = _contexts(blocks, letters, symbols, rows, own)
        _forget(contexts, blocks, q, generator)
        logarithms = law(torch.from_numpy(contexts))
        loss = nn.functional.nll_loss(logarithms, torch.from_numpy(index[rows, own]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    law.loss = _held_out(law, blocks, letters[-held:], index[-held:])
    return law


def _contexts(
    blocks: Blocks, letters: Integers, symbols: Integers, rows: Integers, own: Integers
) -> Integers:
    """(n, width) letters around, symbols beside and own symbol of blocks of some rows."""
    around = letters[rows[:, None], blocks.around[own]]
    beside = symbols[rows[:, None], blocks.beside[own]]
    return np.concatenate([around, beside, symbols[rows, own][:, None]], 1)


def _forget(
    contexts: Integers, blocks: Blocks, unknown: int, generator: np.random.Generator
) -> None:
    """Make unknown, in place, what is when blocks are drawn, or changed with all around them."""
    count, around = len(contexts), blocks.around.shape[1]
    share = generator.choice([0.0, 0.5, 1.0], (count, 1))
    there = generator.random((count, blocks.beside.shape[1])) < share
    changed = generator.random(count) < 1 / 3
    contexts[:, :around][~(there | changed[:, None])[:, blocks.home]] = unknown
    contexts[changed, around:] = unknown


def _held_out(law: BlockLaw, blocks: Blocks, letters: Integers, index: Integers) -> Estimate:
    contexts = _around(blocks, letters, np.arange(len(blocks.sites)), law)
    _, which, logarithms = law.rows(contexts)
    found = -logarithms[which, index.ravel()].reshape(len(letters), -1).mean(1)
    error = found.std() / max(1, len(found) - 1) ** 0.5
    return Estimate(float(found.mean()), float(error), "estimate", "nats", len(found))


def _around(blocks: Blocks, letters: Integers, own: Integers, law: BlockLaw) -> Integers:
    """Contexts (rows x own, width) where the letters around are known and no symbol is."""
    around = letters[:, blocks.around[own]].reshape(-1, blocks.around.shape[1])
    return np.pad(around, ((0, 0), (0, law.width - around.shape[1])), constant_values=law.n_letters)


def _drawn(logarithms: Numbers, which: Integers, generator: np.random.Generator) -> Integers:
    """A letter of the law in row `which` of (u, words), for each of any shape."""
    cumulative = np.exp(logarithms).cumsum(1)
    threshold = generator.random(which.size) * cumulative[which.ravel(), -1]
    found = (cumulative[which.ravel(), :-1] <= threshold[:, None]).sum(1)
    return found.reshape(which.shape)


class Inverter:
    """Draws blocks from a learned law, and changes them so that the model's law stays.

    Args:
        blocks: Of the lattice that is drawn.
        law: Of a block.
        pair: The model, in units of the temperature.
    """

    def __init__(self, blocks: Blocks, law: BlockLaw, pair: PairInteraction) -> None:
        self.blocks, self.law = blocks, law
        self.words = words(law.n_letters, law.n_sites).numpy()
        self._bond, self._site = pair.bond.numpy(), pair.site.numpy()
        a, b = self.words[:, blocks.inner].transpose(2, 0, 1)
        self._inside = self._site[self.words].sum(1) + self._bond[a, b].sum(1)
        letters = np.eye(law.n_letters)[self.words]
        self._hot = letters.reshape(len(self.words), -1)

    def weights(self, contexts: Integers) -> Numbers:
        """-E / T (n, words) of a block and its bonds to the letters around, up to a constant."""
        field = np.zeros((len(contexts), self.law.n_sites, self.law.n_letters))
        for site, other in self.blocks.outer:
            field[:, site] += self._bond[contexts[:, other]]
        return np.asarray(field.reshape(len(contexts), -1) @ self._hot.T + self._inside)

    def draw(self, symbols: Integers, generator: np.random.Generator) -> Integers:
        """Letters (n, n_sites) given the symbols (n, n_blocks) of all blocks."""
        blocks, q = self.blocks, self.law.n_letters
        letters = np.full((len(symbols), blocks.space.n_sites), q)
        for own in blocks.colours:
            rows = np.arange(len(symbols)).repeat(len(own))
            contexts = _contexts(blocks, letters, symbols, rows, np.tile(own, len(symbols)))
            _, which, logarithms = self.law.rows(contexts)
            self._put(letters, own, _drawn(logarithms, which, generator))
        return letters

    def sweep(self, letters: Integers, generator: np.random.Generator) -> float:
        """Offer every block a word of the law, in place; the share that was taken."""
        taken = 0
        for own in self.blocks.colours:
            different, which, offered = self.law.rows(_around(self.blocks, letters, own, self.law))
            new = _drawn(offered, which, generator)
            old = torch.from_numpy(letters[:, self.blocks.sites[own]])
            before = word_index(old, self.law.n_letters).numpy().ravel()
            ratio = log_ratio(self.weights(different), offered)
            accepted = np.log(generator.random(len(new))) < ratio(which, before, new)
            self._put(letters, own, np.where(accepted, new, before))
            taken += int(accepted.sum())
        return taken / (len(letters) * len(self.blocks.sites))

    def exponents(self, letters: Integers) -> Numbers:
        """-E / T (n,) of whole configurations."""
        a, b = letters[:, self.blocks.space.bonds.numpy()].transpose(2, 0, 1)
        return np.asarray(self._bond[a, b].sum(1) + self._site[letters].sum(1))

    def _put(self, letters: Integers, own: Integers, index: Integers) -> None:
        found = self.words[index].reshape(len(letters), len(own), -1)
        letters[:, self.blocks.sites[own]] = found


def log_ratio(
    weights: Numbers, offered: Numbers
) -> Callable[[Integers, Integers, Integers], Numbers]:
    """Logarithm of the acceptance, of rows and old and new words, from -E / T and log q."""

    def ratio(row: Integers, old: Integers, new: Integers) -> Numbers:
        gain = weights[row, new] - weights[row, old]
        return np.asarray(gain - offered[row, new] + offered[row, old])

    return ratio


@dataclass(frozen=True, eq=False)
class InverseLevel:
    """One enlargement.

    Args:
        system: The model on the larger lattice.
        inverted: (chains, sweeps + 1, 4) energy per site in units of J, |m|, m^2 and m^4 after each
            sweep, from the inverted rule.
        random: The same from letters drawn at random.
        direct: (chains, 4) the same of samples that the model's own update drew, each the mean of
            some records.
        exact: Energy per site where it is known in closed form.
        acceptance: Share of offered words that were taken, from the inverted rule.
    """

    system: System
    inverted: Numbers
    random: Numbers
    direct: Numbers
    exact: float | None
    acceptance: Estimate

    @property
    def sweeps(self) -> int:
        """Metropolis sweeps."""
        return self.inverted.shape[1] - 1

    @property
    def reference(self) -> Estimate:
        """Energy per site: exact, or of samples drawn directly."""
        if self.exact is not None:
            return Estimate(self.exact, 0.0, "exact", "J")
        return _mean(self.direct[:, 0], "J")

    def curve(self, series: Numbers) -> tuple[Numbers, Numbers]:
        """Mean energy per site after each sweep of `inverted` or `random`, and its error."""
        energy = series[:, :, 0]
        return energy.mean(0), energy.std(0, ddof=1) / len(energy) ** 0.5

    def settled(self, series: Numbers) -> Estimate:
        """Sweeps until the energy is within 2 errors of the reference.

        A lower bound where it never is; the error is half the central 68 % of a bootstrap over
        the chains.
        """
        first = self._first(series)
        if first is None:
            return Estimate(self.sweeps, 0.0, "lower", "sweeps", len(series))
        generator = np.random.default_rng(0)
        again = [
            self._first(series[generator.integers(len(series), size=len(series))])
            for _ in range(_AGAIN)
        ]
        low, high = np.quantile([self.sweeps if one is None else one for one in again], _CENTRAL)
        return Estimate(first, float(high - low) / 2, "estimate", "sweeps", len(series))

    def _first(self, series: Numbers) -> int | None:
        mean, error = self.curve(series)
        known = self.reference
        near = np.abs(mean - known.value) <= _NEAR * np.hypot(error, known.error)
        return int(near.argmax()) if near.any() else None

    @property
    def late(self) -> Numbers:
        """(chains, 4) means over the second half of the sweeps, from the inverted rule."""
        return np.asarray(self.inverted[:, self.sweeps // 2 + 1 :].mean(1))

    def quantities(self) -> list[Quantity]:
        """Energy, Binder cumulant and sweeps, from the inverted rule and beside it."""
        drawn = _mean(self.direct[:, 0], "J")
        binder = jackknife(_binder, self.direct)
        about: dict[str, Plain] = {"shape": list(self.system.shape), "sweeps": self.sweeps}
        found = {
            "energy": (_mean(self.late[:, 0], "J"), self.reference),
            "energy.direct": (drawn, None if self.exact is None else self.reference),
            "binder": (jackknife(_binder, self.late), binder),
            "binder.direct": (binder, None),
            "sweeps": (self.settled(self.inverted), None),
            "sweeps.random": (self.settled(self.random), None),
            "acceptance": (self.acceptance, None),
        }
        for name, column in (("energy", 0), ("magnetisation", 1)):
            if (time := self.time(column)) is not None:
                found[f"tau_int.{name}"] = (time, None)
        return [
            Quantity.of(f"invert.{name}", value, **about)
            if known is None
            else Quantity.of(
                f"invert.{name}", value, known.value, reference_error=known.error, **about
            )
            for name, (value, known) in found.items()
        ]

    def time(self, column: int) -> Estimate | None:
        """tau_int over the second half of the sweeps; None where nothing decays in them."""
        try:
            return autocorrelation_time(self.inverted[:, self.sweeps // 2 + 1 :, column], "sweeps")
        except (AnalysisError, InputError):
            return None


@dataclass(frozen=True, repr=False, eq=False)
class InversionResult(Outcome):
    """Configurations enlarged by the inverse of a rule.

    Args:
        rule: Name of the rule.
        system: The model on the small lattice.
        levels: Every enlargement.
        letters: (chains, n_sites) of the last one, after all sweeps.
        loss: Held-out cross-entropy of a block given the letters around, in nats per block.
    """

    rule: str
    system: System
    levels: tuple[InverseLevel, ...]
    letters: Tensor
    loss: Estimate

    def quantities(self) -> list[Quantity]:
        """`invert.loss`, then those of every level."""
        found = [q for level in self.levels for q in level.quantities()]
        about: dict[str, Plain] = {"rule": self.rule, "model": self.system.model}
        return [q.about(**about) for q in (Quantity.of("invert.loss", self.loss), *found)]

    def sheets(self) -> list[Sheet]:
        """A row for each level and start."""
        rows = [row for level in self.levels for row in _rows(level)]
        title = f"{self.system}, enlarged by the inverse of {self.rule}"
        columns = ["lattice", "start", "sweeps needed", "energy per site", "binder", "tau(E)"]
        caption = (
            "sweeps until the energy is within 2 errors of its reference (exact where known, else "
            "direct); energy in units of J and cumulant after half of the sweeps"
        )
        return [Sheet(title, columns, rows, caption, words=2)]

    def write(self, path: str | os.PathLike[str], *, seed: int = 0) -> None:
        """Write the enlarged configurations as a sample file, one record of each chain.

        Args:
            path: Of the file, see `rsmi.storage.write_samples`.
            seed: Which they were drawn with, for the record.
        """
        larger = self.levels[-1].system
        family, model = larger.family, larger.built
        setup = family.setup(larger.extents, larger.temperature, larger.parameters)
        couplings = family.couplings(setup, model)
        ours = family.recorded(family.stored_shape(model), couplings) is not None
        facts: dict[str, str | int | float] = {
            "made_by": f"inverse of rule {self.rule}, {len(self.levels)} levels from {self.system}",
            "metropolis_sweeps": self.levels[-1].sweeps,
        }
        write_samples(
            _Letters(larger.space, self.letters), path, 1,
            model=larger.model if ours else f"{larger.model}, enlarged", couplings=couplings,
            seed=seed, recipe=f"rsmi invert: {facts['made_by']}", attributes=facts,
            space=None if ours else larger.space,
        )  # fmt: skip


class _Letters:
    """Configurations at hand, as `write_samples` asks for them."""

    def __init__(self, space: Space, letters: Tensor) -> None:
        self.shape, self.chains = space.cells, len(letters)
        found = letters.reshape(-1, *space.cells).to(torch.int8)
        self._block = 2 * found - 1 if space.alphabet.size == 2 else found

    def next_block(self) -> Tensor:
        """All of them, one of each chain; spins of two letters as +1 and -1."""
        return self._block


def _rows(level: InverseLevel) -> Iterator[list[str]]:
    size = " x ".join(map(str, level.system.shape))
    time = level.time(0)
    for start, series in (("inverted", level.inverted), ("random", level.random)):
        late = series[:, level.sweeps // 2 + 1 :].mean(1)
        needed, bound = level.settled(series), level.settled(series).kind == "lower"
        sweeps = f"{'>' if bound else ''}{format_with_error(needed.value, needed.error)}"
        tau = "" if time is None or start == "random" else format_with_error(time.value, time.error)
        yield [size, start, sweeps, *_shown(late), tau]
    yield [size, "direct", "", *_shown(level.direct), ""]
    if level.exact is not None:
        yield [size, "exact", "", format_with_error(level.exact), "", ""]


def _shown(rows: Numbers) -> list[str]:
    found = _mean(rows[:, 0], "J"), jackknife(_binder, rows)
    return [format_with_error(one.value, one.error) for one in found]


def _mean(values: Numbers, unit: str) -> Estimate:
    error = float(values.std(ddof=1) / len(values) ** 0.5)
    return Estimate(float(values.mean()), error, "estimate", unit, len(values))


def _binder(means: Numbers) -> float:
    return float(1 - means[3] / (3 * means[2] ** 2))


def _level(
    system: System,
    inverter: Inverter,
    coarse: Integers,
    sweeps: int,
    generator: np.random.Generator,
    told: Callable[[int], None],
) -> tuple[InverseLevel, Integers]:
    """One enlargement of coarse letters (n, n_sites), with the letters after all sweeps."""
    measure = _measures(system, inverter)
    letters = inverter.draw(coarse, generator)
    hot = generator.integers(inverter.law.n_letters, size=letters.shape)
    inverted, random, taken = [measure(letters)], [measure(hot)], []
    for done in range(sweeps):
        taken.append(inverter.sweep(letters, generator))
        inverter.sweep(hot, generator)
        inverted.append(measure(letters))
        random.append(measure(hot))
        told(done + 1)
    drawn = _direct(system, len(coarse), int(generator.integers(2**31)))
    direct = measure(drawn).reshape(-1, len(coarse), 4).mean(0)
    known = system.family.exact(system.built).get("energy")
    acceptance = _mean(np.array(taken), "1")
    found = InverseLevel(
        system, np.stack(inverted, 1), np.stack(random, 1), direct,
        None if known is None else known / system.space.n_sites, acceptance,
    )  # fmt: skip
    return found, letters


def _measures(system: System, inverter: Inverter) -> Callable[[Integers], Numbers]:
    """Energy per site, |m|, m^2 and m^4, (n, 4), of letters (n, n_sites)."""
    alphabet = system.space.alphabet
    features = (alphabet.order if alphabet.order.numel() else alphabet.values).double().numpy()
    scale = -1 / (system.coupling * system.space.n_sites)

    def measure(letters: Integers) -> Numbers:
        squared = (features[letters].mean(1) ** 2).sum(-1)
        energy = scale * inverter.exponents(letters)
        return np.stack([energy, np.sqrt(squared), squared, squared**2], 1)

    return measure


def _direct(system: System, chains: int, seed: int) -> Integers:
    """Letters (records x chains, n_sites) that the default update draws in equilibrium."""
    engine, family = system.engine(seed), system.family
    state = engine.sampler.initial(chains)
    report = equilibrate(engine.sampler, state)
    states, _ = next(sample_blocks(engine.sampler, state, report.discarded, report.thin, _RECORDS))
    return family.letters(system.built, states).flatten(1).long().numpy()
