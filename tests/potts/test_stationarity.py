"""Transition matrices by enumeration leave the Boltzmann law alone, and the code obeys them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.lattice import Hypercubic
from rsmi.sampling import Sampler
from rsmi.sampling.graphs.cluster_updates import edge_probabilities
from rsmi.sampling.potts import (
    BlumeCapel,
    BlumeCapelClusters,
    BlumeCapelEmbeddedClusters,
    BlumeCapelHeatBath,
    Potts,
    PottsHeatBath,
    PottsSwendsenWang,
    PottsWolff,
    cluster_updates,
)
from rsmi.sampling.potts.cluster_updates import bond_probability, embedded_law
from rsmi.sampling.potts.exact import all_values
from rsmi.sampling.potts.heat_bath import blume_capel_laws, potts_weights

Matrix = NDArray[np.float64]
Values = NDArray[np.int64]
AnyModel = Potts | BlumeCapel
PValue = Callable[[Matrix, Matrix], float]
FALSE_ALARM = 1e-6
POTTS = Potts((2, 2), 3, 0.8)
ANTIFERROMAGNET = Potts((4,), 3, -0.8)
SPIN_ONE = BlumeCapel((2, 2), 0.6, 0.7)
TRICRITICAL = BlumeCapel((2, 3), 1 / 0.60858, 1.96582)
RINGS = [BlumeCapel((3,), 0.9, -0.4), BlumeCapel((4,), 1.5, 1.1)]


def values_of(model: AnyModel) -> Values:
    """Every configuration with values from 0, (c, n_sites)."""
    count = model.states if isinstance(model, Potts) else 3
    return all_values(count, model.n_sites).numpy().astype(np.int64)


def configurations(model: AnyModel) -> torch.Tensor:
    lowest = 0 if isinstance(model, Potts) else -1
    return torch.from_numpy((values_of(model) + lowest).astype(np.int8)).reshape(-1, *model.shape)


def law_of(model: AnyModel) -> Matrix:
    weight = np.exp(-model.coupling * model.energy(configurations(model)).double().numpy())
    return np.asarray(weight / weight.sum())


def place(values: Values, count: int) -> Values:
    return values @ count ** np.arange(values.shape[1])


def heat_bath_matrix(model: AnyModel) -> Matrix:
    values, neighbours = values_of(model), Hypercubic(model.shape).neighbours()
    count = values.max() + 1
    sweep = np.eye(len(values))
    for site in range(model.n_sites):
        around = values[:, neighbours[site]]
        if isinstance(model, Potts):
            numbers = np.stack([(around == a).sum(axis=1) for a in range(count)], axis=1)
            laws = potts_weights(model.coupling, len(model.shape))[numbers]
            laws = laws / laws.sum(axis=1, keepdims=True)
        else:
            table = blume_capel_laws(model.coupling, model.crystal_field, len(model.shape))
            laws = table[(around - 1).sum(axis=1) + 2 * len(model.shape)]
        step = np.zeros_like(sweep)
        for value in range(count):
            target = values.copy()
            target[:, site] = value
            step[np.arange(len(values)), place(target, count)] += laws[:, value]
        sweep = sweep @ step
    return sweep


def bond_sets(model: AnyModel) -> list[tuple[Matrix, Values]]:
    """For every set of joined bonds: its probability from each state, and the cluster labels."""
    spins = configurations(model).flatten(1).numpy().astype(np.int64)
    bonds = Hypercubic(model.shape).bonds()
    first, second = spins[:, bonds[:, 0]], spins[:, bonds[:, 1]]
    if isinstance(model, Potts):
        satisfied, chance = first == second, bond_probability(model.coupling)
    else:
        satisfied = first * second > 0
        chance = float(edge_probabilities(model.coupling, np.ones(1))[0])
    found = []
    for number in range(2 ** len(bonds)):
        chosen = (number >> np.arange(len(bonds))) & 1 == 1
        weight = np.where(chosen, satisfied * chance, np.where(satisfied, 1 - chance, 1.0)).prod(
            axis=1
        )
        labels = np.arange(model.n_sites)
        for _ in range(model.n_sites):
            for a, b in bonds[chosen]:
                labels[[a, b]] = labels[[a, b]].min()
        found.append((weight, labels))
    return found


def swendsen_wang_matrix(model: AnyModel) -> Matrix:
    values = values_of(model)
    matrix = np.zeros((len(values), len(values)))
    for weight, labels in bond_sets(model):
        roots = np.unique(labels)
        choices = all_values(int(values.max()) + 1, len(roots)).numpy().astype(np.int64)
        for choice in choices:
            target = np.broadcast_to(choice[np.searchsorted(roots, labels)], values.shape)
            matrix[np.arange(len(values)), place(target, values.max() + 1)] += weight / len(choices)
    return matrix


def wolff_matrix(model: AnyModel) -> Matrix:
    values = values_of(model)
    count = values.max() + 1
    matrix = np.zeros((len(values), len(values)))
    for weight, labels in bond_sets(model):
        for site in range(model.n_sites):
            for step in range(1, count):
                moved = np.where(labels == labels[site], (values + step) % count, values)
                share = weight / model.n_sites / (count - 1)
                matrix[np.arange(len(values)), place(moved, count)] += share
    return matrix


def signed_clusters_matrix(model: AnyModel) -> Matrix:
    """A heat-bath sweep, then a fair sign for each cluster of spins that are not 0."""
    values = values_of(model)
    flips = np.zeros((len(values), len(values)))
    for weight, labels in bond_sets(model):
        roots = np.unique(labels)
        for signs in all_values(2, len(roots)).numpy().astype(np.int64):
            sign = 1 - 2 * signs[np.searchsorted(roots, labels)]
            target = (values - 1) * sign + 1
            flips[np.arange(len(values)), place(target, 3)] += weight / 2 ** len(roots)
    return heat_bath_matrix(model) @ flips


def embedded_turn_matrix(model: AnyModel, held: int) -> Matrix:
    """Bonds are drawn given the spins, then spins given the bonds and the spins that are held.

    The second law is Boltzmann's, times the probability of the bonds, among all configurations
    that hold the same spins: no field and no cluster enters.
    """
    spins = configurations(model).flatten(1).numpy().astype(np.int64)
    bonds = Hypercubic(model.shape).bonds()
    first, second = spins[:, bonds[:, 0]], spins[:, bonds[:, 1]]
    joinable = (first == second) & (first != held)
    chance = -np.expm1(-model.coupling * (2 if held == 0 else 0.5))
    chosen = (np.arange(2 ** len(bonds))[:, None] >> np.arange(len(bonds))) & 1 == 1
    pattern = place((spins == held).astype(np.int64), 2)
    law, matrix = law_of(model), np.zeros((len(spins), len(spins)))
    for number in np.unique(pattern):
        group = np.flatnonzero(pattern == number)
        weight = np.ones((len(chosen), len(group)))
        for bond, may in enumerate(joinable[group].T):
            free = np.where(may, 1 - chance, 1.0)
            weight *= np.where(chosen[:, bond, None], may * chance, free)
        joint = weight * law[group]
        possible = joint.sum(axis=1) > 0
        given = joint[possible] / joint[possible].sum(axis=1, keepdims=True)
        matrix[np.ix_(group, group)] = weight[possible].T @ given
    return matrix


def embedded_clusters_matrix(model: AnyModel) -> Matrix:
    """The letters +1 and -1 are held in turn, three times, then 0."""
    down, up, signs = (embedded_turn_matrix(model, held) for held in (1, -1, 0))
    return np.linalg.matrix_power(down @ up, 3) @ signs


CASES = [
    (PottsHeatBath, heat_bath_matrix, POTTS),
    (PottsHeatBath, heat_bath_matrix, ANTIFERROMAGNET),
    (PottsSwendsenWang, swendsen_wang_matrix, POTTS),
    (PottsWolff, wolff_matrix, POTTS),
    (BlumeCapelHeatBath, heat_bath_matrix, SPIN_ONE),
    (BlumeCapelClusters, signed_clusters_matrix, SPIN_ONE),
    *(
        (BlumeCapelEmbeddedClusters, embedded_clusters_matrix, model)
        for model in (SPIN_ONE, TRICRITICAL, *RINGS)
    ),
]
Build = Callable[[AnyModel], Matrix]


def frequencies(sampler: Sampler, start: torch.Tensor, model: AnyModel) -> Matrix:
    state = start.expand(40000, *start.shape).contiguous()
    sampler.advance(state, first_sweep=17, sweeps=1)
    lowest = 0 if isinstance(model, Potts) else -1
    values = state.flatten(1).numpy().astype(np.int64) - lowest
    every = values_of(model)
    return np.bincount(place(values, every.max() + 1), minlength=len(every)).astype(float)


@pytest.mark.parametrize(("update", "build", "model"), CASES)
def test_sweeps_leave_the_law_alone_and_the_code_obeys(
    update: Callable[..., Sampler], build: Build, model: AnyModel, p_value: PValue
) -> None:
    matrix, law = build(model), law_of(model)
    assert np.abs(matrix.sum(axis=1) - 1).max() < 1e-12
    assert np.abs(law @ matrix - law).max() < 1e-12
    states = configurations(model)
    for start in (0, 7, 50):
        row = start % len(states)
        seen = frequencies(update(model, 3), states[row], model)
        assert p_value(seen, matrix[row]) > FALSE_ALARM


@pytest.mark.parametrize(("update", "build", "model"), CASES)
def test_another_kernel_is_noticed(
    update: Callable[..., Sampler], build: Build, model: AnyModel, p_value: PValue
) -> None:
    if isinstance(model, Potts):
        other: AnyModel = Potts(model.shape, model.states, 0.8 * model.coupling)
    else:
        other = BlumeCapel(model.shape, 0.8 * model.coupling, model.crystal_field)
    seen = frequencies(update(model, 3), configurations(model)[0], model)
    assert p_value(seen, build(other)[0]) < FALSE_ALARM


@pytest.mark.parametrize("build", [swendsen_wang_matrix, wolff_matrix])
def test_cluster_updates_satisfy_detailed_balance(build: Build) -> None:
    flow = law_of(POTTS)[:, None] * build(POTTS)
    assert np.abs(flow - flow.T).max() < 1e-12


@pytest.mark.parametrize("held", [1, -1, 0])
def test_embedded_clusters_satisfy_detailed_balance(held: int) -> None:
    for model in (SPIN_ONE, *RINGS):
        flow = law_of(model)[:, None] * embedded_turn_matrix(model, held)
        assert np.abs(flow - flow.T).max() < 1e-12


def test_embedded_clusters_reach_every_configuration() -> None:
    assert (embedded_clusters_matrix(SPIN_ONE) > 0).all()


# what is wrong in the turns that hold +1 or -1: bonds, field, held neighbours
MUTANTS = [(1.1, 1.0, 1.0), (1.0, 1.5, 1.0), (1.0, 1.0, 1.3), (1.0, 1.0, 2 / 3)]


@pytest.mark.parametrize("factors", MUTANTS)
def test_wrong_laws_of_embedded_clusters_are_noticed(
    factors: tuple[float, float, float], p_value: PValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: BlumeCapel, held: int) -> tuple[float, ...]:
        scale = factors if held else (1.0, 1.0, 1.0)
        return tuple(f * value for f, value in zip(scale, embedded_law(model, held), strict=True))

    monkeypatch.setattr(cluster_updates, "embedded_law", wrong)
    start = configurations(SPIN_ONE)[7]
    seen = frequencies(BlumeCapelEmbeddedClusters(SPIN_ONE, 3), start, SPIN_ONE)
    assert p_value(seen, embedded_clusters_matrix(SPIN_ONE)[7]) < FALSE_ALARM
