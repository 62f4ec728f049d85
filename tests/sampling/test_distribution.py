"""Every update against full enumeration and Kaufman's energies, with mutants that must fail."""

import itertools
import math
from collections.abc import Callable
from types import ModuleType

import pytest
import torch

from rsmi.sampling import (
    CRITICAL_COUPLING,
    Ising,
    Sampler,
    acceptance,
    autocorrelation_time,
    equilibrate,
    mean_estimate,
    metropolis,
    registry,
    sample_blocks,
    swendsen_wang,
    wolff,
)
from rsmi.sampling.metropolis import flip_probabilities

FALSE_ALARM = 1e-6
THIN = {"swendsen_wang": 20, "metropolis": 50, "wolff": 20}
# The reference is slow; test_stationarity compares its steps with the exact ones.
METHODS = [
    (name, method)
    for name, update in registry.items()
    for method in update.methods
    if method not in ("triton", "reference")
]
CRITICAL_4X4 = Ising((4, 4), CRITICAL_COUPLING)
PValue = Callable[[Ising, torch.Tensor], float]


def records(sampler: Sampler, chains: int, count: int, thin: int) -> torch.Tensor:
    """Configurations (count, chains, *shape), the first after 4 * thin sweeps."""
    state = sampler.initial(chains)
    sampler.advance(state, 0, 4 * thin)
    configurations, _ = next(sample_blocks(sampler, state, 4 * thin, thin, count))
    return configurations.unflatten(0, (count, chains))


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_samples_of_the_4x4_torus(name: str, method: str, class_p_value: PValue) -> None:
    sampler = registry[name](CRITICAL_4X4, 11, method)
    spins = records(sampler, chains=2000, count=20, thin=THIN[name])
    flat = spins.flatten(0, 1)
    energy = CRITICAL_4X4.energy(flat).reshape(20, 2000).T
    size = CRITICAL_4X4.magnetisation(flat).abs().reshape(20, 2000).T
    for series in (energy, size):
        assert abs(autocorrelation_time(series).deviation(0.5)) < 4.9
    assert class_p_value(CRITICAL_4X4, flat) > FALSE_ALARM


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_two_per_cent_colder_is_rejected(name: str, method: str, class_p_value: PValue) -> None:
    colder = Ising((4, 4), 1.02 * CRITICAL_COUPLING)
    spins = records(registry[name](colder, 11, method), chains=2000, count=20, thin=THIN[name])
    assert class_p_value(CRITICAL_4X4, spins.flatten(0, 1)) < FALSE_ALARM


@pytest.mark.parametrize(("name", "module"), [("swendsen_wang", swendsen_wang), ("wolff", wolff)])
def test_wrong_bond_probability_is_rejected(
    name: str, module: ModuleType, class_p_value: PValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "bond_probability", lambda k: -math.expm1(-k))
    spins = records(registry[name](CRITICAL_4X4, 11), chains=2000, count=5, thin=20)
    assert class_p_value(CRITICAL_4X4, spins.flatten(0, 1)) < FALSE_ALARM


@pytest.mark.parametrize(
    ("method", "module"), [("reference", metropolis), ("multispin", acceptance)]
)
def test_wrong_acceptance_is_rejected(
    method: str, module: ModuleType, class_p_value: PValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = flip_probabilities
    monkeypatch.setattr(module, "flip_probabilities", lambda k, d: right(k / 2, d))
    sampler = registry["metropolis"](CRITICAL_4X4, 11, method)
    spins = records(sampler, chains=2000, count=5, thin=20)
    assert class_p_value(CRITICAL_4X4, spins.flatten(0, 1)) < FALSE_ALARM


OTHER_SHAPES = [
    ("swendsen_wang", (7,), 0.8),
    ("swendsen_wang", (3, 5), 0.3),
    ("swendsen_wang", (2, 6), 0.3),
    ("swendsen_wang", (3, 2, 2), 0.2),
    ("swendsen_wang", (2, 2, 2, 2), 0.1),
    ("swendsen_wang", (4, 4), 0.0),
    ("metropolis", (8,), 0.8),
    ("metropolis", (2, 4), -0.3),
    ("metropolis", (2, 2, 4), 0.1),
    ("metropolis", (4, 4), 0.0),
    ("wolff", (7,), 0.8),
    ("wolff", (3, 5), 0.3),
    ("wolff", (2, 6), 0.3),
    ("wolff", (3, 2, 2), 0.2),
]


@pytest.mark.parametrize(("name", "shape", "coupling"), OTHER_SHAPES)
def test_other_lattices(
    name: str, shape: tuple[int, ...], coupling: float, class_p_value: PValue
) -> None:
    model = Ising(shape, coupling)
    spins = records(registry[name](model, 5), chains=8000, count=1, thin=20)[0]
    assert class_p_value(model, spins) > FALSE_ALARM


KAUFMAN = [  # energy per site, facts of the project: Kaufman (1949) at finite L
    ("swendsen_wang", 8, CRITICAL_COUPLING, -1.49158910743971),
    ("swendsen_wang", 8, 0.3, -0.712467372672069),
    ("swendsen_wang", 8, 0.5, -1.7456831702932),
    ("swendsen_wang", 32, CRITICAL_COUPLING, -1.43365846614625),
    ("swendsen_wang", 32, 0.4, -1.10729166097751),
    ("metropolis", 8, CRITICAL_COUPLING, -1.49158910743971),
    ("metropolis", 32, 0.4, -1.10729166097751),
    ("wolff", 8, CRITICAL_COUPLING, -1.49158910743971),
]


@pytest.mark.parametrize(("name", "side", "coupling", "exact"), KAUFMAN)
def test_energy_of_finite_lattices(name: str, side: int, coupling: float, exact: float) -> None:
    model = Ising((side, side), coupling)
    sampler = registry[name](model, seed=3)
    state = sampler.initial(64)
    report = equilibrate(sampler, state)
    blocks = sample_blocks(sampler, state, report.discarded, report.thin, 20)
    energies = [seen["energy"].reshape(20, 64) for _, seen in itertools.islice(blocks, 10)]
    energy = mean_estimate(torch.cat(energies).T / model.n_sites)
    assert abs(energy.deviation(exact)) < 4.9
    assert energy.error < 0.0035
    assert abs(energy.deviation(exact * 1.02)) > 4.9
