"""Joined temperatures against the exact density of states of the 4 x 4 Ising torus."""

import numpy as np
import pytest
from scipy.stats import chi2

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate
from rsmi.lattice import states
from rsmi.scaling import Histograms, Point

TEMPERATURES = (2.0, 2.4, 3.0)
SEEDS = range(10)


@pytest.fixture(scope="module")
def levels() -> tuple[np.ndarray, np.ndarray]:
    """Energy and |m| of all 65536 states."""
    spins = states(16).view(-1, 4, 4).double()
    energy = -(spins * (spins.roll(1, 1) + spins.roll(1, 2))).sum((1, 2))
    return energy.numpy(), spins.mean((1, 2)).abs().numpy()


def _point(levels: tuple[np.ndarray, np.ndarray], t: float, seed: int, n: int = 1600) -> Point:
    energy, m = levels
    weight = np.exp(-(energy - energy.min()) / t)
    drawn = np.random.default_rng([seed, int(100 * t)]).choice(
        len(energy), n, p=weight / weight.sum()
    )
    series = np.stack([m**k for k in (1, 2, 4, 2)], 1)[drawn]
    memory = Estimate(0.5, 0.0, "estimate", "records")
    return Point((4, 4), 16, t, series, np.arange(n) % 64, energy[drawn], memory)


def _exact(levels: tuple[np.ndarray, np.ndarray], t: float) -> np.ndarray:
    energy, m = levels
    weight = np.exp(-(energy - energy.min()) / t)
    weight /= weight.sum()
    return np.array([weight @ m**2, weight @ energy / 16])


def _deviations(levels: tuple[np.ndarray, np.ndarray], shift: float = 0.0) -> np.ndarray:
    found = []
    for seed in SEEDS:
        joined = Histograms(tuple(_point(levels, t, seed) for t in TEMPERATURES))
        for t in (2.0, 2.2, 2.7, 3.0):
            for column, exact in zip((1, 4), _exact(levels, t), strict=True):
                [value] = joined.curve(lambda means, c=column: float(means[c]), [t + shift])
                found.append(value.deviation(float(exact)))
    return np.array(found)


def test_means_between_the_temperatures_are_exact_within_errors(
    levels: tuple[np.ndarray, np.ndarray],
) -> None:
    found = _deviations(levels)
    assert np.abs(found).max() < 5.5  # 16 blocks: Student's t
    assert 0.6 < np.sqrt(np.mean(found**2)) < 1.5


def test_another_temperature_would_be_noticed(levels: tuple[np.ndarray, np.ndarray]) -> None:
    assert np.abs(_deviations(levels, shift=0.12)).max() > 5.5


def test_free_energies_count_the_states(levels: tuple[np.ndarray, np.ndarray]) -> None:
    joined = Histograms(tuple(_point(levels, t, 0, n=6400) for t in TEMPERATURES))
    _, _, free = joined._samples[0]
    log_z = [np.log(np.exp(-levels[0] / t).sum()) for t in sorted(TEMPERATURES, reverse=True)]
    assert np.allclose(free - free[0], log_z[0] - np.array(log_z), atol=0.1)


def test_temperatures_without_common_energies_are_refused(
    levels: tuple[np.ndarray, np.ndarray],
) -> None:
    far = _point(levels, 3.0, 0)
    cold = Point(far.cells, 16, 0.1, far.series, far.labels,
                 np.full(1600, -32.0) - 1e-3 * far.labels, far.memory)  # fmt: skip
    hot = Point(far.cells, 16, 9.0, far.series, far.labels,
                np.full(1600, 8.0) + 1e-3 * far.labels, far.memory)  # fmt: skip
    with pytest.raises(AnalysisError, match=r"temperatures 0\.1 and 9 of 4x4 do not overlap"):
        Histograms((cold, hot))


def test_points_without_energies_are_refused(levels: tuple[np.ndarray, np.ndarray]) -> None:
    known = _point(levels, 2.0, 0)
    unknown = Point(known.cells, 16, 2.0, known.series, known.labels, None, known.memory)
    with pytest.raises(InputError, match="needs the energy of every configuration"):
        Histograms((unknown,))


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_fluctuations_give_the_derivative(
    levels: tuple[np.ndarray, np.ndarray], factor: float
) -> None:
    t, step = 2.4, 1e-4
    exact = (_exact(levels, t + step)[0] - _exact(levels, t - step)[0]) / (2 * step)
    far = []
    for seed in SEEDS:
        point = _point(levels, t, seed, n=6400)
        value, covariance = point.jackknife(lambda means, p=point: p.drift(means)[..., 1:2])  # type: ignore[misc]
        far.append((value[0] - factor * exact) / np.sqrt(covariance[0, 0]))
    assert (np.sum(np.square(far)) < chi2.isf(1e-6, len(far))) == (factor == 1.0)
