"""Which symmetries configurations have, as far as they tell: tested before any is used."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations, permutations, product
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from rsmi.errors import InputError, RsmiError
from rsmi.lattice import Space, Symmetry
from rsmi.sampling.autocorrelation import correlation

FALSE_ALARM = 1e-6
"""Probability to drop anything from data that have every symmetry."""

_MOST_SITES = 1 << 21
_MOST_RECORDS = 4096
_FEWEST_RECORDS = 16
_FEWEST_CHAINS = 16
_FEWEST_TURNS = 4  # changes of sign of a chain that is believed to visit both phases
_LONG = 6  # stretches of the chain that must agree on a sign, at least
_FAR = 50  # autocorrelation times in each of them
_MOST_WORDS = 1024  # words of letters on a cluster that are counted one by one
_MOST_MEANS = 4096  # means that are looked at in all
_BLOCKS = 32  # stretches whose spread tells which differences deserve a full test
_SUSPECT = 3.0  # errors from zero, by these stretches; what is dropped lies beyond 6
_MOST_SEEN = 32  # shifted copies of the configurations that are kept
_SOME = 64  # single sites or bonds of a space whose cells differ

Cluster = tuple[int, ...]
Series = NDArray[np.float64]
Columns = NDArray[np.int64]


@dataclass(frozen=True)
class DataSymmetry:
    """The symmetries of a space that data do not contradict, and what they said against others.

    Args:
        group: Those elements of `space.symmetries` that may be used, a group, identity first.
        space: Where the letters live.
        declared: Whether the Hamiltonian is known to have all symmetries of the space.
        against: What the data said against the others; empty where they said nothing.
    """

    group: tuple[Symmetry, ...]
    space: Space
    declared: bool
    against: str = ""

    @property
    def order(self) -> int:
        """How many symmetries the space has."""
        return len(self.space.symmetries)

    @cached_property
    def letters(self) -> tuple[tuple[int, ...], ...]:
        """Permutations of the letters alone that leave the data alike, the identity first."""
        alone = self.space.symmetries[: len(self.space.alphabet.symmetries)]
        return tuple(tuple(g.letters.tolist()) for g in alone if g in self.group)

    @cached_property
    def moves(self) -> tuple[Symmetry, ...]:
        """Rotations and reflections, with the letters they turn, that leave the data alike."""
        every = self.space.symmetries[:: len(self.space.alphabet.symmetries)]
        return tuple(g for g in every if g in self.group)

    def __str__(self) -> str:
        moves, letters = len(self.space.point_group), len(self.space.alphabet.symmetries)
        known = "known" if self.declared else "not contradicted by the data"
        moved = f"{len(self.moves)} of {moves} rotations and reflections"
        if len(self.moves) < moves:
            moved += f" ({'; '.join(g.name for g in self.moves)})"
        renamed = f"{len(self.letters)} of {letters} permutations of the letters"
        mixed = len(self.group) - len(self.moves) * len(self.letters)
        more = f", {mixed} of both together" if mixed else ""
        broken = f"; others broken by the data ({self.against})" if self.against else ""
        return f"{moved}, {renamed}{more}, {known}{broken}"

    def check(self, z2: Literal["impose", "allow"]) -> None:
        """Raise InputError where a symmetry of the letters is to be imposed that the data break."""
        if z2 == "impose" and len(self.letters) < len(self.space.alphabet.symmetries):
            raise InputError(
                "symmetry is 'impose', yet these configurations are not symmetric under every "
                f"exchange of their letters ({self.against}): a field, a chain that hardly left "
                "one phase, or values that are no letters of this kind; bring longer chains, or "
                "set learning.symmetry: allow (model.init_args.symmetry in a config of fit)"
            )

    def symmetrises(self, z2: Literal["impose", "allow"]) -> bool:
        """Whether averages may be taken over images with other letters: declared by model or
        user, and tested."""
        return len(self.letters) > 1 and (self.declared or z2 == "impose")


def find_symmetry(letters: Tensor, chains: int, space: Space, declared: bool) -> DataSymmetry:
    r"""The symmetries of a space that configurations do not contradict.

    Letter functions of up to four neighbouring sites are averaged over each configuration:
    products of spins where there are two letters, else which letters they have. An element g maps
    a function f to another one, so the means of f and f∘g agree if the data have the symmetry.
    Errors know the autocorrelation of the chains, and every difference is compared with Student's t
    with as many degrees of freedom as its error has. Elements are added one after the other to
    the group of those without a contradiction; where one is contradicted, so is its whole coset.

    Args:
        letters: (n, \*space.shape) int8; number i is record i // chains of chain i % chains.
        chains: Number of independent chains.
        space: Where they live, and which symmetries may be there.
        declared: Whether the Hamiltonian is known to have all of these. Then only whole chains
            can speak against one: a chain may stay in one phase.

    Returns:
        The symmetries, with a probability of at most `FALSE_ALARM` to drop one that is there.

    Raises:
        InputError: For letters that do not fit the space.

    >>> from rsmi.lattice.alphabet import SPIN
    >>> coins = torch.randint(0, 2, (64, 8, 8, 1)).to(torch.int8)
    >>> print(find_symmetry(coins, 1, Space.hypercubic((8, 8), SPIN), declared=False))
    8 of 8 rotations and reflections, 2 of 2 permutations of the letters, not contradicted by the data
    """  # noqa: E501
    space.check(letters)
    means = (_Means if space.homogeneous else _SomeMeans)(letters, chains, space)
    level = FALSE_ALARM / (len(space.symmetries) * means.count)
    alone = space.symmetries[: len(space.alphabet.symmetries)]
    generators, kept, dropped = list[Symmetry](), set(space.generated(())), set[Symmetry]()
    against: dict[bool, str] = {}
    for g in _simple_first(space):
        if g in kept or g in dropped:
            continue
        contradiction = means.contradiction(g, declared, level)
        grown = set() if contradiction else set(space.generated([*generators, g]))
        if grown and not grown & dropped:
            generators, kept = [*generators, g], grown
        else:
            dropped |= {space.product(a, b) for h in kept for a, b in ((g, h), (h, g))}
            against.setdefault(g in alone, contradiction)
    group = tuple(g for g in space.symmetries if g in kept)
    return DataSymmetry(group, space, declared, "; ".join(against.values()))


def most_records(sites: int) -> int:
    """How many configurations of so many sites a test needs, evenly spread over the samples."""
    return min(_MOST_RECORDS, max(2 * _FEWEST_RECORDS, _MOST_SITES // sites))


def _simple_first(space: Space) -> list[Symmetry]:
    """Elements of a space: moves alone, letters alone, both; such that undo themselves first."""
    identity, letters = space.symmetries[0], len(space.alphabet.symmetries)

    def rank(number: int) -> tuple[int, bool]:
        g, (move, renaming) = space.symmetries[number], divmod(number, letters)
        kind = 2 if move and renaming else int(renaming > 0)
        return kind, space.product(g, g) is not identity

    return [space.symmetries[i] for i in sorted(range(len(space.symmetries)), key=rank)]


class _Means:
    """Averages of letter functions of neighbouring sites over each configuration."""

    def __init__(self, letters: Tensor, chains: int, space: Space) -> None:
        self.space, self._chains = space, chains
        self._two = space.alphabet.size == 2
        self._letters = 2 * letters - 1 if self._two else letters
        self._known: dict[Cluster, tuple[Series, Series]] = {}
        self._seen: dict[int, Tensor] = {}

    @property
    def count(self) -> int:
        """How many means are looked at."""
        return sum(self._functions(len(cluster)) for cluster in self.clusters)

    @cached_property
    def clusters(self) -> list[Cluster]:
        """Clusters of sites up to translations, the smallest first, as many as are looked at."""
        every = {
            self._placed(sites)[0]: None
            for box in _boxes(len(self.space.cells))
            for sites in self._subsets(box)
        }
        ordered = sorted(every, key=len)
        total = np.cumsum([self._functions(len(cluster)) for cluster in ordered])
        return [c for c, n in zip(ordered, total, strict=True) if n <= _MOST_MEANS]

    def contradiction(self, g: Symmetry, declared: bool, level: float) -> str:
        """What the data say against a symmetry; empty where no p-value is below a level."""
        renames = not torch.equal(g.letters, torch.arange(len(g.letters)))
        back = self.space.product(g, g) is self.space.symmetries[0]
        found: list[tuple[int, float, Cluster, int]] = []
        for cluster in self.clusters:
            for which, series in self._suspects(cluster, g):
                table = _by_chain(series, self._chains)
                if declared:
                    p = _p_declared(table, back)
                else:
                    p = _p_phases(table) if renames else _student(table)
                found += [(len(cluster), p, cluster, which)] if p < level else []
        return self._explain(g, *min(found)[2:]) if found else ""

    def of(self, cluster: Cluster) -> tuple[Series, Series]:
        """Mean of each function of a cluster in each configuration (n, k), and in stretches."""
        if cluster not in self._known:
            values = self._measured(self._members(cluster))
            rows = _by_chain(values, self._chains).reshape(-1, values.shape[1])
            stretches = np.array_split(rows, min(_BLOCKS, len(rows)))
            self._known[cluster] = values, np.array([part.mean(0) for part in stretches])
        return self._known[cluster]

    def _suspects(self, cluster: Cluster, g: Symmetry) -> Iterator[tuple[int, Series]]:
        """Differences of means and of those of the image that are not plainly noise, (n,) each."""
        image, columns, sign = self._image(cluster, g)
        (values, stretches), (others, beside) = self.of(cluster), self.of(image)
        differences = stretches - sign * beside[:, columns]
        mean, spread = abs(differences.mean(0)), differences.std(0, ddof=1)
        for which in np.flatnonzero(mean > _SUSPECT * spread / math.sqrt(len(stretches))):
            yield int(which), values[:, which] - sign * others[:, columns[which]]

    def _image(self, cluster: Cluster, g: Symmetry) -> tuple[Cluster, Columns, int]:
        """Which cluster, which of its functions and which sign a symmetry turns functions into."""
        image, order = self._moved(cluster, g)
        renamed = not torch.equal(g.letters, torch.arange(len(g.letters)))
        if self._two:
            return image, np.zeros(1, dtype=np.int64), -1 if renamed and len(cluster) % 2 else 1
        functions = self._functions(len(cluster))
        if functions == 1:
            return image, np.zeros(1, dtype=np.int64), 1
        q, k = self.space.alphabet.size, len(cluster)
        words = np.stack(np.unravel_index(np.arange(functions), (q,) * k))
        before = np.argsort(g.letters.numpy())[words][order]
        return image, np.ravel_multi_index(tuple(before), (q,) * k), 1

    def _moved(self, cluster: Cluster, g: Symmetry) -> tuple[Cluster, list[int]]:
        """The image of a cluster, and which of the sites come first, second, ... in it."""
        return self._placed(g.source[list(cluster)].tolist())

    def _functions(self, sites: int) -> int:
        """How many functions of so many sites there are."""
        words = self.space.alphabet.size**sites
        return 1 if self._two or words > _MOST_WORDS else words

    def _measured(self, members: list[Tensor]) -> Series:
        """Means of the functions over the places where the members (n, places) of a cluster are.

        The product of spins; which word the letters make; or, where there are too many words,
        whether they are all the same.
        """
        n, places = members[0].shape
        if self._two:
            sums = reduce(torch.mul, members).sum(1, dtype=torch.int64)[:, None]
        elif (functions := self._functions(len(members))) == 1:
            sums = reduce(torch.mul, (m == members[0] for m in members)).sum(1)[:, None]
        else:
            q = self.space.alphabet.size
            word = reduce(lambda left, m: left * q + m, (m.to(torch.int16) for m in members))
            place = word + functions * torch.arange(n)[:, None]
            sums = torch.bincount(place.flatten(), minlength=n * functions).view(n, functions)
        return sums.numpy() / places

    def _members(self, cluster: Cluster) -> list[Tensor]:
        """Letters of each site of a cluster as seen from every cell, (n, cells) each."""
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        for number in set(cluster) - set(self._seen):
            self._seen[number] = self._from_every_cell(number)
        return [self._seen[number] for number in cluster]

    def _from_every_cell(self, number: int) -> Tensor:
        cell, site = divmod(number, self.space.sites)
        shifts = [-int(step) for step in np.unravel_index(cell, self.space.cells)]
        axes = tuple(range(1, len(shifts) + 1))
        return self._letters[..., site].roll(shifts, axes).flatten(1)

    def _subsets(self, box: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Sets of different sites in a box of cells."""
        cells = np.array(list(product(*map(range, box))), dtype=np.int64)
        sites = np.arange(self.space.sites)
        inside = sorted(set(self.space.numbers(cells[:, None], sites).flatten().tolist()))
        most = 4 if len(inside) <= 8 else 3 if len(inside) <= 12 else 2
        for size in range(1, most + 1):
            yield from combinations(inside, size)

    def _placed(self, sites: Sequence[int]) -> tuple[Cluster, list[int]]:
        """A cluster up to translations, and which of the sites come first, second, ... in it."""
        cell, site = np.divmod(np.array(sites), self.space.sites)
        places = np.stack(np.unravel_index(cell, self.space.cells), 1)
        moved = self.space.numbers(places[None] - places[:, None], site).tolist()
        least = min(moved, key=sorted)
        order = sorted(range(len(sites)), key=least.__getitem__)
        return tuple(least[i] for i in order), order

    def _explain(self, g: Symmetry, cluster: Cluster, which: int) -> str:
        image, columns, sign = self._image(cluster, g)
        mean = float(self.of(cluster)[0][:, which].mean())
        other = sign * float(self.of(image)[0][:, columns[which]].mean())
        if self._two:
            k = len(cluster)
            what = "mean spin" if k == 1 else f"mean product of {k} neighbouring spins"
        elif self._functions(len(cluster)) == 1:
            what = f"fraction of {len(cluster)} equal neighbours"
        else:
            words = np.unravel_index(which, (self.space.alphabet.size,) * len(cluster))
            names = " ".join(self.space.alphabet.names[int(a)] for a in words)
            what = f"fraction of {'letter' if len(cluster) == 1 else 'neighbours'} {names}"
        if image == cluster and sign < 0:
            return f"{what} {mean:.3g}, where 0 is expected"
        return f"{what} {mean:.3g}, and {other:.3g} after {g.name}"


class _SomeMeans(_Means):
    """The same where cells differ: all sites together, all bonds together, and some of each."""

    @cached_property
    def clusters(self) -> list[Cluster]:
        """Numbers of lists of places."""
        pair = self.space.alphabet.size**2 <= _MOST_WORDS
        return [(i,) * k for i, (k, _) in enumerate(self._lists) if k == 1 or pair]

    @cached_property
    def _lists(self) -> list[tuple[int, Tensor]]:
        """Sites of a cluster, and the sites (places, k) that take its part."""
        singles, pairs = torch.arange(self.space.n_sites)[:, None], self.space.bonds
        found = [(1, singles), (2, torch.cat([pairs, pairs.flip(1)]))] if len(pairs) else []
        for k, every in ((1, singles), (2, pairs)):
            step = max(1, len(every) // _SOME)
            found += [(k, row[None]) for row in every[::step]]
        return found

    def _members(self, cluster: Cluster) -> list[Tensor]:
        flat, (_, places) = self._letters.flatten(1), self._lists[cluster[0]]
        return [flat[:, column] for column in places.T]

    def _moved(self, cluster: Cluster, g: Symmetry) -> tuple[Cluster, list[int]]:
        return cluster, list(range(len(cluster)))


def _by_chain(values: Series, chains: int) -> Series:
    """(n, ...) as (chains, records, ...)."""
    whole = values[: len(values) // chains * chains]
    return np.moveaxis(whole.reshape(-1, chains, *values.shape[1:]), 1, 0)


def _p_declared(table: Series, back: bool) -> float:
    """p-value of a mean of (chains, records) against which only whole chains can speak.

    The difference under an element that undoes itself is symmetric; of others nothing is known.
    """
    chains = table.mean(1)
    whole = _mean_test(chains) if len(chains) >= _FEWEST_CHAINS else 1.0
    return max(_student(table), _signs(chains) if back else whole)


def _p_phases(table: Series) -> float:
    """The same where a chain may stay in one of several phases for long.

    Its autocorrelation then is that inside a phase. So long stretches must agree with each other
    too, the fewer the longer the chain remembers. A chain that hardly ever changed sign cannot be
    told from one in a field: it counts as one.
    """
    p, values = _student(table), table.flatten()
    if p == 1 or (np.diff(np.sign(values)) != 0).sum() < _FEWEST_TURNS:
        return p
    try:
        memory = correlation(table).time
    except RsmiError:  # only whole chains told
        return p
    stretches = np.array_split(values, max(_LONG, int(len(values) / (_FAR * memory))))
    return max(p, _mean_test(np.array([part.mean() for part in stretches])))


def _student(table: Series) -> float:
    """Two-sided p-value of the mean of (chains, records), whose error is itself uncertain."""
    if table.size < _FEWEST_RECORDS:
        return 1.0
    try:
        found = correlation(table)
        error = found.mean_error
        freedom = 2 * (found.time / found.time_error) ** 2 if found.time_error else table.size - 1
    except RsmiError:  # too short, or still correlated at its end: only whole chains can tell
        return _mean_test(table.mean(1)) if len(table) >= _FEWEST_CHAINS else 1.0
    mean = abs(float(table.mean()))
    if mean == 0:
        return 1.0
    return float(2 * stats.t.sf(mean / error, freedom)) if error else 0.0


def _mean_test(values: Series) -> float:
    """Two-sided p-value of the mean of independent numbers."""
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = abs(float(values.mean()))
    if error == 0:
        return 0.0 if mean else 1.0
    return float(2 * stats.t.sf(mean / error, len(values) - 1))


def _signs(means: Series) -> float:
    r"""Bound of the p-value of symmetric, independent numbers, however they are distributed.

    .. math:: P(|\sum_i d_i| \ge s \sqrt{\sum_i d_i^2}) \le 2 e^{-s^2/2}

    Source: Hoeffding (1963), J. Am. Stat. Assoc. 58, 13, for the signs given the sizes.
    """
    size = float((means**2).sum())
    return 1.0 if size == 0 else 2 * math.exp(-(float(means.sum()) ** 2) / (2 * size))


def _boxes(axes: int) -> list[tuple[int, ...]]:
    """Boxes of cells in which clusters of up to four sites are looked at."""
    if axes == 1:
        return [(4,)]
    return sorted(set(permutations((3,) + (2,) * (axes - 1)))) if axes == 2 else [(2,) * axes]
