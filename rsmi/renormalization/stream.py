"""Stream samples through the levels once, with bounded memory, and sum their moments."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.information import block_labels
from rsmi.lattice import coarse_shape
from rsmi.progress import Progress, silent
from rsmi.renormalization.coarse_grain import aligned_sites, block_sites
from rsmi.renormalization.couplings import Operator, Parity
from rsmi.renormalization.moments import Moments

# Spins per piece of work: a few MiB for each thread, whatever the number of samples.
_PIECE = 1 << 22
# Tilings followed for each configuration; more of them cost more than they tell.
_MAX_IMAGES = 16
_EVERY_IMAGE = 64  # where measuring costs little
# Of lattices that serve the test of drift alone: they have so few sites that overhead decides.
_NARROW_IMAGES = 4


class Source(Protocol):
    """What is needed of a set of samples; every `rsmi.storage` reader has it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a configuration."""
        ...

    @property
    def chains(self) -> int:
        """Markov chains, side by side."""
        ...

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Tensor: ...  # noqa: D102


class SectorPlan(Protocol):
    """Operators laid out for one lattice shape."""

    def run(self, letters: NDArray[np.int8]) -> dict[Parity, NDArray[np.int64]]:
        """Measure (n, *shape): (n, components, operators) of each sector."""
        ...


class IteratedRule(Protocol):
    """A rule made ready whose symbols are the letters that it takes."""

    @property
    def block(self) -> tuple[int, ...]:
        """Extents of a block."""
        ...

    def apply(
        self, letters: NDArray[np.int8], sites: NDArray[np.int32], first_index: int, level: int, /
    ) -> NDArray[np.int8]:
        """Coarse-grain (n, images, n_sites): (n, images, len(sites))."""
        ...

    def plan(self, shape: tuple[int, ...], bases: Any, /) -> SectorPlan:
        """Lay out operators of its letters, by sector, for a lattice shape."""
        ...


@dataclass(frozen=True)
class Relay:
    """Rules that follow each other, the last of them for all further steps.

    Args:
        rules: Of one block and one set of letters.
    """

    rules: tuple[IteratedRule, ...]

    @property
    def block(self) -> tuple[int, ...]:  # noqa: D102
        return self.rules[0].block

    def apply(
        self, letters: NDArray[np.int8], sites: NDArray[np.int32], first_index: int, level: int
    ) -> NDArray[np.int8]:
        """As the rule of this level."""
        rule = self.rules[min(level, len(self.rules) - 1)]
        return rule.apply(letters, sites, first_index, level)

    def plan(self, shape: tuple[int, ...], bases: Any) -> SectorPlan:
        """As the first rule, whose letters all have."""
        return self.rules[0].plan(shape, bases)


Values = dict[Parity, NDArray[np.int64]]


def accumulate(
    samples: Source,
    rule: IteratedRule,
    bases: Mapping[Parity, Sequence[Operator]],
    *,
    levels: int,
    blocks: int,
    workers: int,
    progress: Progress = silent,
) -> dict[Parity, Moments]:
    """Coarse-grain samples `levels` times and sum the moments of every basis.

    The first coarse lattice comes from one tiling; from then on every tiling is used, up to 16
    for each configuration, which lowers the noise of the deeper levels at little cost because
    those lattices are small.
    The sums are integers, so they do not depend on the number of workers.

    Args:
        samples: Configurations; only a few MiB are held at a time.
        rule: The rule to iterate.
        bases: Operators of the rule's letters for each parity.
        levels: How often to coarse-grain.
        blocks: Wanted number of independent blocks of the data.
        workers: Threads.
        progress: Called with (configurations done, configurations in all).

    Returns:
        Moments for each parity.
    """
    ladder = Ladder.of(samples.shape, rule, bases, levels)
    labels = block_labels(len(samples), samples.chains, blocks, most=blocks).numpy()
    total = int(labels.max()) + 1
    moments = {
        parity: Moments.zeros(basis, ladder.shapes, ladder.images, total)
        for parity, basis in bases.items()
    }
    lock = Lock()

    def work(start: int, spins: NDArray[np.int8]) -> None:
        values = ladder.run(spins, start)
        with lock:
            _add(moments, labels[start : start + len(spins)], values)

    stream(samples, work, workers, progress)
    return moments


@dataclass(frozen=True)
class Ladder:
    """Everything prepared for taking configurations through all levels.

    Args:
        rule: Applied at every level.
        shapes: Of the lattice at each level.
        sites: Blocks of each step, from `block_sites` or `aligned_sites`.
        plans: Interactions laid out for each level.
        images: Images of each configuration at each level, made of the first ones of the level
            before, of all but where the lattice is narrow.
    """

    rule: IteratedRule
    shapes: tuple[tuple[int, ...], ...]
    sites: list[NDArray[np.int32]]
    plans: list[SectorPlan]
    images: tuple[int, ...]

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        rule: IteratedRule,
        bases: Mapping[Parity, Sequence[Operator]],
        levels: int,
        every: bool = False,
    ) -> "Ladder":
        """Prepare all levels; where `every` is asked for with the tilings of the first step too."""
        shapes = level_shapes(shape, rule.block, levels)
        n_v, most = math.prod(rule.block), _EVERY_IMAGE if every else _MAX_IMAGES
        first = aligned_sites if every else block_sites
        sites, images = [first(shape, rule.block)], [1, n_v if every else 1]
        for fine, coarse in pairwise(shapes[1:]):
            every = images[-1] * n_v <= most
            sites.append((aligned_sites if every else block_sites)(fine, rule.block))
            single = min(images[-1], _NARROW_IMAGES) if min(coarse) < 4 else images[-1]
            images.append(images[-1] * n_v if every else single)
        plans = [rule.plan(s, bases) for s in shapes]
        return cls(rule, shapes, sites, plans, tuple(images))

    def run(self, spins: NDArray[np.int8], start: int) -> list[Values]:
        """Operators of (n, *shape) letters at every level: (n, components, images, m) for each."""
        n = len(spins)
        here = spins.reshape(n, 1, -1)
        values = []
        for level, plan in enumerate(self.plans):
            if level:
                blocks = self.sites[level - 1]
                tilings = len(blocks) // math.prod(self.shapes[level])
                parents = np.ascontiguousarray(here[:, : self.images[level] // tilings])
                here = self.rule.apply(parents, blocks, start, level - 1)
                here = here.reshape(n, self.images[level], -1)
            measured = plan.run(here.reshape(-1, *self.shapes[level]))
            values.append({parity: _by_image(v, n) for parity, v in measured.items()})
        return values


def _by_image(measured: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """(n * images, components, m) as (n, components, images, m)."""
    return measured.reshape(n, -1, *measured.shape[1:]).swapaxes(1, 2)


def level_shapes(
    shape: tuple[int, ...], block: tuple[int, ...], levels: int
) -> tuple[tuple[int, ...], ...]:
    """Lattice shapes of all levels, checked for divisibility.

    >>> level_shapes((8, 8), (2, 2), 2)
    ((8, 8), (4, 4), (2, 2))
    """
    shapes = [tuple(shape)]
    for _ in range(levels):
        shapes.append(coarse_shape(shapes[-1], block))
    return tuple(shapes)


def _add(
    moments: Mapping[Parity, Moments], labels: NDArray[np.int64], values: list[Values]
) -> None:
    for block in np.unique(labels):
        for parity, sums in moments.items():
            sums.add(int(block), [level[parity][labels == block] for level in values])


def stream(
    samples: Source,
    work: Callable[[int, NDArray[np.int8]], None],
    workers: int,
    progress: Progress = silent,
) -> None:
    """Hand pieces of the samples to threads, at most two waiting for each thread."""
    pending: list[Future[None]] = []
    with ThreadPoolExecutor(workers) as pool:
        for start, stop in _pieces(len(samples), math.prod(samples.shape)):
            spins = samples.read(start, stop).contiguous().numpy()
            pending.append(pool.submit(work, start, spins))
            while len(pending) > 2 * workers:
                pending.pop(0).result()
            progress(stop, len(samples))
        for future in pending:
            future.result()


def _pieces(n: int, n_sites: int) -> Iterator[tuple[int, int]]:
    size = max(1, _PIECE // n_sites)
    for start in range(0, n, size):
        yield start, min(start + size, n)
