"""Drift, differences of chains, periods and memory along rows: false alarms and detection."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import kstest

from rsmi.errors import InputError
from rsmi.sampling.order import FALSE_ALARM, Order, OrderReport, order_report

Series = NDArray[np.float64]


def chains_of(random: np.random.Generator, chains: int, records: int, time: float = 0.5) -> Series:
    """Stationary AR(1) series with this autocorrelation time, (chains, records)."""
    decay = (2 * time - 1) / (2 * time + 1)
    noise = random.standard_normal((chains, records)) * np.sqrt(1 - decay**2)
    noise[:, 0] /= np.sqrt(1 - decay**2)
    return np.asarray(lfilter([1], [1, -decay], noise, axis=1))


def report(values: Series) -> OrderReport:
    return order_report("x", len(values), {"energy": values.T.ravel()})


def order(values: Series) -> Order:
    return report(values).orders[0]


def rare(random: np.random.Generator, chains: int, records: int) -> Series:
    return (random.random((chains, records)) < 0.003).astype(float)


GOOD: dict[str, Callable[[np.random.Generator], Series]] = {
    "rows of no order": lambda random: chains_of(random, 1, 600),
    "skewed rows": lambda random: np.exp(chains_of(random, 1, 600)),
    "rare values": lambda random: rare(random, 16, 100),
    "one chain": lambda random: chains_of(random, 1, 4000, 5.0),
    "64 chains": lambda random: chains_of(random, 64, 100, 1.2),
    "64 slow chains": lambda random: chains_of(random, 64, 50, 30.0),
    "four chains": lambda random: chains_of(random, 4, 1000, 2.0),
}


@pytest.mark.parametrize("source", GOOD.values(), ids=GOOD)
def test_good_sources_are_not_refused(source: Callable[[np.random.Generator], Series]) -> None:
    random = np.random.default_rng(7)
    for _ in range(60):
        report(source(random)).check()


@pytest.mark.parametrize(
    ("chains", "name"), [(1, "drift"), (1, "period"), (3, "drift"), (3, "between")]
)
def test_p_values_are_uniform(chains: int, name: str) -> None:
    random = np.random.default_rng(3)
    found = [getattr(order(chains_of(random, chains, 400)), name) for _ in range(300)]
    # The smallest of many is a p-value where it is small, and 1 where all of them are large.
    below = [p for p in found if p < 0.3]
    assert kstest(np.array(below) / 0.3, "uniform").pvalue > FALSE_ALARM
    assert kstest(np.array(below) ** 3 / 0.027, "uniform").pvalue < FALSE_ALARM


def test_drifts_are_seen_and_their_shuffled_rows_are_not() -> None:
    random = np.random.default_rng(1)
    rows = np.sort(np.repeat(np.linspace(0, 3, 10), 200)) + random.standard_normal(2000)
    with pytest.raises(InputError, match=r"the energy drifts along the rows, by \d+.\d standard"):
        report(rows[None]).check()
    report(random.permutation(rows)[None]).check()


def test_a_start_out_of_equilibrium_is_seen_in_many_chains() -> None:
    random = np.random.default_rng(1)
    for start in (np.exp(-np.arange(100.0)), 0.3 * np.exp(-np.arange(100) / 30)):
        with pytest.raises(InputError, match="drifts along the rows"):
            report(chains_of(random, 64, 100) + 4 * start).check()


def test_chains_of_several_temperatures_are_seen() -> None:
    random = np.random.default_rng(1)
    with pytest.raises(InputError, match="differs between the chains"):
        report(chains_of(random, 5, 400) + np.linspace(0, 1, 5)[:, None]).check()


@pytest.mark.parametrize("period", [2, 5, 32])
def test_interleaved_temperatures_are_seen(period: int) -> None:
    random = np.random.default_rng(1)
    rows = np.tile(np.linspace(0, 2, period), 1600 // period) + random.standard_normal(1600)
    with pytest.raises(InputError, match="repeats itself with a fixed number of rows"):
        report(rows[None]).check()


def test_a_chain_too_short_for_an_error_is_refused() -> None:
    random = np.random.default_rng(2)
    message = r"energy is remembered for .* records, so 1000 rows of 1 chain .* at least 20"
    for _ in range(10):
        with pytest.raises(InputError, match=message):
            report(chains_of(random, 1, 1000, 150.0)).check()
    walk = np.cumsum(random.standard_normal(500))[None]
    with pytest.raises(InputError, match=r"drifts|remembered"):
        report(walk).check()


def test_many_records_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    rows, noise = chains_of(random, 2, 20000, 50.0), chains_of(random, 2, 20000)
    ramp = np.linspace(0, 0.3, 20000)
    for most in (1 << 22, 1 << 13, 1 << 10):
        monkeypatch.setattr("rsmi.sampling.order._MOST_VALUES", most)
        assert 30 < report(rows).time < 100
        assert report(noise).time < 0.7
        report(noise).check()
        with pytest.raises(InputError, match="drifts along the rows"):
            report(noise + ramp).check()


def test_a_slow_part_behind_noise_is_measured() -> None:
    random = np.random.default_rng(2)
    rows = chains_of(random, 1, 20000, 100.0) + 4 * random.standard_normal((1, 20000))
    time = 0.5 + 100 / 17
    assert 0.4 * time < report(rows).time < 2.5 * time


def test_blocks_give_honest_errors_of_means() -> None:
    random = np.random.default_rng(5)
    tries = [chains_of(random, 1, 4000, 20.0) for _ in range(150)]
    truth = 2 * 20.0 / 4000
    assert np.mean([variance(x, report(x).blocks) for x in tries]) == pytest.approx(truth, rel=0.2)
    assert np.mean([variance(x, 400) for x in tries]) < 0.5 * truth


def variance(values: Series, blocks: int) -> float:
    """Squared error of the mean from blocks."""
    means = [part.mean() for part in np.array_split(values.ravel(), blocks)]
    return float(np.var(means, ddof=1)) / blocks


def test_a_part_needs_blocks_of_its_own() -> None:
    found = report(chains_of(np.random.default_rng(3), 1, 4000, 20.0))
    assert 8 <= found.blocks <= 60
    with pytest.raises(InputError, match="of the part that an error is taken from, 400 rows"):
        found.blocks_of(400, 1)
    assert found.blocks_of(400, 8) == 8


def test_constant_and_few_rows_say_nothing() -> None:
    changing = {"energy": np.ones(100), "magnetisation": np.arange(100.0) % 7}
    assert order_report("x", 2, changing).orders[0] == Order("energy", 0.5, 0.0, 1.0, 1.0, 1.0)
    assert str(report(np.ones((1, 3)))) == "3 rows of 1 chain are worth 3 independent ones"
    report(np.arange(6.0)[:, None]).check()
