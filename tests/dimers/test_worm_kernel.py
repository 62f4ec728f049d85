"""The transition matrix of one worm, summed over all worms, from the probabilities of the code.

A worm with a fixed tail is a walk over states (partners, head); its closed worms are summed by
solving the linear equations of that walk. Translations give the other tails.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csc_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from rsmi.sampling.dimers import DimerLattice, Dimers, Worm, coverings, dimer_law, winding
from rsmi.sampling.dimers.pictures import directions_of
from rsmi.sampling.dimers.worms.turns import turn_probabilities

from .conftest import covering_counts

Matrix = NDArray[np.float64]
FALSE_ALARM = 1e-6
TOLERANCE = 1e-12


class Walk:
    """All states that worms with one tail can reach, and the rates between them."""

    def __init__(self, lattice: DimerLattice, coupling: float, tail: int) -> None:
        self.lattice, self.tail = lattice, tail
        self.boltzmann = np.exp(coupling * np.arange(2 * lattice.n_axes - 1))
        self.closed = directions_of(lattice, coverings(lattice))
        self.number = {bytes(state): i for i, state in enumerate(self.closed)}
        self.open: dict[tuple[bytes, int], int] = {}
        self.todo: list[tuple[NDArray[np.int8], int]] = []
        self.between: list[tuple[int, int, float]] = []
        self.ends: list[tuple[int, int, float]] = []

    def state(self, directions: NDArray[np.int8], head: int) -> int:
        key = (bytes(directions), head)
        if key not in self.open:
            self.open[key] = len(self.open)
            self.todo.append((directions, head))
        return self.open[key]

    def turn(self, directions: NDArray[np.int8], head: int) -> None:
        """Every turn of the head, as `interacting_worms` carries it out."""
        here = self.state(directions, head)
        chances = np.empty(2 * self.lattice.n_axes)
        neighbours = self.lattice.neighbours
        turn_probabilities(directions, neighbours, head, self.boltzmann, chances)
        for q in np.flatnonzero(chances):
            new = directions.copy()
            k = neighbours[head, q]
            new[head], old, new[k] = q, directions[k], q ^ 1
            if k == self.tail:
                self.ends.append((here, self.number[bytes(new)], chances[q]))
            else:
                there = self.state(new, int(neighbours[k, old]))
                self.between.append((here, there, chances[q]))

    def matrix(self) -> Matrix:
        first = []
        for closed in self.closed:
            head = int(self.lattice.neighbours[self.tail, closed[self.tail]])
            lifted = closed.copy()
            lifted[self.tail] = -1
            first.append(self.state(lifted, head))
        while self.todo:
            self.turn(*self.todo.pop())
        size = len(self.open)
        stay = _sparse(self.between, (size, size))
        end = _sparse(self.ends, (size, len(self.closed)))
        return splu((eye_array(size) - stay).tocsc()).solve(end.toarray())[first]


def _sparse(entries: list[tuple[int, int, float]], shape: tuple[int, int]) -> csc_array:
    rows, columns, values = zip(*entries, strict=True)
    return csc_array((values, (rows, columns)), shape=shape)


@lru_cache
def worm_matrix(lattice: DimerLattice, coupling: float) -> Matrix:
    """Transition matrix of a worm with a random tail, from that with tail 0 by translations."""
    single = Walk(lattice, coupling, 0).matrix()
    states = coverings(lattice)
    number = {bytes(state.numpy()): i for i, state in enumerate(states)}
    total = np.zeros_like(single)
    for shift in np.ndindex(lattice.shape):
        moved = states.roll(shift, tuple(range(2, states.ndim)))
        order = np.array([number[bytes(state.numpy().copy())] for state in moved])
        total[np.ix_(order, order)] += single
    return total / lattice.n_sites


def defect(matrix: Matrix, law: Matrix) -> float:
    """Largest violation of detailed balance."""
    flow = law[:, None] * matrix
    return float(np.abs(flow - flow.T).max())


CASES = [
    (DimerLattice((2, 2)), 0.5),
    (DimerLattice((2, 4)), 1.0),
    (DimerLattice((4, 4)), 0.0),
    (DimerLattice((4, 4)), 1.0),
    (DimerLattice((2, 2, 2), "cubic"), 0.7),
]


@pytest.fixture(scope="module")
def square_matrix() -> Matrix:
    return worm_matrix(DimerLattice((4, 4)), 1.0)


@pytest.mark.parametrize(("lattice", "coupling"), CASES, ids=str)
def test_detailed_balance_of_all_worms(lattice: DimerLattice, coupling: float) -> None:
    matrix = Walk(lattice, coupling, 0).matrix()
    model = Dimers(lattice.shape, 1 / coupling if coupling else math.inf, lattice.lattice)
    law = dimer_law(model).probability.numpy()
    assert np.abs(matrix.sum(1) - 1).max() < TOLERANCE
    assert defect(matrix, law) < TOLERANCE
    assert np.abs(law @ matrix - law).max() < TOLERANCE


@pytest.mark.parametrize("tail", [0, 1, 4, 7, 19])
def test_detailed_balance_with_open_boundaries(tail: int) -> None:
    lattice = DimerLattice((4, 5), boundary="open")
    model = Dimers((4, 5), 1.25, boundary="open")
    matrix = Walk(lattice, 0.8, tail).matrix()
    assert defect(matrix, dimer_law(model).probability.numpy()) < TOLERANCE


def test_worms_of_another_coupling_are_told_apart() -> None:
    lattice = DimerLattice((4, 4))
    law = dimer_law(Dimers((4, 4), 1.0)).probability.numpy()
    matrix = Walk(lattice, 1.001, 0).matrix()
    assert defect(matrix, law) > 1e-7
    assert np.abs(law @ matrix - law).max() > 1e-7


def test_all_coverings_are_connected_and_no_period_remains(square_matrix: Matrix) -> None:
    states = coverings(DimerLattice((4, 4)))
    assert connected_components(square_matrix > 0)[0] == 1
    assert square_matrix.diagonal().min() > 0
    sectors = winding(DimerLattice((4, 4)), states)
    same = (sectors[:, None] == sectors[None]).all(2).numpy()
    assert connected_components(square_matrix * same > 0)[0] > 1
    assert (square_matrix * ~same).sum(1).min() > 0


def test_free_worms_have_no_period() -> None:
    matrix = worm_matrix(DimerLattice((4, 4)), 0.0)
    values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    assert values[-1] == pytest.approx(1)
    assert values[-2] < 0.99
    assert values[0] > -0.99


@pytest.mark.parametrize("temperature", [math.inf, 1.0])
@pytest.mark.parametrize("start", [0, 100])
def test_the_code_follows_the_matrix(
    temperature: float, start: int, p_value: Callable[..., float]
) -> None:
    model = Dimers((4, 4), temperature)
    states = coverings(model.geometry)
    row = worm_matrix(model.geometry, model.coupling)[start]
    state = states[start].repeat(20000, 1, 1, 1)
    Worm(model, seed=3, worms=1).advance(state, 0, 1)
    counts = covering_counts(states, state)
    assert p_value(counts, row) > FALSE_ALARM
    other = worm_matrix(model.geometry, 1.0 - model.coupling)[start]
    assert p_value(counts, other) < FALSE_ALARM
