"""Which symmetries configurations have, as far as they tell: tested before any is used."""

import math
from collections.abc import Sequence
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
from rsmi.lattice import Isometry, generated, point_group
from rsmi.lattice.symmetry import Cell
from rsmi.sampling.autocorrelation import correlation

FALSE_ALARM = 1e-6
"""Probability to drop anything from data that have every symmetry."""

_MOST_SITES = 1 << 21
_MOST_RECORDS = 4096
_FEWEST_RECORDS = 16
_FEWEST_CHAINS = 16
_FEWEST_TURNS = 4  # changes of sign of a chain that is believed to visit both phases
_LONG = 6  # stretches of the chain that must agree on a sign

Cluster = tuple[Cell, ...]
Series = NDArray[np.float64]


@dataclass(frozen=True)
class Symmetry:
    """The symmetries that may be used, and what the data said against the others.

    Args:
        group: Elements of the window's point group under which the data are invariant.
        order: How many elements the window's point group has.
        flip: Whether the data are invariant under flipping every spin.
        declared: Whether the Hamiltonian is known to have that invariance.
        against: What the data said against the flip; empty where they said nothing.
    """

    group: tuple[Isometry, ...]
    order: int
    flip: bool
    declared: bool
    against: str = ""

    def __str__(self) -> str:
        known = "known" if self.declared else "not contradicted by the data"
        flip = f"flip of all spins {known if self.flip else 'broken by the data'}"
        some = f" ({'; '.join(map(str, self.group))})" if len(self.group) < self.order else ""
        return f"{len(self.group)} of {self.order} rotations and reflections{some}, {flip}"

    def check(self, z2: Literal["impose", "allow"]) -> None:
        """Raise InputError where a symmetry is to be imposed that the data break."""
        if z2 == "impose" and not self.flip:
            raise InputError(
                "z2 is 'impose', yet these configurations are not symmetric under flipping every "
                f"spin ({self.against}): a field, a chain that hardly left one phase, or values "
                "that are no spins; bring longer chains, or set learning.z2: allow "
                "(model.init_args.z2 in a config of fit)"
            )

    def symmetrises(self, z2: Literal["impose", "allow"]) -> bool:
        """Whether averages may be taken over both signs: declared by model or user, and tested."""
        return self.flip and (self.declared or z2 == "impose")


def find_symmetry(
    configurations: Tensor, chains: int, extents: Sequence[int], ising: bool
) -> Symmetry:
    r"""The symmetries of a window that configurations do not contradict.

    Products of up to four neighbouring spins are averaged over each configuration. An element g
    maps a cluster S of sites to gS, so the means of s_S and s_gS agree if the data have the
    symmetry; a flip of all spins makes the mean of an odd product vanish. Errors know the
    autocorrelation of the chains, and every difference is compared with Student's t with as many
    degrees of freedom as its error has. The largest group without a contradiction is kept.

    Args:
        configurations: (n, \*shape) int8 of +1 and -1; number i is record i // chains of chain
            i % chains.
        chains: Number of independent chains.
        extents: Of the window.
        ising: Whether they are known to be of the Ising model without a field. Then only whole
            chains can speak against a symmetry: a chain may stay in one phase.

    Returns:
        The symmetries, with a probability of at most `FALSE_ALARM` to drop one that is there.

    >>> coins = 1 - 2 * torch.randint(0, 2, (64, 8, 8)).to(torch.int8)
    >>> print(find_symmetry(coins, 1, (6, 6), ising=False))
    8 of 8 rotations and reflections, flip of all spins not contradicted by the data
    """
    means = _Means(configurations, chains, ising)
    whole = point_group(extents)
    group = [g for g in whole if g.keeps(configurations.shape[1:])]
    odd = {cluster: means.of(cluster) for cluster in means.clusters if len(cluster) % 2}
    pairs = {g: means.pairs(g) for g in group}
    level = FALSE_ALARM / 2 / max(sum(map(len, pairs.values())), 1)
    kept = [g for g in group if all(means.p_value(a - b) >= level for a, b in pairs[g])]
    p_values = {cluster: means.p_odd(series) for cluster, series in odd.items()}
    broken = {cluster: p for cluster, p in p_values.items() if p < FALSE_ALARM / 2 / len(odd)}
    return Symmetry(
        _largest(kept), len(whole), not broken, ising, _explain(means, broken) if broken else ""
    )


def most_records(sites: int) -> int:
    """How many configurations of so many sites a test needs, evenly spread over the samples."""
    return min(_MOST_RECORDS, max(2 * _FEWEST_RECORDS, _MOST_SITES // sites))


class _Means:
    """Averages of products of neighbouring spins over each configuration."""

    def __init__(self, configurations: Tensor, chains: int, ising: bool) -> None:
        self._spins, self._chains, self._ising = configurations, chains, ising
        self._known: dict[Cluster, Series] = {}

    @cached_property
    def clusters(self) -> list[Cluster]:
        """Clusters of sites up to translations, closed under the full point group."""
        axes = self._spins.dim() - 1
        found = {_placed(cells) for box in _boxes(axes) for cells in _subsets(box)}
        return sorted(found, key=lambda cluster: (len(cluster), cluster))

    def of(self, cluster: Cluster) -> Series:
        """Mean product of a cluster in each configuration, (n,)."""
        if cluster not in self._known:
            product = reduce(torch.mul, (self._moved(cell) for cell in cluster))
            means = product.flatten(1).sum(1, dtype=torch.int64).double() / product[0].numel()
            self._known[cluster] = means.numpy()
        return self._known[cluster]

    def pairs(self, g: Isometry) -> list[tuple[Series, Series]]:
        """Means of clusters and of their images, where these are other clusters; each pair once."""
        images = {frozenset((c, _placed(g.move(c)))) for c in self.clusters}
        return [(self.of(a), self.of(b)) for a, b in (sorted(i) for i in images if len(i) == 2)]

    def p_value(self, series: Series) -> float:
        """Probability of a mean so far from 0, were 0 the true one."""
        table = self._by_chain(series)
        p = _student(table)
        return max(p, _signs(table.mean(1))) if self._ising else p

    def p_odd(self, series: Series) -> float:
        """The same where a chain may stay in one of two phases for long.

        Its autocorrelation then is that inside a phase. So a few long stretches must agree with
        each other too, or many excursions to one side must outweigh those to the other. A chain
        that hardly ever changed sign cannot be told from one in a field: it counts as one.
        """
        p, values = self.p_value(series), self._by_chain(series).flatten()
        if self._ising or (np.diff(np.sign(values)) != 0).sum() < _FEWEST_TURNS:
            return p
        long = np.array([part.mean() for part in np.array_split(values, _LONG)])
        agree = max(p, _mean_test(long))
        return min(1.0, 2 * min(agree, _signs(_excursions(values))))

    def _by_chain(self, series: Series) -> Series:
        """(chains, records)."""
        return series[: len(series) // self._chains * self._chains].reshape(-1, self._chains).T

    def _moved(self, cell: Cell) -> Tensor:
        shifts = [-step for step in cell]
        return self._spins.roll(shifts, tuple(range(1, self._spins.dim())))


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


def _excursions(values: Series) -> Series:
    """Sums over stretches of one sign, each added to the next one, which has the other sign."""
    starts = np.flatnonzero(np.diff(np.sign(values), prepend=np.nan) != 0)
    sums = np.add.reduceat(values, starts)
    return sums[: len(sums) // 2 * 2].reshape(-1, 2).sum(1)


def _signs(means: Series) -> float:
    r"""Bound of the p-value of symmetric, independent numbers, however they are distributed.

    .. math:: P(|\sum_i d_i| \ge s \sqrt{\sum_i d_i^2}) \le 2 e^{-s^2/2}

    Source: Hoeffding (1963), J. Am. Stat. Assoc. 58, 13, for the signs given the sizes.
    """
    size = float((means**2).sum())
    return 1.0 if size == 0 else 2 * math.exp(-(float(means.sum()) ** 2) / (2 * size))


def _largest(kept: Sequence[Isometry]) -> tuple[Isometry, ...]:
    """A group of elements that were kept, as large as adding one after the other makes it."""
    group = {kept[0]}
    for g in kept:
        grown = generated({*group, g})
        if grown <= set(kept):
            group = grown
    return tuple(g for g in kept if g in group)


def _boxes(axes: int) -> list[Cell]:
    """Boxes in which all clusters of up to four sites are looked at."""
    if axes == 1:
        return [(4,)]
    return sorted(set(permutations((3,) + (2,) * (axes - 1)))) if axes == 2 else [(2,) * axes]


def _subsets(box: Cell) -> list[Cluster]:
    sites = list(product(*map(range, box)))
    most = 4 if len(sites) <= 8 else 2
    return [cells for size in range(1, most + 1) for cells in combinations(sites, size)]


def _placed(cells: Sequence[Cell]) -> Cluster:
    """A cluster up to translations: moved so that its least coordinates are 0."""
    least = [min(axis) for axis in zip(*cells, strict=True)]
    return tuple(sorted(tuple(c - o for c, o in zip(cell, least, strict=True)) for cell in cells))


def _explain(means: _Means, broken: dict[Cluster, float]) -> str:
    cluster = min(broken, key=lambda c: (broken[c], len(c)))
    what = "spin" if len(cluster) == 1 else f"product of {len(cluster)} neighbouring spins"
    return f"mean {what} {means.of(cluster).mean():.3g}, where 0 is expected"
