"""The best variable of few symbols: values of X put together by what they say of Y."""

import math
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.information.discrete import entropy, mutual_information
from rsmi.information.merging import equal_rows, merge_similar
from rsmi.information.number import Estimate, Kind

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

SUBSETS = 16
"""Different values of X up to which all sets of them are tried."""
_BINS = 512  # merged values of Y on which sets are tried first
_MERGED = 512  # values of X up to which pairs are merged one by one
_MET, _STARTS = 12, 64  # how often the search must end at its best value, and how many there are
_SAME = 1e-9
_GAIN = 1e-13


@dataclass(frozen=True)
class Partition:
    """A variable T that is a function of X.

    Args:
        label: (n,) int64, the symbol of each value of X; -1 for values that never occur.
        rate: H(T) = I(X;T) in nats.
        kept: I(T;Y) in nats: `exact` where no other partition is better, else `lower`.
    """

    label: Tensor
    rate: float
    kept: Estimate

    @property
    def symbols(self) -> int:
        """How many symbols are in use."""
        return int(self.label.max()) + 1


def check_joint(joint: Tensor) -> Tensor:
    """Validate p(x, y).

    Returns:
        (n, m) float64, summing to 1.

    Raises:
        InputError: For another shape, negative or other than finite entries, or another sum.
    """
    table = torch.as_tensor(joint)
    if table.dim() != 2 or not table.numel():
        raise InputError(
            f"p(x, y) has shape {list(table.shape)}; expected (n, m), a row for each value of x "
            "and a column for each of y"
        )
    p = table.double()
    if not bool(p.isfinite().all() and (p >= 0).all()):
        raise InputError(
            f"p(x, y) has entries from {float(p.min()):.6g} to {float(p.max()):.6g}; expected "
            "probabilities, which are finite and not negative"
        )
    total = float(p.sum())
    if abs(total - 1) > 1e-6:
        raise InputError(
            f"p(x, y) sums to {total:.8g}; expected 1: divide the table by its sum if these are "
            "counts"
        )
    return p / total


def best_partition(
    joint: Tensor, symbols: int | None = None, *, price: float = 0.0, seed: int = 0
) -> Partition:
    r"""Find the function T of X with at most k symbols that keeps most of Y.

    .. math:: \max_{T = f(X),\, |T| \le k} \; I(T;Y) - \frac{1}{\beta} H(T)

    Values of X with the same p(y|x) are put together first, which loses nothing. The goal is
    convex in the weights that the symbols get, so an optimum gives x to the largest of k
    linear functions of p(y|x): with binary Y each symbol takes neighbours in the order of
    p(y=1|x), and the best division is found exactly in O(n^2 k) steps. Up to 16 different p(y|x)
    all sets of them are compared, exactly as well (of many values of Y only those sets that could
    be better than what is found on 512 merged ones). Beyond that pairs are merged one by one,
    values then move singly as long as that gains, and random starts follow until the best value
    has been met a dozen times; what is found is a lower bound.

    Args:
        joint: (n, m) p(x, y).
        symbols: k; as many as pay without, which needs a price.
        price: 1/beta in 0..1, the price of a nat of H(T); the deterministic bottleneck.
        seed: Of random starts.

    Returns:
        The partition; `kept.kind` says whether it is `exact` or `lower`.

    Raises:
        InputError: For an unusable p(x, y), k < 1, or a price out of range.

    Source: Kurkoski and Yagi (2014), arXiv:1107.5637 (binary Y); Burshtein, Della Pietra, Kanevsky
    and Nadas (1992); Slonim and Tishby (1999); Strouse and Schwab (2017), arXiv:1604.00268.

    >>> joint = torch.tensor([[0.4, 0.1], [0.3, 0.0], [0.0, 0.2]])
    >>> best = best_partition(joint, 2)
    >>> best.label.tolist(), str(best.kept)
    ([0, 0, 1], '0.30944817 nats (exact)')
    """
    p = check_joint(joint)
    if (symbols is None and price == 0) or not (symbols is None or _counts(symbols)):
        raise InputError(
            f"{symbols} symbols were asked for; expected a whole number of at least 1, or none "
            "with a price above 0"
        )
    if not 0 <= price <= 1:
        raise InputError(f"the price of H(T) is {price}; expected 1/beta from 0 to 1")
    classes, merged = _classes(p)
    most = min(symbols or len(merged), len(merged))
    label, exact = _divided(merged, most, price, seed)
    named = torch.where(classes >= 0, torch.from_numpy(label)[classes], -1)
    kept = _kept(merged, label, most)
    rate = float(entropy(torch.from_numpy(_cells(merged, label, most).sum(1))))
    kind: Kind = "exact" if exact else "lower"
    return Partition(named, rate, Estimate(kept, 0.0, kind))


def _counts(number: object) -> bool:
    return not isinstance(number, bool) and isinstance(number, Integral) and int(number) > 0


def _classes(p: Tensor) -> tuple[Tensor, Array]:
    """Which p(y|x) each x has, -1 where it never occurs, and the weights (classes, m) of each.

    Classes are in the order of p(y=1|x) where Y is binary.
    """
    occurs = p.sum(1) > 0
    p = p[:, p.sum(0) > 0]
    rows = p[occurs] / p[occurs].sum(1, keepdim=True)
    alike = equal_rows(rows)
    joint = p.new_zeros(int(alike.max()) + 1, p.shape[1]).index_add_(0, alike, p[occurs])
    order = (joint[:, -1] / joint.sum(1)).argsort()
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    classes = torch.full((len(p),), -1)
    classes[occurs] = place[alike]
    return classes, joint[order].numpy().copy()


def _divided(joint: Array, k: int, price: float, seed: int) -> tuple[Labels, bool]:
    """Symbols (n,) of the classes, counted from 0 on, and whether no others are better."""
    n, m = joint.shape
    if (k == n and price == 0) or m == 1:
        return np.arange(n) if m > 1 else np.zeros(n, np.int64), True
    if m == 2:
        return _intervals(joint, k, price), True
    if n <= SUBSETS:
        return _sets(joint, k, price), True
    return _searched(joint, k, price, seed), False


def _intervals(joint: Array, k: int, price: float) -> Labels:
    """The best division into at most k runs of neighbours, by dynamic programming.

    Where each row may have a symbol of its own their number is free, and one line is enough.
    """
    n, free = len(joint), k == len(joint)
    sums = np.concatenate([np.zeros((1, 2)), joint.cumsum(0)])
    best = np.full(((1 if free else k) + 1, n + 1), -np.inf)
    best[:, 0], start = 0.0, np.zeros(best.shape, np.int64)
    before = best[1:] if free else best[:-1]
    for end in range(1, n + 1):
        total = before[:, :end] + _worth(sums[end] - sums[:end], price)
        start[1:, end] = total.argmax(1)
        best[1:, end] = total.max(1)
    label, end, line = np.zeros(n, np.int64), n, len(best) - 1
    while end > 0:
        first = start[line, end]
        label[:first] -= 1
        end, line = first, line - (not free)
    return label - label.min()


def _worth(w: Array, price: float) -> Array:
    """What symbols of weights (..., m) add to I(T;Y) - price H(T), less what is common to all."""
    total = w.sum(-1)
    return _xlogx(w).sum(-1) - (1 - price) * _xlogx(total)


def _xlogx(w: Array) -> Array:
    return np.where(w > 0, w * np.log(np.maximum(w, 1e-300)), 0.0)


def _sets(joint: Array, k: int, price: float) -> Labels:
    """The best division into at most k sets.

    What merging values of Y takes from a set is at most what it takes from its members one by one
    (convexity), so a set that stays too low even with that given back is in no best division.
    """
    every = np.arange(1 << len(joint))
    if joint.shape[1] <= _BINS:
        return _read(_chosen(_set_values(joint, every, price), k)[1], len(joint))
    weights = torch.from_numpy(joint.sum(0))
    few, mass = merge_similar(torch.from_numpy(joint.T / joint.sum(0)[:, None]), weights, _BINS)
    coarse = np.ascontiguousarray((few * mass[:, None]).numpy().T)
    values = _set_values(coarse, every, price)
    best, choice = _chosen(values, k)
    found = _read(choice, len(joint))
    floor = _worth(_cells(joint, found, k), price).sum()
    loss = float((_worth(joint, price) - _worth(coarse, price)).sum())
    hopeful = values + best[k - 1][::-1] + loss >= floor - _SAME
    hopeful[0] = True
    values = np.where(hopeful, 0.0, -np.inf)
    values[hopeful] = _set_values(joint, every[hopeful], price)
    return _read(_chosen(values, k)[1], len(joint))


@njit(cache=True)
def _set_values(joint: Array, sets: Labels, price: float) -> Array:
    """`_worth` of sets of rows, each a number whose bits are its members."""
    n, m = joint.shape
    values = np.zeros(len(sets))
    for place in range(len(sets)):
        w = np.zeros(m)
        for x in range(n):
            if sets[place] >> x & 1:
                w += joint[x]
        total = w.sum()
        value = 0.0
        for y in range(m):
            if w[y] > 0:
                value += w[y] * math.log(w[y])
        if total > 0:
            value -= (1 - price) * total * math.log(total)
        values[place] = value
    return values


@njit(cache=True)
def _chosen(values: Array, k: int) -> tuple[Array, Labels]:
    """Best sum over at most j disjoint sets that cover S, and the one that holds its first member.

    best[j, S] = max_T best[j-1, S minus T] + values[T]; all pairs T in S are 3^n.
    """
    best = np.full((k + 1, len(values)), -np.inf)
    choice = np.zeros((k + 1, len(values)), np.int64)
    best[:, 0] = 0.0
    for j in range(1, k + 1):
        for whole in range(1, len(values)):
            first = whole & -whole
            rest = whole ^ first
            part = rest
            while True:
                value = best[j - 1, rest ^ part] + values[part | first]
                if value > best[j, whole]:
                    best[j, whole] = value
                    choice[j, whole] = part | first
                if part == 0:
                    break
                part = (part - 1) & rest
    return best, choice


def _read(choice: Labels, n: int) -> Labels:
    """Symbols of the best division of everything."""
    label, left, j = np.zeros(n, np.int64), (1 << n) - 1, len(choice) - 1
    symbol = 0
    while left:
        own = int(choice[j, left])
        label[(own >> np.arange(n) & 1) == 1] = symbol
        left, j, symbol = left ^ own, j - 1, symbol + 1
    return label


def _searched(joint: Array, k: int, price: float, seed: int) -> Labels:
    """Agglomeration, then single moves; again from random starts until the best is met often."""
    chance = np.random.default_rng(seed)
    best, value, met = _agglomerated(joint, k), -np.inf, 0
    for start in range(_STARTS):
        label = best if start == 0 else chance.integers(0, k, len(joint))
        label = label.copy()
        cells = _cells(joint, label, k)
        order = chance.permutation(len(joint))
        _settle(joint, label, cells, _worth(cells, price), price, order)
        found = _worth(_cells(joint, label, k), price).sum()
        if found > value + _SAME:
            best, value, met = label, found, 1
        elif found > value - _SAME:
            met += 1
        if met >= _MET:
            break
    return np.unique(best, return_inverse=True)[1]


@njit(cache=True)
def _joined(a: Array, b: Array, sign: float, price: float) -> float:
    """`_worth` of a + sign b."""
    total, value = 0.0, 0.0
    for y in range(len(a)):
        one = a[y] + sign * b[y]
        if one > 0:
            total += one
            value += one * math.log(one)
    return value - (1 - price) * total * math.log(total) if total > 0 else 0.0


@njit(cache=True)
def _settle(
    joint: Array, label: Labels, cells: Array, values: Array, price: float, order: Labels
) -> None:
    """Give each row in turn the symbol where it gains most, until none gains.

    Everything but the rows and their order is changed in place: symbols (n,), their weights (k, m),
    and what these add (k,).
    """
    moved = True
    while moved:
        moved = False
        for x in order:
            old = label[x]
            left = _joined(cells[old], joint[x], -1.0, price)
            best, most, joined = old, values[old] - left + _GAIN, 0.0
            for other in range(len(cells)):
                if other != old:
                    own = _joined(cells[other], joint[x], 1.0, price)
                    if own - values[other] > most:
                        best, most, joined = other, own - values[other], own
            if best != old:
                for y in range(joint.shape[1]):
                    cells[old, y] = max(cells[old, y] - joint[x, y], 0.0)
                    cells[best, y] += joint[x, y]
                label[x], values[old], values[best], moved = best, left, joined, True


def _agglomerated(joint: Array, k: int) -> Labels:
    """k symbols by merging the pair that loses least, from at most 512 on."""
    rows = torch.from_numpy(joint / joint.sum(1, keepdims=True))
    centres, _ = merge_similar(rows, torch.from_numpy(joint.sum(1)), _MERGED)
    roots = torch.cdist(rows.sqrt(), centres.sqrt()) if len(centres) < len(rows) else None
    first = np.arange(len(rows)) if roots is None else roots.argmin(1).numpy()
    cells = _cells(joint, first, int(first.max()) + 1)
    return _merge_pairs(cells, k)[first]


def _merge_pairs(cells: Array, k: int) -> Labels:
    """Symbols of rows (n, m) after merging pairs until k are left, each time at the least loss."""
    n = len(cells)
    w, label, there = cells.copy(), np.arange(n), np.ones(n, bool)
    worth, loss = _worth(w, 0.0), np.full((n, n), np.inf)
    for a in range(1, n):
        loss[a, :a] = worth[a] + worth[:a] - _worth(w[a] + w[:a], 0.0)
    for _ in range(n - k):
        a, b = divmod(int(loss.argmin()), n)
        w[b] += w[a]
        label[label == a], there[a] = b, False
        loss[a], loss[:, a], worth[b] = np.inf, np.inf, _worth(w[b], 0.0)
        lost = np.where(there, worth[b] + worth - _worth(w[b] + w, 0.0), np.inf)
        loss[b, :b], loss[b + 1 :, b] = lost[:b], lost[b + 1 :]
    return np.unique(label, return_inverse=True)[1]


def _cells(joint: Array, label: Labels, k: int) -> Array:
    """Weights (k, m) of the symbols."""
    cells = np.zeros((k, joint.shape[1]))
    np.add.at(cells, label, joint)
    return cells


def _kept(joint: Array, label: Labels, k: int) -> float:
    return float(mutual_information(torch.from_numpy(_cells(joint, label, k))))
