"""Apply a rule to configurations: every block of letters becomes one coarse letter."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.lattice import coarse_shape, tile
from rsmi.learning.rules import Rule, check_table
from rsmi.renormalization.couplings import Interaction, Parity
from rsmi.renormalization.letters import LetterOperator, LetterPlan
from rsmi.renormalization.measure import SpinPlan
from rsmi.sampling.random import Stream, check_seed, philox4x32

_CERTAIN = 1 << 32
_STREAM = int(Stream.COARSE_GRAIN)
_ASKED = 8192  # blocks for which a network answers at once


def coarse_grain(
    configurations: Tensor,
    table: Tensor,
    block: tuple[int, ...],
    *,
    seed: int = 0,
    first_index: int = 0,
    level: int = 0,
) -> Tensor:
    """Replace each block of spins by one spin drawn from the rule.

    ```
    P(h = +1 | v) = table[state_index(v), 1]
    ```

    Entries 0 and 1 use no random numbers. The others are drawn as a pure function of
    (seed, level, index of the configuration, index of the block), so the result does not
    depend on how a data set is cut into pieces.

    Args:
        configurations: (n, *shape) int8 of +1 and -1.
        table: (2**n_v, 2) float64, rows sum to 1.
        block: Extents of a block; each divides the lattice extent.
        seed: Of the draws, >= 0.
        first_index: Index of the first configuration in the whole data set.
        level: How many times these configurations were coarse-grained before.

    Returns:
        (n, *coarse_shape) int8 of +1 and -1.

    Raises:
        InputError: If the lattice cannot be tiled, or the table is no one-bit rule.

    >>> copy_first = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    >>> chain = torch.tensor([[1, 1, -1, 1, 1, -1]], dtype=torch.int8)
    >>> coarse_grain(chain, copy_first, (2,)).tolist()
    [[1, -1, 1]]
    """
    shape = tuple(configurations.shape[1:])
    rule = BitRule.of(table, block, seed)
    sites = block_sites(shape, block)
    spins = configurations.contiguous().numpy().reshape(len(configurations), 1, math.prod(shape))
    coarse = rule.apply(spins, sites, first_index, level)
    return torch.from_numpy(coarse).reshape(-1, *coarse_shape(shape, block))


@dataclass(frozen=True)
class BitRule:
    """A one-bit rule made ready for the compiled loop.

    Args:
        threshold: (2**n_v,) int64, h = +1 where a 32-bit random number is below it.
        block: Extents of a block.
        seed: Of the draws.
    """

    threshold: NDArray[np.int64]
    block: tuple[int, ...]
    seed: int

    @classmethod
    def of(cls, table: Tensor, block: tuple[int, ...], seed: int) -> "BitRule":
        """Check a rule table (2**n_v, 2) against its block and turn it into thresholds."""
        probabilities = check_table(table, 2)
        if probabilities.shape[1] != 2:
            raise InputError(
                f"the rule has {probabilities.shape[1]} symbols per block; a rule can be iterated "
                "only if its output is again one spin (two symbols)"
            )
        if len(probabilities) != 1 << math.prod(block):
            raise InputError(
                f"the table of a rule for blocks of {list(block)} has {len(probabilities)} rows; "
                f"expected 2^{math.prod(block)}, one for each state of the block"
            )
        threshold = torch.round(probabilities[:, 1] * _CERTAIN).long().numpy()
        return cls(threshold, tuple(block), check_seed(seed))

    def apply(
        self, spins: NDArray[np.int8], sites: NDArray[np.int32], first_index: int, level: int
    ) -> NDArray[np.int8]:
        """Coarse-grain (n, images, n_sites) spins: (n, images, len(sites)).

        Args:
            spins: Several lattices for each configuration, such as its translations.
            sites: (n_blocks, n_v) from `block_sites`.
            first_index: Index of the first configuration in the whole data set.
            level: How many times these configurations were coarse-grained before.
        """
        out = np.empty((*spins.shape[:2], len(sites)), dtype=np.int8)
        low, high = self.seed & 0xFFFFFFFF, self.seed >> 32
        _apply(spins, sites, self.threshold, first_index, level, low, high, out)
        return out

    def plan(
        self, shape: tuple[int, ...], bases: Mapping[Parity, tuple[Interaction, ...]]
    ) -> SpinPlan:
        """Lay out interactions of its spins for a lattice shape."""
        return SpinPlan.of(shape, bases)


@dataclass(frozen=True)
class LetterRule:
    """A rule p(h|v) on letters, made ready for the compiled loop.

    Args:
        cumulative: (q**n_v, K) int64; h is K - 1 - j for the first j whose entry lies above a
            32-bit random number.
        n_letters: q.
        block: Extents of a block.
        seed: Of the draws.
    """

    cumulative: NDArray[np.int64]
    n_letters: int
    block: tuple[int, ...]
    seed: int

    @classmethod
    def of(cls, table: Tensor, n_letters: int, block: Sequence[int], seed: int) -> Self:
        """Add up the columns of a table (q**n_v, K), rows as in `rsmi.lattice.words`."""
        return cls(_cumulative(table).numpy(), n_letters, tuple(block), check_seed(seed))

    def apply(
        self, letters: NDArray[np.int8], sites: NDArray[np.int32], first_index: int, level: int
    ) -> NDArray[np.int8]:
        """Coarse-grain (n, images, n_sites) letters: (n, images, len(sites)).

        The draws are a pure function of (seed, level, index of the configuration, index of the
        block); rows of 0 and 1 use none. With two letters they are those of `BitRule`.
        """
        out = np.empty((*letters.shape[:2], len(sites)), dtype=np.int8)
        keys = self.seed & 0xFFFFFFFF, self.seed >> 32
        _look_up(letters, sites, self.cumulative, self.n_letters, first_index, level, *keys, out)
        return out

    def plan(
        self, shape: tuple[int, ...], bases: Mapping[Parity, tuple[LetterOperator, ...]]
    ) -> LetterPlan:
        """Lay out the operators of its letters for a lattice shape."""
        return LetterPlan.of(shape, bases, self.n_letters)


@dataclass(frozen=True)
class WideRule:
    """A rule whose table would not fit: its network is asked for every block.

    Args:
        rule: The rule, in double precision where it can be, so that pieces do not matter.
        block: Extents of a block.
        seed: Of the draws.
    """

    rule: Rule
    block: tuple[int, ...]
    seed: int

    @classmethod
    def of(cls, rule: Rule, seed: int) -> Self:
        """Freeze a rule."""
        return cls(rule.precise().eval(), rule.block, check_seed(seed))

    def apply(
        self, letters: NDArray[np.int8], sites: NDArray[np.int32], first_index: int, level: int
    ) -> NDArray[np.int8]:
        """Coarse-grain (n, images, n_sites), drawing as `LetterRule` does.

        Letters 0 ... q - 1, where there are two of them +1 and -1 as `BitRule`.
        """
        two = self.rule.alphabet.size == 2
        blocks = torch.from_numpy(letters[:, :, sites]).reshape(-1, sites.shape[1])
        with torch.no_grad():
            parts = ((b > 0).long() if two else b.long() for b in blocks.split(_ASKED))
            p = torch.cat([self.rule.log_prob(part).double().exp() for part in parts])
        cumulative = _cumulative(p / p.sum(-1, keepdim=True)).reshape(len(letters), -1, p.shape[1])
        out = np.empty((len(letters), cumulative.shape[1]), dtype=np.int8)
        keys = self.seed & 0xFFFFFFFF, self.seed >> 32
        _draw(cumulative.numpy(), first_index, level, *keys, out)
        drawn = out.reshape(*letters.shape[:2], len(sites))
        return 2 * drawn - 1 if two else drawn

    def plan(self, shape: tuple[int, ...], bases: Mapping[Parity, Any]) -> SpinPlan | LetterPlan:
        """Lay out the operators of its letters for a lattice shape."""
        if self.rule.alphabet.size == 2:
            return SpinPlan.of(shape, bases)
        return LetterPlan.of(shape, bases, self.rule.alphabet.size)


def _cumulative(p: Tensor) -> Tensor:
    """Probabilities (..., K) added up from the last symbol, in units of 2**-32."""
    found = (p.double().flip(-1).cumsum(-1) * _CERTAIN).round().long().clamp(max=_CERTAIN)
    found[..., -1] = _CERTAIN
    return found


def block_sites(shape: tuple[int, ...], block: tuple[int, ...]) -> NDArray[np.int32]:
    """Flat site indices of every block, (n_blocks, n_v), row-major in both.

    >>> block_sites((4,), (2,)).tolist()
    [[0, 1], [2, 3]]
    """
    index = torch.arange(math.prod(shape), dtype=torch.int32).reshape(1, *shape)
    return tile(index, block).reshape(-1, math.prod(block)).contiguous().numpy()


def aligned_sites(shape: tuple[int, ...], block: tuple[int, ...]) -> NDArray[np.int32]:
    """The blocks of every tiling of a torus, one tiling after the other, the usual one first.

    A block of n_v sites can be laid in n_v ways, all equally good when the samples are
    invariant under translation.

    >>> aligned_sites((4,), (2,)).tolist()
    [[0, 1], [2, 3], [1, 2], [3, 0]]
    """
    index = torch.arange(math.prod(shape), dtype=torch.int32).reshape(shape)
    axes = tuple(range(len(shape)))
    offsets = itertools.product(*map(range, block))
    moved = torch.stack([index.roll([-o for o in offset], axes) for offset in offsets])
    return tile(moved, block).reshape(-1, math.prod(block)).contiguous().numpy()


@njit(cache=True, nogil=True)
def _apply(spins, sites, threshold, first, level, key0, key1, out):  # type: ignore[no-untyped-def]
    n, images, _ = spins.shape
    n_blocks, n_v = sites.shape
    random = (np.uint32(0), np.uint32(0), np.uint32(0), np.uint32(0))
    for c in range(n):
        low, high = (first + c) & 0xFFFFFFFF, (first + c) >> 32
        drawn = -1
        for image in range(images):
            for b in range(n_blocks):
                state = 0
                for i in range(n_v):
                    state |= (spins[c, image, sites[b, i]] > 0) << i
                plus = threshold[state] > 0
                if 0 < threshold[state] < _CERTAIN:
                    # One call of the generator serves four neighbouring blocks.
                    address = image * n_blocks + b
                    if drawn != address >> 2:
                        drawn = address >> 2
                        random = philox4x32(drawn, low, level | high << 8, _STREAM, key0, key1)
                    plus = np.int64(random[address & 3]) < threshold[state]
                out[c, image, b] = 1 if plus else -1


@njit(cache=True, nogil=True, inline="always")
def _symbol(cumulative, address, drawn, random, low, above, key0, key1):  # type: ignore[no-untyped-def]
    """One symbol, and the random numbers that serve four neighbouring blocks."""
    number, certain = np.int64(0), True
    for j in range(len(cumulative)):
        if 0 < cumulative[j] < _CERTAIN:
            certain = False
    if not certain:
        if drawn != address >> 2:
            drawn = address >> 2
            random = philox4x32(drawn, low, above, _STREAM, key0, key1)
        number = np.int64(random[address & 3])
    j = 0
    while cumulative[j] <= number:
        j += 1
    return len(cumulative) - 1 - j, drawn, random


@njit(cache=True, nogil=True)
def _look_up(letters, sites, cumulative, q, first, level, key0, key1, out):  # type: ignore[no-untyped-def]
    n, images, _ = letters.shape
    n_blocks, n_v = sites.shape
    random = (np.uint32(0), np.uint32(0), np.uint32(0), np.uint32(0))
    for c in range(n):
        low, above = (first + c) & 0xFFFFFFFF, level | ((first + c) >> 32) << 8
        drawn = -1
        for image in range(images):
            for b in range(n_blocks):
                state = 0
                for i in range(n_v - 1, -1, -1):
                    state = state * q + letters[c, image, sites[b, i]]
                out[c, image, b], drawn, random = _symbol(
                    cumulative[state], image * n_blocks + b, drawn, random, low, above, key0, key1
                )


@njit(cache=True, nogil=True)
def _draw(cumulative, first, level, key0, key1, out):  # type: ignore[no-untyped-def]
    random = (np.uint32(0), np.uint32(0), np.uint32(0), np.uint32(0))
    for c in range(len(cumulative)):
        low, above = (first + c) & 0xFFFFFFFF, level | ((first + c) >> 32) << 8
        drawn = -1
        for b in range(cumulative.shape[1]):
            out[c, b], drawn, random = _symbol(
                cumulative[c, b], b, drawn, random, low, above, key0, key1
            )
