"""Percolation against all states of a small torus, and against wrapping known at the threshold."""

from collections import defaultdict
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy.stats import norm

from rsmi.errors import InputError
from rsmi.sampling import Percolation

SIDE, OCCUPATIONS, RUNS = 3, (0.3, 0.5, 0.65), 3000
FALSE_ALARM = 1e-6
PINSON = {"some": 0.690473725, "every": 0.351642855}
"""Pinson (1994); Newman and Ziff (2001), Phys. Rev. E 64, 016706: a square torus at p_c."""

Site = tuple[int, int]
Bond = tuple[Site, Site, Site]


def _bonds() -> list[Bond]:
    steps = ((1, 0), (0, 1))
    return [
        ((x, y), ((x + a) % SIDE, (y + b) % SIDE), (a, b))
        for a, b in steps
        for x, y in product(range(SIDE), repeat=2)
    ]


def _clusters(sites: set[Site], bonds: list[Bond]) -> tuple[int, set[int]]:
    """Size of the largest cluster and axes that are wrapped, by walking through it."""
    beside = defaultdict(list)
    for a, b, (x, y) in bonds:
        beside[a].append((b, (x, y)))
        beside[b].append((a, (-x, -y)))
    seen: dict[Site, Site] = {}
    largest, axes = 0, set()
    for start in sites:
        if start in seen:
            continue
        seen[start], waiting, size = (0, 0), [start], 0
        while waiting:
            here = waiting.pop()
            size += 1
            for there, step in beside[here]:
                place = (seen[here][0] + step[0], seen[here][1] + step[1])
                if there not in seen:
                    seen[there] = place
                    waiting.append(there)
                axes |= {axis for axis in (0, 1) if seen[there][axis] != place[axis]}
        largest = max(largest, size)
    return largest, axes


def _summed(count: int, row: Callable[[tuple[bool, ...]], list[float]]) -> np.ndarray:
    """What `runs` measures, summed over every state of so many sites or bonds: (P, 4)."""
    total = np.zeros((len(OCCUPATIONS), 4))
    for state in product((False, True), repeat=count):
        n, own = sum(state), np.array(row(state))
        for place, p in enumerate(OCCUPATIONS):
            total[place] += p**n * (1 - p) ** (count - n) * own
    return total


def _square(state: tuple[bool, ...]) -> list[float]:
    every = list(product(range(SIDE), repeat=2))
    sites = {site for site, there in zip(every, state, strict=True) if there}
    largest, axes = _clusters(sites, [bond for bond in _bonds() if {bond[0], bond[1]} <= sites])
    share = largest / SIDE**2
    return [share, share**2, len(axes) > 0, len(axes) == 2]


def _ring(state: tuple[bool, ...]) -> list[float]:
    """Of a ring of bonds: one more than the longest row of those that are there."""
    rows = "".join("1" if there else "0" for there in state * 2).split("0")
    largest = min(max(map(len, rows)) + 1, len(state)) / len(state)
    return [largest, largest**2, all(state), all(state)]


def _worst(found: np.ndarray, exact: np.ndarray) -> float:
    error = np.maximum(found.std(0, ddof=1) / len(found) ** 0.5, 1e-12)
    return float(np.abs((found.mean(0) - exact) / error).max())


_LIMIT = float(norm.isf(FALSE_ALARM / 24))


@pytest.fixture(scope="module")
def site() -> np.ndarray:
    return _summed(SIDE**2, _square)


def test_sites_of_a_small_torus_are_exact(site: np.ndarray) -> None:
    found = Percolation("square", (SIDE, SIDE), "site", seed=1).runs(0, RUNS, OCCUPATIONS)
    assert _worst(found, site) < _LIMIT


def test_bonds_of_a_ring_are_exact() -> None:
    found = Percolation("chain", (8,), "bond", seed=1).runs(0, RUNS, OCCUPATIONS)
    assert _worst(found, _summed(8, _ring)) < _LIMIT


def test_a_shifted_occupation_would_be_noticed(site: np.ndarray) -> None:
    grown = Percolation("square", (SIDE, SIDE), "site", seed=1)
    assert _worst(grown.runs(0, RUNS, [p + 0.03 for p in OCCUPATIONS]), site) > _LIMIT


@pytest.mark.parametrize(
    ("lattice", "kind", "threshold"),
    [("square", "bond", 0.5), ("square", "site", 0.59274605079210)],
)
def test_wrapping_at_the_threshold_is_universal(lattice: str, kind: str, threshold: float) -> None:
    grown = Percolation(lattice, (32, 32), kind, seed=2)  # type: ignore[arg-type]
    found = grown.runs(0, 1000, [threshold])[:, 0, 2:]
    # L = 32 is off by about .003, a fifth of the error here
    assert _worst(found, np.array(list(PINSON.values()))) < _LIMIT
    assert _worst(found, np.array([0.521058290, 0.521058290])) > _LIMIT


def test_runs_do_not_depend_on_their_neighbours() -> None:
    grown = Percolation("triangular", (6, 6), "bond", seed=5)
    together = grown.runs(0, 6, [0.3, 0.4])
    assert np.array_equal(together[4:], grown.runs(4, 6, [0.3, 0.4]))
    assert not np.array_equal(together[0], together[1])


def test_everything_is_there_at_the_end() -> None:
    for lattice, cells in (("cubic", (4, 4, 4)), ("kagome", (4, 4)), ("honeycomb", (4, 5))):
        largest, first = Percolation(lattice, cells, "bond").grow(0)
        assert largest[-1] == Percolation(lattice, cells).sites
        assert (np.diff(largest) >= 0).all()
        assert len(first) == len(cells)
        assert first.max() <= len(largest) - 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"lattice": "squre"}, "squre"),
        ({"cells": (2, 8)}, "joins some pairs of sites twice"),
        ({"kind": "edge"}, "kind is 'edge'; expected site or bond"),
    ],
)
def test_bad_input_is_explained(asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Percolation(**({"lattice": "square", "cells": (8, 8)} | asked))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"expected numbers in 0 \.\.\. 1"):
        Percolation("square", (4, 4)).runs(0, 1, [1.5])
