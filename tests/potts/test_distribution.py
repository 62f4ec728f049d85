"""Every update against full enumeration, with mutants that must be rejected; exact energies."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.information.number import Estimate
from rsmi.sampling import Ising, Sampler, equilibrate, mean_estimate, sample_blocks
from rsmi.sampling.exact import density_of_states, kaufman
from rsmi.sampling.potts import (
    BlumeCapel,
    Potts,
    PottsSwendsenWang,
    blume_capel_registry,
    cluster_updates,
    potts_registry,
)
from rsmi.sampling.potts.exact import critical_coupling, critical_energy, spectrum

Numbers = NDArray[np.float64]
PValue = Callable[[Numbers, Numbers], float]
AnyModel = Potts | BlumeCapel
FALSE_ALARM = 1e-6
POTTS = Potts((3, 3), 3, critical_coupling(3))
SPIN_ONE = BlumeCapel((3, 3), 1 / 0.608, 1.9665)
UPDATES = [*potts_registry.items(), *blume_capel_registry.items()]


def class_p_value(model: AnyModel, spins: torch.Tensor, p_value: PValue) -> float:
    """p-value of independent configurations under the exact law of (E, |M|)."""
    exact = spectrum(model)
    law = exact.probabilities(model.coupling)
    keys = zip(exact.energies.round(9), exact.magnetisations, strict=True)
    number = {key: index for index, key in enumerate(keys)}
    energies = model.energy(spins).double().numpy().round(9)
    seen = zip(energies, model.magnetisation(spins).abs().numpy(), strict=True)
    counts = np.bincount([number[key] for key in seen], minlength=len(law))
    return p_value(counts.astype(float), law)


def model_of(update: Callable[..., Sampler]) -> AnyModel:
    return POTTS if update in potts_registry.values() else SPIN_ONE


def colder(model: AnyModel) -> AnyModel:
    if isinstance(model, Potts):
        return Potts(model.shape, model.states, 1.02 * model.coupling)
    return BlumeCapel(model.shape, 1.02 * model.coupling, model.crystal_field)


def records(sampler: Sampler, chains: int, count: int) -> torch.Tensor:
    state = sampler.initial(chains)
    sampler.advance(state, 0, 50)
    return next(sample_blocks(sampler, state, 50, 10, count))[0]


@pytest.mark.parametrize(("name", "update"), UPDATES)
def test_samples_of_the_3x3_torus(
    name: str, update: Callable[..., Sampler], p_value: PValue
) -> None:
    model = model_of(update)
    spins = records(update(model, 11), 30000, 1)
    assert class_p_value(model, spins, p_value) > FALSE_ALARM


@pytest.mark.parametrize(("name", "update"), UPDATES)
def test_two_per_cent_colder_is_rejected(
    name: str, update: Callable[..., Sampler], p_value: PValue
) -> None:
    model = model_of(update)
    spins = records(update(colder(model), 11), 3000, 60)
    assert class_p_value(model, spins, p_value) < FALSE_ALARM


OTHERS: list[tuple[str, AnyModel]] = [
    ("heat_bath", Potts((2, 2, 2), 4, -0.7)),
    ("heat_bath", Potts((3, 4), 2, 0.5)),
    ("swendsen_wang", Potts((2, 2, 2), 4, 0.4)),
    ("swendsen_wang", Potts((7,), 5, 1.0)),
    ("wolff", Potts((2, 2, 2), 4, 0.4)),
    ("wolff", Potts((3, 4), 2, 0.5)),
    ("heat_bath", BlumeCapel((2, 2, 2), 0.5, -0.5)),
    ("clusters", BlumeCapel((2, 2, 2), 0.5, 1.3)),
    ("clusters", BlumeCapel((3, 3), 0.0, 0.0)),
    ("embedded_clusters", BlumeCapel((2, 2, 2), 0.5, 1.3)),
    ("embedded_clusters", BlumeCapel((3, 3), 0.0, 0.0)),
    ("embedded_clusters", BlumeCapel((3, 3), 2.5, 2.0)),
    ("embedded_clusters", BlumeCapel((2, 4), 0.4, -40.0)),
]


@pytest.mark.parametrize(("name", "model"), OTHERS)
def test_other_lattices(name: str, model: AnyModel, p_value: PValue) -> None:
    registry = potts_registry if isinstance(model, Potts) else blume_capel_registry
    assert class_p_value(model, records(registry[name](model, 5), 20000, 1), p_value) > FALSE_ALARM


def test_wrong_bond_probability_is_rejected(
    p_value: PValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_updates, "bond_probability", lambda k: -math.expm1(-k / 1.1))
    spins = records(PottsSwendsenWang(POTTS, 11), 30000, 1)
    assert class_p_value(POTTS, spins, p_value) < FALSE_ALARM


def test_enumeration_of_two_states_is_the_ising_model() -> None:
    potts, ising = spectrum(Potts((3, 4), 2, 1.0)), density_of_states((3, 4))
    # delta(s, s') = (1 + s s') / 2 on each of the 24 bonds
    for coupling in (0.2, 0.4):
        expected = ising.log_partition(coupling) + 24 * coupling
        assert potts.log_partition(2 * coupling) == pytest.approx(expected, abs=1e-12)
        assert potts.moment(2 * coupling, 2) == pytest.approx(ising.moment(coupling, 2), abs=1e-12)


def test_enumeration_of_potts_is_the_sum_over_bond_sets() -> None:
    """Z = sum over bond sets of (e^K - 1)^bonds q^clusters (Fortuin, Kasteleyn), 2x2 torus."""
    bonds = [(0, 1), (1, 0), (2, 3), (3, 2), (0, 2), (2, 0), (1, 3), (3, 1)]
    total = 0.0
    for chosen in itertools.product([False, True], repeat=len(bonds)):
        labels = list(range(4))
        for (a, b), taken in zip(bonds, chosen, strict=True):
            if taken:
                labels = [labels[a] if label == labels[b] else label for label in labels]
        total += math.expm1(0.8) ** sum(chosen) * 3 ** len(set(labels))
    assert spectrum(Potts((2, 2), 3, 0.8)).log_partition(0.8) == pytest.approx(math.log(total))


def test_blume_capel_without_zeros_is_the_ising_model() -> None:
    coupling, depth = 0.4, -80.0
    exact = spectrum(BlumeCapel((3, 3), coupling, depth)).energy(coupling)
    assert exact - depth == pytest.approx(density_of_states((3, 3)).energy(coupling), abs=1e-9)
    free = spectrum(BlumeCapel((3, 3), 0.0, 1.0)).log_partition(0.0)
    assert free == pytest.approx(9 * math.log(3))


# q -> (2 - y_t, what the next correction to scaling may still do); q = 4 has logarithms
SCALING = {2: (1.0, 0.001), 3: (4 / 5, 0.003), 4: (1 / 2, 0.02)}


@pytest.mark.parametrize("states", SCALING)
def test_critical_energy_is_that_of_the_infinite_lattice(states: int) -> None:
    """On a torus E(L) = E + a L^(y_t - 2), so two sizes give E."""
    power, rest = SCALING[states]
    small, large = (critical_torus_energy(states, side) for side in (12, 24))
    weight = 2**power
    energy = (weight * large.value - small.value) / (weight - 1)
    error = math.hypot(weight * large.error, small.error) / (weight - 1)
    assert abs(energy - critical_energy(states)) < 4.9 * error + rest
    assert error < 0.02


def critical_torus_energy(states: int, side: int) -> Estimate:
    model = Potts((side, side), states, critical_coupling(states))
    return energy_per_site(PottsSwendsenWang(model, seed=2), model.n_sites)


def test_two_state_energy_is_kaufmans() -> None:
    model = Potts((16, 16), 2, 2 * 0.42)
    energy = energy_per_site(PottsSwendsenWang(model, seed=2), model.n_sites)
    exact = kaufman((16, 16), 0.42).energy / 2 - 1
    assert abs(energy.deviation(exact)) < 4.9
    assert abs(energy.deviation(1.02 * exact)) > 4.9


def test_potts_energy_of_two_states_is_half_of_ising() -> None:
    states = PottsSwendsenWang(Potts((4, 6), 2, 0.8), 1).initial(5)
    ising = Ising((4, 6), 0.4)
    spins = 2 * states - 1
    energy = Potts((4, 6), 2, 0.8).energy(states)
    assert torch.equal(2 * energy + 48, ising.energy(spins))
    assert torch.equal(
        Potts((4, 6), 2, 0.8).magnetisation(states), ising.magnetisation(spins).abs()
    )


def energy_per_site(sampler: Sampler, n_sites: int) -> Estimate:
    state = sampler.initial(40)
    report = equilibrate(sampler, state)
    blocks = sample_blocks(sampler, state, report.discarded, min(report.thin, 10), 20)
    energies = [seen["energy"].reshape(20, 40) for _, seen in itertools.islice(blocks, 8)]
    return mean_estimate(torch.cat(energies).T / n_sites)
