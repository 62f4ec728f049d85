"""Every update against full enumeration, with mutants that must be rejected; larger lattices."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.lattice.graphs import graph_lattice
from rsmi.sampling import Model, Sampler, equilibrate, mean_estimate, sample_blocks
from rsmi.sampling.graphs import (
    GraphHeatBath,
    GraphIsing,
    GraphSwendsenWang,
    GraphWolff,
    Ladder,
    ParallelTempering,
    bimodal_bonds,
    cluster_updates,
    dilute_bonds,
    dilute_sites,
    gaussian_bonds,
    geometric_ladder,
)
from rsmi.sampling.graphs.exact import CRITICAL_COUPLINGS, planar_ising, spectrum

Numbers = NDArray[np.float64]
PValue = Callable[[Numbers, Numbers], float]
FALSE_ALARM = 1e-6

TRIANGULAR = graph_lattice("triangular", (3, 4))
HONEYCOMB = graph_lattice("honeycomb", (2, 3))
KAGOME = graph_lattice("kagome", (2, 2))
PYROCHLORE = graph_lattice("pyrochlore", (2, 2, 2))
SQUARE = graph_lattice("square", (3, 4))

# name -> (update, model, sweeps before the record)
CASES: dict[str, tuple[Callable[..., Sampler], GraphIsing, int]] = {
    "triangular": (GraphHeatBath, GraphIsing(TRIANGULAR, 0.27), 50),
    "triangular antiferromagnet": (GraphHeatBath, GraphIsing(TRIANGULAR, 0.9, bonds=-1.0), 60),
    "kagome in a field": (GraphHeatBath, GraphIsing(KAGOME, 0.4, bonds=-1.0, field=0.7), 30),
    "gaussian": (GraphHeatBath, GraphIsing(SQUARE, 0.6, bonds=gaussian_bonds(SQUARE, 4)), 100),
    "diluted sites": (
        GraphHeatBath,
        GraphIsing(TRIANGULAR, 0.4, occupied=dilute_sites(TRIANGULAR, 0.7, 2)),
        40,
    ),
    "clusters": (GraphSwendsenWang, GraphIsing(HONEYCOMB, 0.66), 20),
    "clusters of an antiferromagnet": (
        GraphSwendsenWang,
        GraphIsing(HONEYCOMB, 0.66, bonds=-1.0),
        20,
    ),
    "clusters on diluted bonds": (
        GraphSwendsenWang,
        GraphIsing(TRIANGULAR, 0.4, bonds=dilute_bonds(TRIANGULAR, 1.0, 0.6, 5)),
        20,
    ),
    "wolff": (GraphWolff, GraphIsing(TRIANGULAR, 0.27), 50),
    "wolff on kagome": (GraphWolff, GraphIsing(KAGOME, 0.466), 40),
}


def class_p_value(model: GraphIsing, spins: torch.Tensor, p_value: PValue) -> float:
    """p-value of independent configurations under the exact law of (E, |M|)."""
    exact = spectrum(model)
    keys = np.stack([exact.energies, np.abs(exact.magnetisations)]).round(9)
    classes, place = np.unique(keys, axis=1, return_inverse=True)
    law = np.bincount(place, weights=exact.probabilities(model.coupling))
    seen = np.stack([model.energy(spins).numpy(), model.magnetisation(spins).abs().numpy()])
    number = {tuple(key): index for index, key in enumerate(classes.T)}
    found = [number[tuple(key)] for key in seen.round(9).T]
    return p_value(np.bincount(found, minlength=len(law)).astype(float), law)


def draw(update: Callable[..., Sampler], model: Model, sweeps: int) -> torch.Tensor:
    sampler = update(model, 11)
    state = sampler.initial(20000)
    sampler.advance(state, 0, sweeps)
    return state


@pytest.mark.parametrize("name", CASES)
def test_samples_of_small_lattices(name: str, p_value: PValue) -> None:
    update, model, sweeps = CASES[name]
    assert class_p_value(model, draw(update, model, sweeps), p_value) > FALSE_ALARM


@pytest.mark.parametrize("name", ["triangular antiferromagnet", "clusters", "wolff"])
def test_two_per_cent_colder_is_rejected(name: str, p_value: PValue) -> None:
    update, model, sweeps = CASES[name]
    colder = GraphIsing(model.lattice, 1.02 * model.coupling, model.bonds)
    sampler = update(colder, 11)
    state = sampler.initial(2000)
    sampler.advance(state, 0, 2 * sweeps)
    spins, _ = next(sample_blocks(sampler, state, 2 * sweeps, 10, 60))
    assert class_p_value(model, spins, p_value) < FALSE_ALARM


def test_wrong_bond_probability_is_rejected(
    p_value: PValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = cluster_updates.edge_probabilities
    monkeypatch.setattr(cluster_updates, "edge_probabilities", lambda k, b: right(k / 1.1, b))
    update, model, sweeps = CASES["clusters"]
    assert class_p_value(model, draw(update, model, sweeps), p_value) < FALSE_ALARM


def test_parallel_tempering_at_every_temperature(p_value: PValue) -> None:
    model = GraphIsing(SQUARE, 1.0, bonds=bimodal_bonds(SQUARE, 7))
    ladder = Ladder(model, geometric_ladder(0.4, 2.0, 4))
    sampler = ParallelTempering(ladder, seed=5)
    state = sampler.initial(10000)
    sampler.advance(state, 0, 40)
    report = sampler.exchange(state, 40, 20)
    for copy, temperature in enumerate(ladder.temperatures):
        cooled = GraphIsing(SQUARE, 1 / temperature, bonds=model.bonds)
        assert class_p_value(cooled, state[:, copy].contiguous(), p_value) > FALSE_ALARM
    assert report.attempts.tolist() == [100000] * 3
    assert (report.accepted < report.attempts).all()
    for rate, expected in zip(report.acceptance, exact_acceptance(ladder), strict=True):
        assert abs(rate.value - expected) < 0.01
    assert str(report).startswith("0.4-0.684: 0.")


def exact_acceptance(ladder: Ladder) -> list[float]:
    exact = spectrum(ladder.model)
    energies, place = np.unique(exact.energies, return_inverse=True)
    laws = [np.bincount(place, weights=exact.probabilities(1 / t)) for t in ladder.temperatures]
    couplings = [1 / t for t in ladder.temperatures]
    gaps = energies[:, None] - energies
    return [
        float(
            laws[r] @ np.exp(np.minimum(0, (couplings[r] - couplings[r + 1]) * gaps)) @ laws[r + 1]
        )
        for r in range(len(laws) - 1)
    ]


@pytest.mark.parametrize("name", ["triangular", "honeycomb", "kagome"])
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_energy_of_the_infinite_lattice(name: str, factor: float) -> None:
    coupling = factor * CRITICAL_COUPLINGS[name]
    model = GraphIsing(graph_lattice(name, (24, 24)), coupling)
    energy = energy_per_site(GraphSwendsenWang(model, seed=2), model)
    exact = planar_ising(name, coupling).energy
    assert abs(energy.deviation(exact)) < 4.9
    assert energy.error < 0.005
    assert abs(energy.deviation(1.02 * exact)) > 4.9


def test_energy_of_the_triangular_antiferromagnet() -> None:
    model = GraphIsing(graph_lattice("triangular", (24, 24)), 0.6, bonds=-1.0)
    energy = energy_per_site(GraphHeatBath(model, seed=2), model)
    # bonds -1 at K > 0 is b = +1 at -K, where the energy has the other sign
    assert abs(energy.deviation(-planar_ising("triangular", -0.6).energy)) < 4.9
    assert energy.error < 0.005


def energy_per_site(sampler: Sampler, model: GraphIsing):  # type: ignore[no-untyped-def]
    state = sampler.initial(16)
    report = equilibrate(sampler, state)
    blocks = sample_blocks(sampler, state, report.discarded, report.thin, 20)
    energies = [seen["energy"].reshape(20, 16) for _, seen in itertools.islice(blocks, 4)]
    return mean_estimate(torch.cat(energies).T / model.n_sites)
