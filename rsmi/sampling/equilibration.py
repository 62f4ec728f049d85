"""How many sweeps to discard, how many to leave between records, and the evidence for both."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.information.number import Estimate
from rsmi.sampling.autocorrelation import Correlation, correlation
from rsmi.sampling.chains import measure_sweeps
from rsmi.sampling.interface import Sampler

FIRST_TRIAL = 64
MINIMUM_TIMES = 20
LARGEST_TIME_ERROR = 0.2
LARGEST_Z = 4.0
SHORTEST_SERIES = 16

Series = NDArray[np.float64]


@dataclass(frozen=True)
class EquilibrationReport:
    """What was discarded before the first record and why that was enough.

    Args:
        discarded: sweeps done before the first record; the next sweep has this number.
        thin: sweeps between records.
        energy_time, magnetisation_time: tau_int of E and |M| in sweeps, measured in the second
            half of the discarded sweeps; None where there were too few.
        z_halves: largest deviation, in standard errors, between the two halves of that part.
        z_starts: the same between chains from hot and from cold starts; None for one chain.
    """

    discarded: int
    thin: int
    energy_time: Estimate | None
    magnetisation_time: Estimate | None
    z_halves: float | None
    z_starts: float | None

    @property
    def longest_time(self) -> float | None:
        """The larger of the two autocorrelation times, in sweeps."""
        if self.energy_time is None or self.magnetisation_time is None:
            return None
        return max(self.energy_time.value, self.magnetisation_time.value)

    @property
    def sweeps_needed(self) -> int:
        """Sweeps whose second half spans 20 times, from times two errors below the measured."""
        times = [t for t in (self.energy_time, self.magnetisation_time) if t is not None]
        lowest = max((t.value - 2 * t.error for t in times), default=0.0)
        return math.ceil(2 * MINIMUM_TIMES * lowest)

    @property
    def equilibrated(self) -> bool:
        """Whether half of the sweeps span 20 times and no comparison is off by 4 errors."""
        if self.longest_time is None:
            return False
        long_enough = self.discarded / 2 >= MINIMUM_TIMES * self.longest_time
        return long_enough and max(self.z_halves or 0.0, self.z_starts or 0.0) < LARGEST_Z

    def __str__(self) -> str:
        head = "equilibrated" if self.equilibrated else "NOT shown to be equilibrated"
        words = [f"{head}: {self.discarded} sweeps discarded"]
        if self.energy_time is not None and self.longest_time is not None:
            words[0] += f" ({self.discarded / self.longest_time:.0f} autocorrelation times)"
            words.append(f"tau_int(E) = {self.energy_time}")
            words.append(f"tau_int(|M|) = {self.magnetisation_time}")
            words.append(f"first against second half {self.z_halves:.1f} standard errors")
        if self.z_starts is not None:
            words.append(f"hot against cold start {self.z_starts:.1f}")
        return ", ".join([*words, f"one record every {self.thin} sweeps"])


def equilibrate(
    sampler: Sampler,
    state: Tensor,
    sweeps: int | None = None,
    thin: int | None = None,
    most_sweeps: int = 200_000,
) -> EquilibrationReport:
    """Bring all chains to equilibrium, measuring E and |M| after every sweep.

    The number of sweeps doubles until its second half spans at least 20 integrated
    autocorrelation times known to 20 %, and until the halves of that part, and the hot and the
    cold starts, agree within 4 standard errors. Records are then taken every 2 tau_int sweeps.

    Args:
        sampler: the update.
        state: int8 (chains, *shape) from `sampler.initial`, changed in place from sweep 0 on.
        sweeps: do exactly that many sweeps instead.
        thin: sweeps between records, instead of the measured 2 tau_int.
        most_sweeps: give up beyond that many.

    Returns:
        What was done, and the evidence; its text is one line for the user.

    Raises:
        InputError: negative sweeps or thin below 1.
        AnalysisError: equilibrium is not reached, or would surely take more than most_sweeps, or
            thin cannot be measured in these sweeps.
    """
    _check_request(sweeps, thin)
    if sweeps is not None:
        return _report(measure_sweeps(sampler, state, 0, sweeps), thin)
    series = measure_sweeps(sampler, state, 0, FIRST_TRIAL)
    while True:
        report = _try_report(series, thin)
        if report is not None and report.equilibrated and _times_are_known(report):
            return report
        done = series.shape[2]
        if max(2 * done, report.sweeps_needed if report else 0) > most_sweeps:
            raise AnalysisError(_advice(done, report, most_sweeps))
        series = np.concatenate([series, measure_sweeps(sampler, state, done, done)], axis=2)


def _advice(done: int, report: EquilibrationReport | None, most_sweeps: int) -> str:
    """What was found, and what to change in the recipe."""
    text = f"no equilibrium within {done} sweeps ({report or 'correlations do not decay'}); "
    if report is not None and report.sweeps_needed > most_sweeps:
        text += (
            f"at least {report.sweeps_needed} sweeps are needed, more than {most_sweeps} are not "
            "tried without being asked for; "
        )
    return text + (
        "choose an update that forgets sooner (one of clusters, or parallel tempering), a smaller "
        "lattice or another temperature, or give equilibration and thin yourself"
    )


def _check_request(sweeps: int | None, thin: int | None) -> None:
    """Raise InputError for impossible wishes."""
    if sweeps is not None and sweeps < 0:
        raise InputError(f"equilibration is {sweeps} sweeps; expected 0 or more; give more sweeps")
    if thin is not None and thin < 1:
        raise InputError(f"thin is {thin}; expected at least 1; give a positive number of sweeps")


def _report(series: Series, thin: int | None) -> EquilibrationReport:
    """Report on a number of sweeps that the user chose."""
    report = _try_report(series, thin)
    if report is not None:
        return report
    if thin is None:
        raise AnalysisError(
            f"{series.shape[2]} sweeps are too few to measure autocorrelation times, which decide "
            "how many sweeps lie between records; give thin, or more equilibration sweeps"
        )
    return EquilibrationReport(series.shape[2], thin, None, None, None, None)


def _try_report(series: Series, thin: int | None) -> EquilibrationReport | None:
    """Report from the second half of the series (2, chains, sweeps); None if it is too short."""
    sweeps = series.shape[2]
    if sweeps < SHORTEST_SERIES:
        return None
    part = series[:, :, sweeps // 2 :]
    try:
        times = [_time(correlation(values)) for values in part]
        z_halves = max(_deviation(*np.array_split(values, 2, axis=1)) for values in part)
        starts = [_deviation(values[::2], values[1::2]) for values in part if len(values) > 1]
    except AnalysisError:
        return None
    measured = max(1, round(2 * max(time.value for time in times)))
    return EquilibrationReport(
        sweeps, thin or measured, times[0], times[1], z_halves, max(starts, default=None)
    )


def _time(found: Correlation) -> Estimate:
    """The autocorrelation time in sweeps."""
    return Estimate(found.time, found.time_error, "estimate", "sweeps", found.records)


def _deviation(first: Series, second: Series) -> float:
    """Distance of two means in units of its standard error."""
    gap = abs(float(first.mean() - second.mean()))
    error = math.hypot(correlation(first).mean_error, correlation(second).mean_error)
    if error == 0:
        return 0.0 if gap == 0 else math.inf
    return gap / error


def _times_are_known(report: EquilibrationReport) -> bool:
    """Whether both autocorrelation times have small enough errors."""
    times = (report.energy_time, report.magnetisation_time)
    return all(time is not None and time.error <= LARGEST_TIME_ERROR * time.value for time in times)
