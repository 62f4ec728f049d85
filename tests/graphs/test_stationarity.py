"""Transition matrices by enumeration: they leave the Boltzmann law alone, and the code obeys them.

The matrices are built from the probabilities that the production code uses; frequencies of one
production sweep are then compared with a row of the matrix.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.lattice.graphs import from_edges, graph_lattice
from rsmi.sampling import Sampler
from rsmi.sampling.graphs import (
    GraphHeatBath,
    GraphIsing,
    GraphSwendsenWang,
    GraphWolff,
    Ladder,
    ParallelTempering,
    gaussian_bonds,
)
from rsmi.sampling.graphs.cluster_updates import edge_probabilities
from rsmi.sampling.graphs.exact import spectrum
from rsmi.sampling.graphs.exact.enumeration import all_configurations
from rsmi.sampling.graphs.heat_bath import up_probability, up_table
from rsmi.sampling.graphs.tempering import swap_probability

Matrix = NDArray[np.float64]
PValue = Callable[[Matrix, Matrix], float]
FALSE_ALARM = 1e-6

SQUARE = from_edges([(0, 1), (1, 2), (2, 3), (3, 0), (0, 1)], 4)
TETRAHEDRON = from_edges([(a, b) for a in range(4) for b in range(a)], 4)
FRUSTRATED = GraphIsing(TETRAHEDRON, 0.6, bonds=gaussian_bonds(TETRAHEDRON, 3), field=0.3)
MIXED = GraphIsing(SQUARE, 0.5, bonds=np.array([1.0, -0.5, 2.0, -1.0, 0.7]))
DILUTED = GraphIsing(graph_lattice("honeycomb", (2, 2)), 0.5, occupied=np.arange(8) % 4 > 0)


def rows(model: GraphIsing) -> tuple[NDArray[np.int64], Matrix]:
    """Spins of every configuration, and the Boltzmann law."""
    spins = all_configurations(model).flatten(1).numpy().astype(np.int64)
    return spins, spectrum(model).probabilities(model.coupling)


def place_of(spins: NDArray[np.int64], states: NDArray[np.int64]) -> NDArray[np.int64]:
    places = 3 ** np.arange(spins.shape[1])
    code = (states + 1) @ places
    order = np.argsort(code)
    return order[np.searchsorted(code[order], (spins + 1) @ places)]


def heat_bath_matrix(model: GraphIsing) -> Matrix:
    """One sweep: the product of the single-site matrices in the order of the sites."""
    spins, _ = rows(model)
    coupling_matrix = np.zeros((model.n_sites, model.n_sites))
    for (a, b), strength in zip(model.lattice.edges, model.strengths, strict=True):
        coupling_matrix[a, b] += strength
        coupling_matrix[b, a] += strength
    sweep = np.eye(len(spins))
    for site in model.present.nonzero()[0]:
        field = spins @ coupling_matrix[site] + model.fields[site]
        up = np.array([up_probability(model.coupling, h) for h in field])
        step = np.zeros_like(sweep)
        for value, chance in ((1, up), (-1, 1 - up)):
            target = spins.copy()
            target[:, site] = value
            step[np.arange(len(spins)), place_of(target, spins)] += chance
        sweep = sweep @ step
    return sweep


def bond_sets(model: GraphIsing) -> list[tuple[Matrix, NDArray[np.int64]]]:
    """For every set of joined edges: its probability from each state, and the cluster labels."""
    spins, _ = rows(model)
    edges, chance = model.lattice.edges, edge_probabilities(model.coupling, model.strengths)
    satisfied = model.strengths * spins[:, edges[:, 0]] * spins[:, edges[:, 1]] > 0
    found = []
    for number in range(2 ** len(edges)):
        chosen = (number >> np.arange(len(edges))) & 1 == 1
        weight = np.where(chosen, satisfied * chance, np.where(satisfied, 1 - chance, 1.0)).prod(
            axis=1
        )
        labels = np.arange(model.n_sites)
        for _ in range(model.n_sites):
            for a, b in edges[chosen]:
                labels[[a, b]] = labels[[a, b]].min()
        found.append((weight, labels))
    return found


def swendsen_wang_matrix(model: GraphIsing) -> Matrix:
    spins, _ = rows(model)
    matrix = np.zeros((len(spins), len(spins)))
    for weight, labels in bond_sets(model):
        roots = np.unique(labels)
        for signs in range(2 ** len(roots)):
            sign = 1 - 2 * ((signs >> np.searchsorted(roots, labels)) & 1)
            matrix[np.arange(len(spins)), place_of(spins * sign, spins)] += weight / 2 ** len(roots)
    return matrix


def wolff_matrix(model: GraphIsing) -> Matrix:
    spins, _ = rows(model)
    matrix = np.zeros((len(spins), len(spins)))
    for weight, labels in bond_sets(model):
        for site in range(model.n_sites):
            sign = np.where(labels == labels[site], -1, 1)
            matrix[np.arange(len(spins)), place_of(spins * sign, spins)] += weight / model.n_sites
    return matrix


def one_step_p_value(
    sampler: Sampler, start: torch.Tensor, row: Matrix, states: torch.Tensor, p_value: PValue
) -> float:
    state = start.expand(40000, *start.shape).contiguous()
    sampler.advance(state, first_sweep=17, sweeps=1)
    flat = state.flatten(1).numpy().astype(np.int64)
    found = place_of(flat, states.flatten(1).numpy().astype(np.int64))
    return p_value(np.bincount(found, minlength=len(row)).astype(float), row)


CASES = [
    (GraphHeatBath, heat_bath_matrix, FRUSTRATED),
    (GraphHeatBath, heat_bath_matrix, MIXED),
    (GraphHeatBath, heat_bath_matrix, DILUTED),
    (GraphSwendsenWang, swendsen_wang_matrix, MIXED),
    (GraphWolff, wolff_matrix, MIXED),
]


@pytest.mark.parametrize(("update", "build", "model"), CASES)
def test_sweeps_leave_the_law_alone(
    update: Callable[..., Sampler],
    build: Callable[[GraphIsing], Matrix],
    model: GraphIsing,
    p_value: PValue,
) -> None:
    matrix, (_, law) = build(model), rows(model)
    assert np.abs(matrix.sum(axis=1) - 1).max() < 1e-12
    assert np.abs(law @ matrix - law).max() < 1e-12
    states = all_configurations(model)
    for start in (0, 5, len(states) - 3):
        step = one_step_p_value(update(model, 3), states[start], matrix[start], states, p_value)
        assert step > FALSE_ALARM


@pytest.mark.parametrize(
    ("update", "build", "model"), [CASES[0], CASES[3], CASES[4]], ids=["heat", "sw", "wolff"]
)
def test_another_kernel_is_noticed(
    update: Callable[..., Sampler],
    build: Callable[[GraphIsing], Matrix],
    model: GraphIsing,
    p_value: PValue,
) -> None:
    warmer = GraphIsing(model.lattice, 0.9 * model.coupling, model.bonds, model.field)
    states = all_configurations(model)
    row = build(warmer)[0]
    assert one_step_p_value(update(model, 3), states[0], row, states, p_value) < FALSE_ALARM


@pytest.mark.parametrize("build", [swendsen_wang_matrix, wolff_matrix])
def test_cluster_updates_satisfy_detailed_balance(build: Callable[[GraphIsing], Matrix]) -> None:
    _, law = rows(MIXED)
    flow = law[:, None] * build(MIXED)
    assert np.abs(flow - flow.T).max() < 1e-12


def test_table_of_whole_fields_is_the_formula() -> None:
    model = GraphIsing(SQUARE, 0.5, field=2.0)
    fields = np.arange(-5.0, 6.0)
    assert up_table(model, 0.5).tolist() == [up_probability(0.5, h) for h in fields]
    assert up_table(MIXED, 0.5).size == 0


def test_parallel_tempering_leaves_the_law_alone(p_value: PValue) -> None:
    triangle = from_edges([(0, 1), (1, 2), (2, 0)], 3)
    model = GraphIsing(triangle, 1.0, bonds=np.array([-1.0, -0.4, 1.0]), field=0.2)
    ladder = Ladder(model, (0.7, 1.6))
    sampler = ParallelTempering(ladder, seed=3)
    copies = [GraphIsing(triangle, 1 / t, model.bonds, 0.2) for t in ladder.temperatures]
    low, high = (heat_bath_matrix(copy) for copy in copies)
    law = np.kron(*(rows(copy)[1] for copy in copies))
    energies = spectrum(model).energies
    size = len(energies)
    swap = np.zeros((size**2, size**2))
    gap = 1 / 0.7 - 1 / 1.6
    for i in range(size):
        for j in range(size):
            chance = swap_probability(gap, energies[i] - energies[j])
            swap[i * size + j, j * size + i] += chance
            swap[i * size + j, i * size + j] += 1 - chance
    matrix = np.kron(low, high) @ swap
    assert np.abs(law @ swap - law).max() < 1e-12
    assert np.abs(law @ matrix - law).max() < 1e-12
    spins = all_configurations(model)
    start = torch.stack([spins[2], spins[5]])
    state = start.expand(40000, 2, 3).contiguous()
    sampler.advance(state, first_sweep=16, sweeps=1)
    states = spins.numpy().astype(np.int64)
    first, second = (place_of(state[:, k].numpy().astype(np.int64), states) for k in (0, 1))
    counts = np.bincount(first * size + second, minlength=size**2).astype(float)
    assert p_value(counts, matrix[2 * size + 5]) > FALSE_ALARM
    assert p_value(counts, np.kron(low, high)[2 * size + 5]) < FALSE_ALARM
