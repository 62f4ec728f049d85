"""Integrated autocorrelation times and the errors of means of correlated series."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsmi.errors import AnalysisError, InputError
from rsmi.information.number import Estimate

DECAY_RATIO = 1.5
"""S of Wolff (2004): the assumed ratio of the exponential to the integrated time."""

LEAST_TIME = 0.05
"""No series is credited with more than ten independent samples for each record."""

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """Variance and integrated autocorrelation time of a stationary series.

    Args:
        variance: variance of one record.
        time: tau_int in records; 1/2 for independent records.
        time_error: standard error of tau_int.
        records: number of records in all chains together.
    """

    variance: float
    time: float
    time_error: float
    records: int

    @property
    def mean_error(self) -> float:
        """Standard error of the mean, sqrt(2 tau_int variance / records)."""
        return float(np.sqrt(2 * self.time * self.variance / self.records))


def correlation(series: ArrayLike) -> Correlation:
    """Variance and integrated autocorrelation time with automatic windowing.

    tau_int = 1/2 + sum of rho(t) for t = 1 ... W. The window W balances the truncation
    exp(-W / tau) against the noise sqrt(W / records); the error is that of Madras and Sokal,
    tau_int sqrt((4 W + 2 - 4 tau_int) / records).

    Args:
        series: float (chains, records) or (records,), equilibrated, all chains equally likely.

    Returns:
        The variance and the time in units of the spacing of records.

    Raises:
        InputError: fewer than 4 records in a chain, or values that are not finite.
        AnalysisError: the correlations do not decay within the series.

    Source: U. Wolff (2004), Comput. Phys. Commun. 156, 143, hep-lat/0306017.

    >>> correlation([[1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 1.0]]).records
    8
    """
    values = _as_chains(series)
    total = values.size
    gamma = _autocovariance(values - values.mean())
    if gamma[0] == 0:
        return Correlation(0.0, 0.5, 0.0, total)
    times = 0.5 + np.concatenate([[0.0], np.cumsum(gamma[1:] / gamma[0])])
    window = _window(times, total)
    variance = gamma[0] * (1 + 2 * times[window] / total)
    time = max(times[window] * (1 + (2 * window + 1) / total), LEAST_TIME)
    spread = max(4 * window + 2 - 4 * time, 2.0) / total
    return Correlation(float(variance), float(time), float(time * np.sqrt(spread)), total)


def autocorrelation_time(series: ArrayLike, unit: str = "records") -> Estimate:
    """Integrated autocorrelation time tau_int, 1/2 for independent records.

    Args:
        series: float (chains, records) or (records,).
        unit: what one record is, for instance "sweeps".

    Returns:
        The time with its error; n is the effective number of samples.

    Raises:
        InputError, AnalysisError: see `correlation`.

    >>> autocorrelation_time([1.0, 1.0, 1.0, 1.0]).value
    0.5
    """
    found = correlation(series)
    effective = int(found.records / (2 * found.time))
    return Estimate(found.time, found.time_error, "estimate", unit, effective)


def effective_samples(series: ArrayLike) -> float:
    """Number of independent samples worth the series, records / (2 tau_int).

    Args:
        series: float (chains, records) or (records,).

    Raises:
        InputError, AnalysisError: see `correlation`.

    >>> effective_samples([1.0, 1.0, 1.0, 1.0])
    4.0
    """
    found = correlation(series)
    return found.records / (2 * found.time)


def mean_estimate(series: ArrayLike, unit: str = "1") -> Estimate:
    """Mean of a correlated series, with the error sqrt(2 tau_int variance / records).

    Args:
        series: float (chains, records) or (records,).
        unit: unit of the values.

    Raises:
        InputError, AnalysisError: see `correlation`.

    >>> mean_estimate([2.0, 2.0, 2.0, 2.0]).value
    2.0
    """
    found = correlation(series)
    mean = float(_as_chains(series).mean())
    effective = int(found.records / (2 * found.time))
    return Estimate(mean, found.mean_error, "estimate", unit, effective)


def jackknife(function: Callable[[Series], float], blocks: ArrayLike, unit: str = "1") -> Estimate:
    """A function of means, with its error from leaving out one independent block at a time.

    error^2 = (B - 1) / B sum over blocks of (f_b - mean f)^2, where f_b is the function of the
    means without block b; the bias of order 1 / B is removed from the value.

    Args:
        function: maps means (k,) to a number.
        blocks: float (B, k), means of each of B independent blocks of equal size.
        unit: unit of the result.

    Raises:
        InputError: fewer than 2 blocks.

    Source: Efron, Stein (1981), Ann. Statist. 9, 586.

    >>> jackknife(lambda means: means[0], [[1.0], [3.0]]).error
    1.0
    """
    means = np.asarray(blocks, dtype=np.float64)
    if means.ndim != 2 or len(means) < 2:
        raise InputError(
            f"blocks have shape {means.shape}; expected (blocks, quantities) with at least "
            "2 blocks; split the data into more blocks"
        )
    count = len(means)
    without = (means.sum(axis=0) - means) / (count - 1)
    replicas = np.array([function(row) for row in without])
    value = count * function(means.mean(axis=0)) - (count - 1) * replicas.mean()
    error = np.sqrt((count - 1) * replicas.var())
    return Estimate(float(value), float(error), "estimate", unit, count)


def _as_chains(series: ArrayLike) -> Series:
    """The series as float64 (chains, records)."""
    values = np.atleast_2d(np.asarray(series, dtype=np.float64))
    if values.ndim != 2 or values.shape[1] < 4:
        raise InputError(
            f"series has shape {values.shape}; expected (chains, records) with at least "
            "4 records; record more sweeps"
        )
    if not np.isfinite(values).all():
        raise InputError(
            "series holds values that are not finite; expected finite numbers; remove the others"
        )
    return values


def _autocovariance(deviations: Series) -> Series:
    """Autocovariance averaged over chains and pairs of records, by FFT, for t = 0, 1, ..."""
    records = deviations.shape[1]
    length = 1 << (2 * records - 1).bit_length()
    power = np.abs(np.fft.rfft(deviations, length, axis=1)) ** 2
    sums = np.fft.irfft(power.mean(axis=0), length)[:records]
    return np.asarray(sums / np.arange(records, 0, -1))


def _decay(time: float) -> float:
    """Exponential autocorrelation time that goes with an integrated one, at least one record.

    The lower limit keeps a few terms of alternating sums, where the integrated time is below 1/2.
    """
    if time <= 0.5:
        return 1.0
    return max(1.0, DECAY_RATIO / float(np.log((2 * time + 1) / (2 * time - 1))))


def _window(times: Series, total: int) -> int:
    """First window whose truncation error is below its noise (Wolff 2004)."""
    for window in range(1, len(times)):
        decay = _decay(times[window])
        if np.exp(-window / decay) < decay / np.sqrt(window * total):
            return window
    raise AnalysisError(
        f"the correlations do not decay within {len(times)} records, so their time cannot be "
        "measured; record more sweeps, or choose an update that forgets sooner"
    )
