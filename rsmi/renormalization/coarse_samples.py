"""A rule applied to a space gives a space, and applied to samples it gives samples."""

import math
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Alphabet, Space, Window, coarse_shape, tile
from rsmi.lattice.alphabet import clock, spins
from rsmi.lattice.graphs import Bond, UnitCell
from rsmi.learning import Rule, rule_name
from rsmi.learning.equivariance import symbol_action
from rsmi.renormalization.coarse_grain import LetterRule, WideRule
from rsmi.renormalization.monte_carlo_rg import find_rule
from rsmi.storage import Samples, samples_of
from rsmi.storage.base import BaseSamples
from rsmi.storage.interface import space_of
from rsmi.storage.letters import Declared

_TINY = 1e-6
_WINDOWS = 6  # blocks along an axis, so that a window and its surroundings do not overlap
_MOST_LEARNED = 3
_NEAR = 64  # configurations between two that are wanted, up to which all are coarse-grained


def coarse_space(space: Space, rule: Rule) -> Space:
    """Where the symbols of a rule live when every block of a space is replaced by one.

    The blocks lie on a lattice of their own, with a bond where a bond joins their sites. The
    letters are those of the space where the rule gives as many, else the joint values of bits, or
    numbers; exchanging them is a symmetry where the rule is alike under it. Rotations are those of
    the lattice of blocks: whether a rule keeps them too, data can tell.

    Args:
        space: All of whose cells are alike.
        rule: For a box of its cells.

    Raises:
        InputError: For cells that differ, or blocks that do not tile the space.

    >>> from rsmi.learning import majority
    >>> coarse_space(Space.from_text("spins on triangular [8, 8]"), majority((2, 2))).to_text()
    'spins on triangular [4, 4]'
    """
    if not space.homogeneous:
        raise InputError(
            "the cells of the space differ, so that its blocks differ too and one rule for all of "
            "them gives no space; bring configurations without disorder on a torus"
        )
    cells = coarse_shape(space.cells, rule.block)
    return Space(cells, coarse_alphabet(rule), _coarse_cell(space.cell, rule.block))


def blocks_of(space: Space, rule: Rule) -> NDArray[np.int32]:
    """(n_blocks, n_v) sites of every block of a space, in the order of the rule.

    >>> from rsmi.learning import majority
    >>> blocks_of(Space.from_text("spins on chain [4]"), majority((2,))).tolist()
    [[0, 1], [2, 3]]
    """
    numbers = torch.arange(space.n_sites, dtype=torch.int32).reshape(1, *space.shape)
    blocks = tile(numbers, (*rule.block, space.sites))
    return blocks.reshape(-1, rule.n_sites).contiguous().numpy()


def coarse_alphabet(rule: Rule) -> Alphabet:
    """The symbols of a rule as letters, with the symmetries that it hands on.

    >>> from rsmi.lattice.alphabet import SPIN
    >>> from rsmi.learning import TableRule, majority
    >>> pair = TableRule(SPIN, torch.eye(4), (2,))
    >>> coarse_alphabet(majority((2,))).names, coarse_alphabet(pair).symmetries
    (('-1', '+1'), ((0, 1, 2, 3), (3, 2, 1, 0)))
    """
    k, alphabet = rule.n_symbols, rule.alphabet
    bits = k.bit_length() - 1
    if k == alphabet.size and _speaks(rule):
        symbols = alphabet
    elif k == 1 << bits:
        symbols = math.prod([spins(flip=False)] * (bits - 1), start=spins(flip=False))
    else:
        symbols = clock(k)
    kept = _symmetries(rule)
    return Alphabet(symbols.names, symbols.features, kept, symbols.directions)


def _speaks(rule: Rule) -> bool:
    """Whether each symbol goes with the letter of its number."""
    letters = rule.some_words()
    with torch.no_grad():
        p = rule.log_prob(letters).exp().double()
    counts = F.one_hot(letters, rule.n_symbols).sum(1).double()
    together = ((p - p.mean(0)) * (counts - counts.mean(0))).mean(0)
    return bool((together > _TINY).all())


def _symmetries(rule: Rule) -> tuple[tuple[int, ...], ...]:
    """Permutations of the symbols that follow from a renaming of the letters."""
    same = tuple(range(rule.n_symbols))
    try:
        actions = symbol_action(rule.alphabet, rule.n_symbols)
    except InputError:
        return (same,)
    letters = rule.some_words()
    with torch.no_grad():
        p = rule.log_prob(letters).exp()
        kept = [
            tuple(action)
            for renaming, action in zip(rule.alphabet.symmetries, actions, strict=False)
            if torch.allclose(
                rule.log_prob(torch.tensor(renaming)[letters]).exp()[:, list(action)], p, atol=1e-4
            )
        ]
    return tuple(dict.fromkeys(kept))


def _coarse_cell(cell: UnitCell, block: Sequence[int]) -> UnitCell:
    """One site for each block; the cell itself where all directions are rescaled alike."""
    if len(cell.basis) == 1 and len(set(block)) == 1:
        return cell
    origin = (0,) * len(block)
    steps = {
        tuple((x + s) // b for x, s, b in zip(place, step, block, strict=True))
        for _, _, step in cell.bonds
        for place in product(*map(range, block))
    }
    bonds: list[Bond] = [(0, 0, step) for step in sorted(steps) if step > origin]
    bonds += [(0, 0, back) for step in sorted(steps) if (back := _back(step)) > origin]
    vectors = tuple(tuple(b * x for x in row) for b, row in zip(block, cell.vectors, strict=True))
    name = f"blocks of {cell.name}"
    return UnitCell(name, vectors, ((0.0,) * len(block),), tuple(dict.fromkeys(bonds)))


def _back(step: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-x for x in step)


class CoarseSamples(BaseSamples):
    """Samples of which every block is replaced by one symbol when they are read.

    Args:
        fine: The samples; they stay open as long as these are used.
        rule: For boxes of their space.
        seed: Of the random entries of the rule.

    Attributes:
        level: How many times they were coarse-grained.
    """

    def __init__(self, fine: Samples, rule: Rule, seed: int = 0) -> None:
        self.fine, self.rule, self.seed = fine, rule.eval(), seed
        self.level = getattr(fine, "level", 0) + 1
        space = coarse_space(self._fine_space, rule)
        self._meaning = Declared(space, fine.critical, fine.iteration)
        name = f"{fine.source}, coarse-grained by {rule_name(rule)}"
        super().__init__(name, self._meaning.shape, len(fine), fine.chains)

    @property
    def meaning(self) -> Declared:
        """Letters of the coarse space."""
        return self._meaning

    def letters(self, start: int, stop: int) -> torch.Tensor:
        """Configurations start..stop-1 as letters of the coarse space."""
        self.check_range(start, stop)
        fine = self.fine.letters(start, stop).reshape(stop - start, 1, -1)
        two = isinstance(self._ready, WideRule) and self.rule.alphabet.size == 2
        given = 2 * fine - 1 if two else fine
        drawn = self._ready.apply(
            given.contiguous().numpy().astype(np.int8), self._sites, start, self.level - 1
        )
        found = torch.from_numpy(drawn).reshape(-1, *self.meaning.space.shape)
        return (found + 1) // 2 if two else found

    @cached_property
    def _ready(self) -> LetterRule | WideRule:
        if not self.rule.fits_table:
            return WideRule.of(self.rule, self.seed)
        q = self.rule.alphabet.size
        return LetterRule.of(self.rule.table(), q, self.rule.block, self.seed)

    @property
    def _fine_space(self) -> Space:
        space = self.fine.space
        if space is None:
            raise InputError(f"{self.fine.source}: its letters are not known; upgrade rsmi")
        return space

    @cached_property
    def _sites(self) -> NDArray[np.int32]:
        """(n_blocks, n_v) sites of every block, in the order of the rule."""
        return blocks_of(self._fine_space, self.rule)

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        letters = self.letters(start, stop).numpy()
        return self.meaning.encode(letters.reshape(-1, *self.meaning.lattice))

    def _take(self, indices: NDArray[np.int64]) -> NDArray[np.int8]:
        """Stretches of those that lie near each other, each coarse-grained as a whole."""
        order = np.argsort(indices, kind="stable")
        ends = np.flatnonzero(np.diff(indices[order], append=np.iinfo(np.int64).max) > _NEAR)
        found = np.empty((len(indices), *self.shape), dtype=np.int8)
        for rows in np.split(order, ends[:-1] + 1) if len(order) else []:
            first, last = int(indices[rows[0]]), int(indices[rows[-1]])
            found[rows] = self._spins(first, last + 1)[indices[rows] - first]
        return found


def coarse_samples(
    samples: object,
    rule: Rule | str | os.PathLike[str],
    *,
    block: Sequence[int] | None = None,
    seed: int = 0,
    trust: bool = False,
) -> CoarseSamples:
    """Samples with one symbol for each block, in a space of their own.

    They are samples like any other: a rule can be learned on them, valued and iterated. Nothing is
    kept; a configuration is coarse-grained whenever it is read, each time to the same symbols.

    Args:
        samples: Whatever `rsmi.storage.samples_of` takes.
        rule: A rule, its name, or the directory of a trained one.
        block: Extents of the block of a rule known by name, in cells; 2 without.
        seed: Of the random entries of the rule.
        trust: Whether code of a trained rule of somebody's own may run.

    Raises:
        InputError: For a rule of other letters, or a block that does not tile the space.

    >>> ring = torch.tensor([[0, 1, 1, 1, 0, 0]])
    >>> coarse_samples(ring, "decimation").letters(0, 1).flatten().tolist()
    [0, 1, 0]
    """
    fine = samples_of(samples)
    space = fine.space
    if space is None:
        raise InputError(f"{fine.source}: its letters are not known; upgrade rsmi")
    return CoarseSamples(fine, find_rule(rule, space, block, trust=trust), seed)


def learn_rules(
    samples: object,
    steps: int | None = None,
    window: Window | None = None,
    *,
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> tuple[Rule, ...]:
    """Learn a rule, then another one on what it makes of the samples, and so on.

    At a fixed point a rule has to be alike on all lattices; where it is learned anew at each level,
    that is measured rather than assumed.

    Args:
        samples: Whatever `rsmi.storage.samples_of` takes, at the critical point.
        steps: How many rules; without it as many as leave a lattice on which a window has its place
            three times over, at most 3.
        window: Block, buffer and environment; 2 sites, 1 and 1 along each axis without.
        seed: Of all trainings.
        say: Is told what each rule keeps.
        **options: Fields of `rsmi.learning.Learning` but `symbols`, of which there are as many as
            letters.

    Returns:
        Rules for `renormalise` or `flow`, which take the last one for all further steps.

    Raises:
        InputError: For a lattice that is too small, or as `rsmi.learning.learn_rule`.
        AnalysisError: Where a training failed.
    """
    from rsmi.learning import learn_rule

    here = samples_of(samples)
    space = space_of(here)
    window = window or Window((2,) * len(space.cells), 1, 1)
    given = options | {"symbols": space.alphabet.size}
    rules: list[Rule] = []
    for step in range(_learned_steps(space, window, steps)):
        found = learn_rule(here, window, seed=seed, **given)
        say(f"step {step + 1}: learned a rule that keeps {found.information}")
        rules.append(found.rule)
        here = CoarseSamples(here, found.rule, seed)
    return tuple(rules)


def _learned_steps(space: Space, window: Window, wanted: int | None) -> int:
    """How many lattices are wide enough to learn on."""
    b, possible, width = window.block[0], 0, min(space.cells)
    while width >= _WINDOWS * b and width % b == 0:
        possible, width = possible + 1, width // b
    if not 1 <= (wanted or 1) <= possible:
        raise InputError(
            f"{wanted or 1} rules were asked for on a lattice of {list(space.cells)}, where blocks "
            f"of {list(window.block)} can be learned on {possible} levels; expected a lattice at "
            f"least {_WINDOWS * b} sites wide for each rule; use fewer, or a larger lattice"
        )
    return wanted or min(possible, _MOST_LEARNED)
