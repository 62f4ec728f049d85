import numpy as np
import pytest
import torch

from rsmi.errors import AnalysisError
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import TableRule
from rsmi.renormalization import renormalise, stability_matrix
from rsmi.renormalization.moments import Covariances
from rsmi.renormalization.stability import jackknife_error

COUPLING = 0.5
# 1D decimation: K' = 1/2 ln cosh 2K, h' = h + 1/2 ln[cosh(2K + h) / cosh(2K - h)].
THERMAL, MAGNETIC = np.tanh(2 * COUPLING), 1 + np.tanh(2 * COUPLING)


def _chain_eigenvalues(spins, kit):
    table = kit.decimation_table(2)
    result = renormalise(
        kit.InMemory(spins, chains=64), TableRule(SPIN, table, (2,)), levels=2, reach=1.0, workers=2
    )
    return {entry.parity: entry.eigenvalue for entry in result.scan if entry.level == 0}


@pytest.fixture(scope="module")
def ring(kit):
    return kit.exact_ring(50_000, 32, COUPLING, seed=7)


def test_decimation_of_the_ring_has_its_exact_eigenvalues(ring, kit):
    found = _chain_eigenvalues(ring, kit)
    assert abs(found["even"].deviation(THERMAL)) < 5
    assert abs(found["odd"].deviation(MAGNETIC)) < 5
    assert found["even"].error < 0.01


def test_a_coupling_ten_percent_off_is_noticed(kit):
    colder = kit.exact_ring(50_000, 32, 1.1 * COUPLING, seed=1)
    assert abs(_chain_eigenvalues(colder, kit)["even"].deviation(THERMAL)) > 5


def test_blocks_laid_wrongly_are_noticed(ring, kit):
    # Sites exchanged before blocking: the kept spins are no longer every second one.
    shuffled = ring[:, torch.arange(32).reshape(-1, 4)[:, [0, 1, 3, 2]].flatten()]
    found = _chain_eigenvalues(shuffled, kit)
    assert abs(found["even"].deviation(THERMAL)) > 5


def test_jackknife_error_covers_repeated_simulations(kit):
    spread, errors = [], []
    for seed in range(60):
        found = _chain_eigenvalues(kit.exact_ring(3_000, 16, COUPLING, seed), kit)["even"]
        spread.append((found.value - THERMAL) / found.error)
        errors.append(found.error)
    # chi^2 with 60 degrees of freedom lies in [19, 133] but for one time in a million.
    assert 19 < np.square(spread).sum() < 133
    assert np.square(2 * np.array(spread)).sum() > 133


def test_jackknife_error_of_correlated_records():
    random = np.random.default_rng(3)
    noise = random.standard_normal((64, 4096))
    for t in range(1, noise.shape[1]):
        noise[:, t] = 0.9 * noise[:, t - 1] + (1 - 0.81) ** 0.5 * noise[:, t]
    means = noise.mean(1)
    left_out = (means.sum() - means) / 63
    # Variance of the mean of AR(1): (1 + 0.9) / (1 - 0.9) = 19 times that of free records.
    exact = (19 / noise.size) ** 0.5
    # Relative error of a standard deviation from 64 blocks is 9 %: 5 of them.
    assert abs(jackknife_error(left_out) / exact - 1) < 0.45


def test_degenerate_interactions_are_named():
    same = np.array([[2.0, 0.1, 2.0], [0.1, 1.0, 0.1], [2.0, 0.1, 2.0]])
    covariances = Covariances(np.stack([same, same]), same[None])
    with pytest.raises(AnalysisError, match=r"dependent at level 1 \(near, far\); use more"):
        stability_matrix(covariances, 0, 3, ("near", "corner", "far"))
    assert stability_matrix(covariances, 0, 2, ("near", "corner")) == pytest.approx(np.eye(2))
