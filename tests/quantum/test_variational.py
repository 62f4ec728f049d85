"""Variational Monte Carlo through NetKet on a short chain, trained once for all tests."""

import sys

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling import mean_estimate, sample_blocks
from rsmi.sampling.quantum import (
    AmplitudeSampler,
    ExactWave,
    Training,
    TransverseIsingChain,
    VariationalState,
    energy_record,
    hamiltonian,
    variational_ground_state,
)

CHAIN = TransverseIsingChain(6, 1.0, "x")


@pytest.fixture(scope="module")
def trained() -> VariationalState:
    pytest.importorskip("netket")
    return variational_ground_state(
        CHAIN, seed=3, training=Training(features=2, samples=256, steps=75, learning_rate=0.1)
    )


def test_energy_is_that_of_the_ground_state(trained: VariationalState) -> None:
    assert abs(trained.relative_error) < 1e-3
    assert 0 < trained.variance < 0.05
    assert trained.history[-1] < trained.history[0]
    assert trained.exact == CHAIN.exact_energy()
    record = energy_record(trained).attributes()
    assert record["quantum.energy_error"] == trained.energy.error
    assert str(record["quantum.method"]).startswith("variational Monte Carlo, NetKet 3.")
    assert record["quantum.v_score"] == pytest.approx(6 * trained.variance / 7.727**2, rel=1e-2)
    assert record["quantum.relative_error"] == trained.relative_error
    assert trained.energy.kind == "upper"
    assert str(trained).startswith("E = -7.7")
    assert "J (upper bound), exact -7.727407" in str(trained)


def test_an_exact_state_needs_no_measure_of_its_quality() -> None:
    record = energy_record(ExactWave.ground_state(CHAIN)).attributes()
    assert "quantum.v_score" not in record
    assert "quantum.relative_error" not in record


def test_the_energy_is_an_upper_bound_and_the_variance_says_how_far(
    trained: VariationalState,
) -> None:
    # E - E_0 <= Var(H) / (E_1 - E): the gap of this chain in the even sector is known.
    gap = np.diff(np.linalg.eigvalsh(hamiltonian(CHAIN).toarray())[:2])[0]
    excess = trained.energy.value - trained.exact
    assert excess > -4.9 * trained.energy.error
    assert excess < trained.variance / (gap - excess) + 4.9 * trained.energy.error


def test_our_samples_of_the_machine_give_the_energy_of_netket(trained: VariationalState) -> None:
    sampler = AmplitudeSampler(trained.wave, 5)
    state = sampler.initial(200)
    sampler.advance(state, 0, 20)
    spins, seen = next(sample_blocks(sampler, state, 20, 3, 20))
    energy = mean_estimate(seen["energy"].reshape(20, 200).T)
    error = (energy.error**2 + trained.energy.error**2) ** 0.5
    assert abs(energy.value - trained.energy.value) < 4.9 * error + 1e-9
    assert (spins.prod(1) == 1).all()


def test_amplitudes_are_those_of_exact_diagonalisation(trained: VariationalState) -> None:
    exact = ExactWave.ground_state(CHAIN)
    every = torch.from_numpy(exact.configurations)
    psi = torch.from_numpy(trained.wave.log_amplitudes(every.numpy())).exp()
    overlap = float((psi / psi.norm()) @ torch.from_numpy(exact.amplitudes))
    assert overlap > 0.999


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"training has features 0.*expected at least 1, 16, 1"):
        Training(features=0)
    with pytest.raises(InputError, match="seed is -1"):
        variational_ground_state(CHAIN, seed=-1)
    monkeypatch.setitem(sys.modules, "netket", None)
    with pytest.raises(InputError, match=r"NetKet, which is not installed.*pip install netket"):
        variational_ground_state(CHAIN, seed=1)
