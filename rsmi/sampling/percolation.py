"""Percolation on any lattice: sites or bonds are added one by one until all are there."""

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import SPIN
from rsmi.sampling.random import Stream, check_seed, word
from rsmi.sampling.threads import share_chains

Kind = Literal["site", "bond"]
Integers = NDArray[np.int64]
Places = NDArray[np.int32]
Numbers = NDArray[np.float64]

_AXES = 3  # most axes of a lattice
_FIELD = 1 << 20  # a way of (x, y, z) cells is the number x + F y + F^2 z, so that ways add up
_NEVER = 2**62
_NOTHING = 1e-15  # probability of more steps than are made


@njit(cache=True, nogil=True)
def _find(parent: Places, way: Integers, site: int) -> int:
    """Root of a site; afterwards the site points to it, with the way from there."""
    root, total = site, 0
    while parent[root] >= 0:
        total += way[root]
        root = parent[root]
    while parent[site] >= 0 and parent[site] != root:
        above, own = parent[site], way[site]
        parent[site], way[site] = root, total
        total -= own
        site = above
    return root


@njit(cache=True, nogil=True)
def _join(parent: Places, way: Integers, a: int, b: int, step: int) -> int:
    """Join two sites, b lying `step` behind a; the way round the torus that this closes, or 0."""
    first, second = _find(parent, way, a), _find(parent, way, b)
    gap = step + (way[a] if a != first else 0) - (way[b] if b != second else 0)
    if first == second:
        return gap
    if parent[first] > parent[second]:  # the smaller tree is hung below the larger one
        first, second, gap = second, first, -gap
    parent[first] += parent[second]
    parent[second], way[second] = first, gap
    return 0


@njit(cache=True, nogil=True)
def _note(first: Integers, gap: int, done: int) -> None:
    """Take down which axes a way goes round."""
    for axis in range(_AXES):
        own = (gap + _FIELD // 2) % _FIELD - _FIELD // 2
        gap = (gap - own) // _FIELD
        if own != 0:
            first[axis] = min(first[axis], done)


@njit(cache=True, nogil=True, inline="always")
def _next(order: Integers, i: int, run: int, seed: np.uint64, stream: int) -> int:
    """Entry i of a random order, whose entries before are settled."""
    j = i + int(word(i, run, 0, stream, seed) % np.uint64(order.size - i))
    order[i], order[j] = order[j], order[i]
    return order[i]


@njit(cache=True, nogil=True)
def _grow(
    sites: bool, starts: Integers, bonds: Places, steps: Integers, run: int, seed: np.uint64,
    stream: int, count: int, largest: Places, first: Integers,
) -> None:  # fmt: skip
    """One run: the largest cluster after each step, and when each axis is wrapped first.

    Args:
        sites: Whether sites are added, or bonds.
        starts: Where the bonds of every site begin, (N + 1,), for sites.
        bonds: (n, 2); of sites every bond from both ends, in the order of its first site.
        steps: (n,) way from the first site to the second.
        run, seed, stream: Address of the random numbers.
        count: M, how many there are to add.
        largest: (most + 1,) for as many steps, overwritten.
        first: (3,) steps after which the axis is wrapped, overwritten.
    """
    n_sites = starts.size - 1
    parent = np.full(n_sites, -1, np.int32)
    way = np.zeros(n_sites, np.int64)
    there = np.zeros(n_sites, np.bool_)
    order = np.arange(count)
    first[:] = _NEVER
    largest[0] = 0 if sites else 1
    for done in range(largest.size - 1):
        new = _next(order, done, run, seed, stream)
        low, high = (starts[new], starts[new + 1]) if sites else (new, new + 1)
        if sites:
            there[new] = True
        for bond in range(low, high):
            a, b = bonds[bond]
            if sites and not there[b]:
                continue
            gap = _join(parent, way, a, b, steps[bond])
            if gap != 0:
                _note(first, gap, done + 1)
        root = _find(parent, way, bonds[low, 0])
        largest[done + 1] = max(largest[done], -parent[root])


@dataclass(frozen=True)
class Percolation:
    r"""Runs of Newman and Ziff on one lattice: every run passes through all occupations.

    .. math:: Q(p) = \sum_n \binom{M}{n} p^n (1 - p)^{M - n} Q_n

    Args:
        lattice: chain, square, cubic, triangular, honeycomb, kagome or pyrochlore.
        cells: Extents of the torus, in cells; at least 3 each, so that no bond is there twice.
        kind: Whether sites or bonds are occupied with probability p.
        seed: Of all random numbers.

    Raises:
        InputError: For an unknown lattice or kind, or too small a torus.

    Source: Newman and Ziff (2000), Phys. Rev. Lett. 85, 4104; wrapping: Machta, Choi, Lucke,
    Schweizer and Chayes (1996), Phys. Rev. E 54, 1332.

    >>> runs = Percolation("square", (8, 8), "bond", seed=1).runs(0, 50, [0.0, 1.0])
    >>> runs.shape, float(runs[:, 0].max()), float(runs[:, 1].min())
    ((50, 2, 4), 0.015625, 1.0)
    """

    lattice: str
    cells: tuple[int, ...]
    kind: Kind = "site"
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.kind not in get_args(Kind):
            raise InputError(f"kind is {self.kind!r}; expected site or bond")
        if min(self.cells, default=0) < 3:
            raise InputError(
                f"a torus of {list(self.cells)} cells joins some pairs of sites twice; expected "
                "extents of at least 3"
            )
        self._space  # noqa: B018, refuses an unknown lattice

    @cached_property
    def _space(self) -> Space:
        return Space.of(self.lattice, self.cells, SPIN)

    @property
    def sites(self) -> int:
        """N."""
        return self._space.n_sites

    @property
    def steps(self) -> int:
        """M, how many sites or bonds a run adds."""
        return self.sites if self.kind == "site" else len(self._space.bonds)

    @cached_property
    def _tables(self) -> tuple[Integers, Places, Integers]:
        """Where the bonds of a site begin, bonds (n, 2) and their ways (n,)."""
        bonds = self._space.bonds.numpy().astype(np.int32)
        ways = [
            sum(x * _FIELD**axis for axis, x in enumerate(step))
            for *_, step in self._space.cell.bonds
        ]
        steps = np.repeat(np.array(ways, dtype=np.int64), self._space.n_cells)
        if self.kind == "bond":
            return np.zeros(self.sites + 1, np.int64), bonds, steps
        both = np.concatenate([bonds, bonds[:, ::-1]])
        order = np.argsort(both[:, 0], kind="stable")
        starts = np.searchsorted(both[order, 0], np.arange(self.sites + 1))
        return starts, both[order], np.concatenate([steps, -steps])[order]

    def grow(self, run: int, most: int | None = None) -> tuple[Places, Integers]:
        """One run: the largest cluster after n steps, (most + 1,), and the first wrap of each axis.

        Args:
            run: Its number.
            most: Steps after which it ends, with axes not wrapped by then at 2^62; M without.
        """
        count = self.steps
        largest = np.empty((count if most is None else most) + 1, np.int32)
        first = np.empty(_AXES, np.int64)
        _grow(
            self.kind == "site", *self._tables, run, np.uint64(self.seed), int(Stream.PERCOLATION),
            count, largest, first,
        )  # fmt: skip
        return largest, first[: len(self.cells)]

    def runs(
        self,
        start: int,
        stop: int,
        probabilities: "list[float] | Numbers",
        workers: int = 1,
    ) -> Numbers:
        """What the runs number start ... stop - 1 show at some p, the sum over n done exactly.

        Args:
            start: First run.
            stop: One beyond the last.
            probabilities: (P,) numbers in 0 ... 1.
            workers: Threads; the result does not depend on it.

        Returns:
            (runs, P, 4): the largest cluster's share of the sites and its square, and whether some
            axis and whether every axis is wrapped.

        Raises:
            InputError: For a probability outside 0 ... 1.
        """
        p = np.asarray(probabilities, dtype=np.float64)
        if not ((p >= 0) & (p <= 1)).all():
            raise InputError(f"probabilities are {p.tolist()}; expected numbers in 0 ... 1")
        counts = np.arange(int(binom.isf(_NOTHING, self.steps, p.max())) + 1)
        weights = binom.pmf(counts, self.steps, p[:, None])
        after = binom.sf(np.append(counts - 1, self.steps), self.steps, p[:, None])

        def work(own: slice) -> Numbers:
            return np.stack(
                [self._seen(start + k, weights, after) for k in range(own.start, own.stop)]
            )

        return np.concatenate(share_chains(stop - start, workers, work))

    def _seen(self, run: int, weights: Numbers, after: Numbers) -> Numbers:
        """(P, 4) of one run, from P(n) and P(at least n), whose last column is for never."""
        largest, first = self.grow(run, weights.shape[1] - 1)
        share = largest / self.sites
        wraps = [after[:, min(own, after.shape[1] - 1)] for own in (first.min(), first.max())]
        return np.stack([weights @ share, weights @ share**2, *wraps], 1)


@njit(cache=True, nogil=True)
def _shuffled(order: Integers, run: int, seed: np.uint64, stream: int) -> None:
    order[:] = np.arange(order.size)
    for i in range(order.size - 1):
        _next(order, i, run, seed, stream)


@njit(cache=True, nogil=True)
def _spanned(
    sites: bool, starts: Integers, bonds: Integers, order: Integers, there: "NDArray[np.bool_]"
) -> int:
    """Steps of one order after which the last two nodes, the ends, are joined.

    Args:
        sites: Whether sites are added, or bonds.
        starts: Where the bonds of every node begin, for sites.
        bonds: (n, 2) of nodes; of sites every bond from both ends.
        order: What is added.
        there: Nodes that are there from the beginning; changed in place.
    """
    parent = np.full(there.size, -1, np.int32)
    way = np.zeros(there.size, np.int64)
    for done in range(order.size):
        new = order[done]
        low, high = (starts[new], starts[new + 1]) if sites else (new, new + 1)
        there[new if sites else 0] = True
        for bond in range(low, high):
            a, b = bonds[bond]
            if there[a] and there[b]:
                _join(parent, way, a, b, 0)
        if _find(parent, way, there.size - 1) == _find(parent, way, there.size - 2):
            return done + 1
    return order.size


@dataclass(frozen=True)
class Cell:
    r"""A cell of the hypercubic lattice, spanned from one face to the opposite one.

    .. math:: R(p) = \sum_n P_n\, [\text{spanned with } n], \quad R(p^*) = p^*, \quad
              \nu = \frac{\ln b}{\ln R'(p^*)}

    Of sites b along every axis; of bonds b + 1 layers of sites, the first and the last of which are
    the faces, so that in two dimensions the cell is its own dual and p* is 1/2.

    Args:
        size: b, at least 2.
        kind: Whether sites or bonds are occupied.
        dimension: At least 2.
        seed: Of all random numbers.

    Raises:
        InputError: For a cell that is none.

    Source: Reynolds, Stanley and Klein (1980), Phys. Rev. B 21, 1223.

    >>> float(Cell(2).probability(Cell(2).firsts(0, 24), np.array([0.6180339887]))[0].round(9))
    0.618033989
    """

    size: int
    kind: Kind = "site"
    dimension: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.kind not in get_args(Kind) or self.size < 2 or self.dimension < 2:
            raise InputError(
                f"a cell of {self.kind!r} with extent {self.size} in {self.dimension} dimensions; "
                "expected site or bond, an extent of at least 2, and at least 2 dimensions"
            )

    @cached_property
    def _tables(self) -> tuple[Integers, Integers, int]:
        """Where the bonds of a node begin, bonds (n, 2), and how many sites or bonds are added."""
        inner = self.size - (self.kind == "bond")
        grid = (inner, *(self.size,) * (self.dimension - 1))
        numbers = np.arange(np.prod(grid)).reshape(grid)
        if self.kind == "bond":  # the first and the last layer are one node each
            ends = [np.full((1, *grid[1:]), numbers.size + k) for k in (0, 1)]
            numbers = np.concatenate([ends[0], numbers, ends[1]])
        return _cell_tables(numbers, self.kind)

    @property
    def steps(self) -> int:
        """M, how many sites or bonds the cell has."""
        return self._tables[2]

    def firsts(self, start: int, stop: int) -> Integers:
        """Steps after which runs start ... stop - 1 are spanned; of tiny cells all orders, once."""
        starts, bonds, steps = self._tables
        nodes = int(bonds.max()) + 1
        listed = list(permutations(range(steps))) if steps <= _LISTED else None
        found = np.empty(stop - start if listed is None else len(listed), np.int64)
        order = np.empty(steps, np.int64)
        for place in range(len(found)):
            if listed is None:
                run = start + place
                _shuffled(order, run, np.uint64(self.seed), int(Stream.PERCOLATION))
            else:
                order[:] = listed[place]
            there = np.full(nodes, self.kind == "bond")
            there[-2:] = True
            found[place] = _spanned(self.kind == "site", starts, bonds, order, there)
        return found

    def probability(self, firsts: Integers, p: Numbers) -> Numbers:
        """R at some p, (P,)."""
        return np.asarray(binom.sf(firsts[:, None] - 1, self.steps, p).mean(0))

    def slope(self, firsts: Integers, p: float) -> float:
        """R' at p."""
        return float(self.steps * binom.pmf(firsts - 1, self.steps - 1, p).mean())


_LISTED = 7  # sites or bonds up to which all orders are listed


def _cell_tables(numbers: Integers, kind: Kind) -> tuple[Integers, Integers, int]:
    """Tables of a grid of node numbers; sites have two further nodes for the faces."""
    pairs = [
        np.stack([a.ravel(), b.ravel()], 1)
        for axis in range(numbers.ndim)
        for a, b in [(np.moveaxis(numbers, axis, 0)[:-1], np.moveaxis(numbers, axis, 0)[1:])]
    ]
    bonds = np.concatenate(pairs)
    if kind == "bond":
        bonds = bonds[bonds[:, 0] != bonds[:, 1]]
        return np.zeros(1, np.int64), bonds, len(bonds)
    count = numbers.size
    ends = [
        np.stack([layer.ravel(), np.full(layer.size, count + k)], 1)
        for k, layer in enumerate((numbers[0], numbers[-1]))
    ]
    bonds = np.concatenate([bonds, *ends])
    both = np.concatenate([bonds, bonds[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    return np.searchsorted(both[:, 0], np.arange(count + 3)), both, count
