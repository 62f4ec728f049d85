"""Times and error bars on AR(1), whose autocorrelation is known: rho(t) = a**t."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from rsmi.errors import AnalysisError, InputError
from rsmi.sampling import (
    autocorrelation_time,
    correlation,
    effective_samples,
    jackknife,
    mean_estimate,
)

REALISATIONS = 400
ONE_SIGMA = 0.6827
SLACK = 4.9 * np.sqrt(ONE_SIGMA * (1 - ONE_SIGMA) / REALISATIONS)


def ar1(a: float, shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """Stationary AR(1) along the last axis, variance 1, mean 0."""
    noise = np.random.default_rng(seed).normal(size=shape)
    noise[..., 1:] *= np.sqrt(1 - a * a)
    return np.asarray(lfilter([1.0], [1.0, -a], noise, axis=-1))


def exact_time(a: float) -> float:
    return (1 + a) / (2 * (1 - a))


def coverage(deviations: list[float]) -> float:
    return float(np.mean(np.abs(deviations) < 1))


@pytest.mark.parametrize("a", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(("chains", "records"), [(1, 8000), (16, 500)])
def test_error_bars_cover_the_truth(a: float, chains: int, records: int) -> None:
    series = ar1(a, (REALISATIONS, chains, records), seed=2)
    means = [mean_estimate(one).deviation(0.0) for one in series]
    times = [autocorrelation_time(one).deviation(exact_time(a)) for one in series]
    assert abs(coverage(means) - ONE_SIGMA) < SLACK
    assert abs(coverage(times) - ONE_SIGMA) < SLACK + 0.05  # tau_int has skewed errors
    assert coverage([1.5 * z for z in means]) < ONE_SIGMA - SLACK
    assert np.mean([correlation(one).time for one in series]) == pytest.approx(
        exact_time(a), rel=0.03
    )


def test_ignoring_correlations_is_caught() -> None:
    series = ar1(0.9, (REALISATIONS, 4, 1000), seed=2)
    naive = [one.mean() / (one.std() / np.sqrt(one.size)) for one in series]
    assert coverage(naive) < ONE_SIGMA - SLACK


def test_anticorrelated_series() -> None:
    series = ar1(-0.5, (8, 20000), seed=3)
    assert abs(autocorrelation_time(series).deviation(exact_time(-0.5))) < 4.9
    assert effective_samples(series) == pytest.approx(3 * series.size, rel=0.1)


def test_effective_samples_and_units() -> None:
    series = ar1(0.8, (4, 20000), seed=4)
    assert effective_samples(series) == pytest.approx(series.size / 9, rel=0.1)
    assert autocorrelation_time(series, unit="sweeps").unit == "sweeps"
    assert autocorrelation_time(series).n == int(effective_samples(series))


def test_constant_series_has_no_error() -> None:
    estimate = mean_estimate(np.full((3, 10), 2.5), unit="J")
    assert (estimate.value, estimate.error, estimate.unit) == (2.5, 0.0, "J")


def test_jackknife_of_a_ratio() -> None:
    generator = np.random.default_rng(5)
    deviations = []
    for _ in range(REALISATIONS):
        blocks = generator.normal([2.0, 4.0], 0.5, size=(40, 2))
        deviations.append(jackknife(lambda m: m[0] / m[1], blocks).deviation(0.5))
    assert abs(coverage(deviations) - ONE_SIGMA) < SLACK
    assert abs(np.mean(deviations)) < 4.9 / np.sqrt(REALISATIONS) * 1.1


def test_drift_is_an_analysis_error() -> None:
    with pytest.raises(AnalysisError, match="do not decay within 50 records"):
        correlation(np.repeat([[0.0], [1.0]] * 10, 50, axis=1))


def test_bad_series() -> None:
    with pytest.raises(InputError, match=r"series has shape \(1, 3\); expected \(chains, rec"):
        correlation([1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="values that are not finite"):
        correlation([1.0, 2.0, np.nan, 3.0])
    with pytest.raises(InputError, match=r"blocks have shape \(1, 1\).*at least 2 blocks"):
        jackknife(lambda m: m[0], [[1.0]])
