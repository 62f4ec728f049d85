import math

import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.information.number import Estimate
from rsmi.sampling import (
    CRITICAL_COUPLING,
    EquilibrationReport,
    Ising,
    Metropolis,
    SwendsenWang,
    equilibrate,
    measure_sweeps,
)
from rsmi.sampling.potts import BlumeCapel, BlumeCapelHeatBath

CRITICAL = Ising((16, 16), CRITICAL_COUPLING)


def test_sweeps_and_thin_follow_the_measured_times() -> None:
    sampler = SwendsenWang(CRITICAL, 2)
    state = sampler.initial(32)
    report = equilibrate(sampler, state)
    assert report.longest_time is not None
    assert report.equilibrated
    assert report.discarded >= 40 * report.longest_time
    assert report.thin == round(2 * report.longest_time)
    again = sampler.initial(32)
    sampler.advance(again, 0, report.discarded)
    assert torch.equal(state, again)


def test_given_sweeps_and_thin_are_obeyed() -> None:
    sampler = SwendsenWang(CRITICAL, 2)
    report = equilibrate(sampler, sampler.initial(8), sweeps=100, thin=3)
    assert (report.discarded, report.thin) == (100, 3)
    short = equilibrate(sampler, sampler.initial(8), sweeps=4, thin=3)
    assert not short.equilibrated
    assert str(short) == (
        "NOT shown to be equilibrated: 4 sweeps discarded, one record every 3 sweeps"
    )


def test_report_is_one_line() -> None:
    times = [Estimate(t, 0.1, "estimate", "sweeps") for t in (4.0, 3.0)]
    report = EquilibrationReport(200, 8, times[0], times[1], 1.04, 0.36)
    assert str(report) == (
        "equilibrated: 200 sweeps discarded (50 autocorrelation times), tau_int(E) = 4.00(10) "
        "sweeps, tau_int(|M|) = 3.00(10) sweeps, first against second half 1.0 standard errors, "
        "hot against cold start 0.4, one record every 8 sweeps"
    )


@pytest.mark.parametrize(("sweeps", "z"), [(100, 0.5), (200, 4.5), (200, math.inf)])
def test_too_short_or_disagreeing_is_not_equilibrated(sweeps: int, z: float) -> None:
    time = Estimate(4.0, 0.1, "estimate", "sweeps")
    assert not EquilibrationReport(sweeps, 8, time, time, 1.0, z).equilibrated
    assert not EquilibrationReport(sweeps, 8, time, time, z, None).equilibrated


def test_one_chain_has_no_comparison_of_starts() -> None:
    sampler = SwendsenWang(Ising((8, 8), 0.3), 2)
    report = equilibrate(sampler, sampler.initial(1))
    assert report.z_starts is None
    assert report.equilibrated


def test_frozen_starts_that_differ_are_not_taken_for_equilibrium() -> None:
    sampler = Metropolis(Ising((8, 8), 5.0), 2)
    state = sampler.initial(2)
    state[0, :4] = 1
    state[0, 4:] = -1
    with pytest.raises(AnalysisError, match=r"no equilibrium within 64 sweeps.*choose an update"):
        equilibrate(sampler, state, most_sweeps=100)


def test_a_memory_that_is_too_long_is_named_early() -> None:
    """tau_int(|M|) of the local update is about 110 sweeps here, so 4400 sweeps are needed."""
    sampler = BlumeCapelHeatBath(BlumeCapel((8, 8), 1 / 0.608, 1.966), 2)
    state = sampler.initial(64)
    message = r"no equilibrium within \d+ sweeps \(NOT.*at least \d+ sweeps are needed, more than "
    with pytest.raises(AnalysisError, match=message + "2100.*give equilibration and thin yourself"):
        equilibrate(sampler, state, most_sweeps=2100)


def test_frozen_starts_that_agree_are_equilibrium() -> None:
    sampler = SwendsenWang(Ising((4, 4), 20.0), 2)
    report = equilibrate(sampler, sampler.initial(4))
    assert report.equilibrated
    assert report.thin == 1


def test_series_are_energy_and_absolute_magnetisation() -> None:
    sampler = SwendsenWang(CRITICAL, 2)
    state = sampler.initial(3)
    series = measure_sweeps(sampler, state, 0, 5)
    assert series.shape == (2, 3, 5)
    assert series[0, :, -1].tolist() == CRITICAL.energy(state).tolist()
    assert series[1, :, -1].tolist() == CRITICAL.magnetisation(state).abs().tolist()


def test_bad_requests() -> None:
    sampler = SwendsenWang(CRITICAL, 2)
    state = sampler.initial(2)
    with pytest.raises(InputError, match="equilibration is -1 sweeps; expected 0 or more"):
        equilibrate(sampler, state, sweeps=-1)
    with pytest.raises(InputError, match="thin is 0; expected at least 1"):
        equilibrate(sampler, state, thin=0)
    with pytest.raises(AnalysisError, match="4 sweeps are too few to measure"):
        equilibrate(sampler, state, sweeps=4)
