"""Whether the rows of a source of samples are in equilibrium, and how many of them count.

An average does not depend on the order of the rows, but its error does: it presumes that every row
has the same distribution, and that rows far apart have forgotten each other. Both can be measured.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct
from scipy.stats import chi2, norm
from scipy.stats import f as f_distribution

from rsmi.errors import AnalysisError, InputError
from rsmi.sampling.autocorrelation import Series, correlation

FALSE_ALARM = 1e-6
"""Probability of refusing a good source."""

LEAST_BLOCKS = 8
"""Fewest independent blocks that an error can be taken from."""

LENGTH_OF_BLOCK = 5.0
"""A block has so many autocorrelation times, so that its error is at most a tenth too small."""

_SLOW = 4  # waves along the rows that a drift is sought in
_MANY_CHAINS = 8  # so many tell from each other how much a drift fluctuates, or one record
_REFERENCE = 64  # further waves that say how much the slow ones may fluctuate, in fewer chains
_FLAT = 2 * math.pi  # autocorrelation times in the shortest of them: their power differs by 25 %
_MOST_VALUES = 1 << 22  # looked at one by one
_LINE_NEIGHBOURS = 32  # on each side of a wave
_LINE_GAP = 2  # waves beside it that share its power
_LONG_CHAIN = 200  # autocorrelation times from which on the means of chains can be compared


@dataclass(frozen=True)
class Order:
    """How one observable runs along the rows.

    Args:
        name: of the observable.
        time: tau_int in records, plus its error; infinite where it does not decay.
        trend: correlation of the observable with the number of its record, -1 to 1.
        drift, between, period: p-values of rows without a drift, of equal chains and of rows
            without a period; 1 where there is too little to tell.
    """

    name: str
    time: float
    trend: float
    drift: float
    between: float
    period: float


@dataclass(frozen=True)
class OrderReport:
    """What the order of the rows says of a source.

    Args:
        source: its name, for messages.
        n: rows.
        chains: Markov chains they come from.
        orders: one for each observable.
        frozen: whether no observable ever changed.
    """

    source: str
    n: int
    chains: int
    orders: tuple[Order, ...]
    frozen: bool

    @property
    def time(self) -> float:
        """The longest autocorrelation time, in records; 1/2 for independent records."""
        return max((order.time for order in self.orders), default=0.5)

    @property
    def effective(self) -> float:
        """Number of independent rows that the rows are worth, n / (2 tau_int)."""
        return max(self.n / (2 * self.time), float(self.chains))

    @property
    def blocks(self) -> int:
        """Most blocks of all rows whose errors are honest, see `blocks_of`."""
        return self.blocks_of(self.n, self.chains)

    def check(self) -> None:
        """Refuse a source that would give wrong numbers with small errors.

        Raises:
            InputError: rows that drift, differ from chain to chain or repeat a period; or so much
                memory that fewer than 8 independent blocks are left.
        """
        for order in self.orders:
            self._check_rows(order)
        self.blocks_of(self.n, self.chains)

    def blocks_of(self, n: int, chains: int) -> int:
        """Most blocks of some rows whose errors are honest: whole chains, or 5 times the memory.

        Blocks of b records of an exponential correlation make the square of an error too small by
        the fraction (tau - 1 / (4 tau)) / b.

        Args:
            n: rows of the part.
            chains: chains that they come from.

        Raises:
            InputError: fewer than 8 where there are 8 rows.
        """
        memory = self.time - 1 / (4 * self.time) if math.isfinite(self.time) else math.inf
        blocks = n if memory <= 0 else min(n, max(chains, int(n / (LENGTH_OF_BLOCK * memory))))
        if blocks >= min(LEAST_BLOCKS, n):
            return blocks
        part = "" if n == self.n else "of the part that an error is taken from, "
        raise InputError(
            f"{self.source}: the {self._slowest.name} is remembered for {_records(self.time)}, so "
            f"{part}{n} rows of {_chains(chains)} are worth {max(n / (2 * self.time), chains):.0f} "
            f"independent ones{self._rising()}, too few to tell an error; expected at least "
            f"{LEAST_BLOCKS * LENGTH_OF_BLOCK / 2:.0f}, or {LEAST_BLOCKS} chains; record longer "
            "chains, or more of them"
        )

    def __str__(self) -> str:
        text = (
            f"{self.n} rows of {_chains(self.chains)} are worth {self.effective:.0f} independent "
            "ones"
        )
        if self.time <= 0.5:
            return text
        return f"{text} (tau_int {_records(self.time)}, {self._slowest.name})"

    @property
    def _slowest(self) -> Order:
        return max(self.orders, key=lambda order: order.time)

    def _rising(self) -> str:
        trend = max((order.trend for order in self.orders), key=abs)
        if abs(trend) < 0.5:
            return ""
        return f" (they follow the number of the row with correlation {trend:.2f}: sorted?)"

    def _check_rows(self, order: Order) -> None:
        level = FALSE_ALARM / max(1, 3 * len(self.orders))
        found = {
            "drifts along the rows": order.drift,
            "differs between the chains": order.between,
            "repeats itself with a fixed number of rows": order.period,
        }
        for what, p in found.items():
            if p < level:
                raise InputError(
                    f"{self.source}: the {order.name} {what}, by {_errors(p)} standard errors; "
                    "expected rows of one distribution, in equilibrium; leave out what was "
                    "recorded before equilibrium, take one temperature only, or, where the rows "
                    "are independent and meant as one mixture, shuffle them"
                )


def order_report(source: str, chains: int, series: Mapping[str, Series]) -> OrderReport:
    """Measure memory, drift, differences of chains and periods of observables along the rows.

    The cosine transform of a stationary series has independent coefficients of equal variance
    2 tau_int var(x) at all waves longer than a few autocorrelation times. The longest waves, which
    a drift excites, are compared with the next ones by an F test. Where there are 8 chains or more,
    the mean over the chains of these waves, and of each record, is compared with the spread over
    the chains, whatever the memory, for the values and for their squared deviations. The means of
    the chains are compared with the same coefficients, and each line of the spectrum of a single
    chain with its surroundings.

    Args:
        source: name for messages.
        chains: row i is record i // chains of chain i % chains.
        series: observables by name, float (n,).

    Returns:
        The report; its `check` refuses.

    Source: U. Wolff (2004), hep-lat/0306017, for the time; G. Bennett (1962), J. Am. Stat. Assoc.
    57, 33, for the bound of single records.

    >>> noise = np.random.default_rng(0).standard_normal(1000)
    >>> print(order_report("noise", 4, {"energy": noise}))
    1000 rows of 4 chains are worth 1000 independent ones
    >>> drifting = noise + np.linspace(0, 2, 1000)
    >>> order_report("drifting", 1, {"energy": drifting}).orders[0].drift < 1e-6
    True
    """
    n = len(next(iter(series.values())))
    whole = n - n % chains  # an unfinished record says little
    orders = [_order(name, v[:whole].reshape(-1, chains).T) for name, v in series.items()]
    frozen = n > chains and all(np.ptp(values) == 0 for values in series.values())
    return OrderReport(source, n, chains, tuple(orders), frozen)


def _order(name: str, values: Series) -> Order:
    """Look at one observable, float (chains, records)."""
    single = float(values.var())
    values, joined = _joined(values)
    chains, records = values.shape
    deviations = values - values.mean()
    variance = float((deviations**2).mean())
    if records < 4 or variance <= 1e-20 * float((values**2).mean()):
        return Order(name, 0.5, 0.0, 1.0, 1.0, 1.0)
    waves = np.asarray(dct(deviations, type=2, norm="ortho", axis=1))
    # The variance of the mean, 2 tau variance / records, is the same for single and joined records.
    time = max(0.5, _time(values, waves, variance) * joined * variance / single)
    drift, differ = _few_chains(waves)
    if chains >= _MANY_CHAINS:
        drift = _smallest(np.array([_many_chains(x) for x in (deviations, deviations**2)]))
    ramp = np.arange(records) - (records - 1) / 2
    trend = float((deviations @ ramp).mean() / math.sqrt(variance * records * (ramp @ ramp)))
    period = _period(deviations[0]) if chains == 1 else 1.0
    return Order(name, time, trend, drift, differ, period)


def _joined(values: Series) -> tuple[Series, int]:
    """Means of so many consecutive records that all of them fit memory, and how many these are."""
    chains, records = values.shape
    joined = -(-values.size // _MOST_VALUES)
    if joined == 1 or records < 64 * joined:
        return values, 1
    whole = values[:, : records - records % joined]
    return whole.reshape(chains, -1, joined).mean(2), joined


def _time(values: Series, waves: Series, variance: float) -> float:
    """The autocorrelation time with its error, also of a slow component that hides behind noise."""
    chains, records = values.shape
    few = waves[:, 1 : 1 + max(1, min(32, records // 8))]
    slow = float((few**2).mean()) / (2 * variance)
    try:
        found = correlation(values)
    except AnalysisError:
        return math.inf if chains < 2 else max(slow, _between(waves, variance))
    time = found.time + found.time_error if _remembers(values) else 0.5
    hidden = chi2.sf(few.size * slow / time, few.size) < FALSE_ALARM
    return slow if hidden else time


def _remembers(values: Series) -> bool:
    """Whether neighbouring records are alike beyond chance, so that noise is no memory."""
    deviations = values - values.mean()
    variance = float((deviations**2).mean())
    if variance == 0:
        return False
    alike = float((deviations[:, 1:] * deviations[:, :-1]).mean()) / variance
    return abs(alike) * math.sqrt(values.size) > float(norm.isf(FALSE_ALARM / 2))


def _between(waves: Series, variance: float) -> float:
    """The time from the spread of the means of the chains."""
    return float(waves[:, 0].var(ddof=1)) / (2 * variance)


def _few_chains(waves: Series) -> tuple[float, float]:
    """p-values of slow waves like the next ones, and of chains of equal means."""
    chains, records = waves.shape
    slow, time = waves[:, 1 : 1 + _SLOW], _fast_time(waves)
    reference, weight = _reference(waves, time)
    if not weight:
        return 1.0, 1.0
    drift = float(f_distribution.sf((slow**2).mean() / reference, slow.size, weight))
    if chains == 1 or records < _LONG_CHAIN * time:
        return drift, 1.0
    ratio = waves[:, 0].var(ddof=1) / reference
    return drift, float(f_distribution.sf(ratio, chains - 1, weight))


def _many_chains(values: Series) -> float:
    """p-value of no wave, and no single record, that many chains have in common.

    Waves odd in time have symmetric coefficients in equilibrium, so that t tests hold for skewed
    values as well.
    """
    odd = np.asarray(dct(values, type=2, norm="ortho", axis=1))[:, 1 : 1 + _SLOW : 2]
    spread = odd.var(axis=0, ddof=1)
    moved = spread > 1e-20 * (values**2).mean()
    ratio = len(values) * odd.mean(axis=0)[moved] ** 2 / spread[moved]
    wave = _smallest(f_distribution.sf(ratio, 1, len(values) - 1))
    return _smallest(np.array([wave, _strange_record(values)]))


def _strange_record(values: Series) -> float:
    """p-value of the record whose mean over the chains is furthest from that of its chains.

    Bennett's bound holds for rare values too: the mean of C deviations of variance v, at most b,
    exceeds t with a probability below exp(-C v / b**2 ((1 + u) ln(1 + u) - u)), u = b t / v.
    """
    deviations = values - values.mean(axis=1, keepdims=True)
    largest = float(np.abs(deviations).max())
    if largest == 0:
        return 1.0
    variance = np.maximum((deviations**2).mean(), deviations.var(axis=0, ddof=1))
    u = largest * np.abs(deviations.mean(axis=0)) / variance
    exponent = len(values) * variance / largest**2 * ((1 + u) * np.log1p(u) - u)
    return _smallest(2 * np.exp(-exponent))


def _fast_time(waves: Series) -> float:
    """The autocorrelation time without the slow waves, so that a drift does not hide itself."""
    rest = waves.copy()
    rest[:, : 1 + _SLOW] = 0
    series = np.asarray(dct(rest, type=3, norm="ortho", axis=1))
    if not _remembers(series):
        return 0.5
    try:
        return max(1.0, correlation(series).time)
    except AnalysisError:
        return math.inf


def _reference(waves: Series, time: float) -> tuple[float, int]:
    """Mean power of the waves after the slow ones, and how many there are; 0 for too few."""
    chains, records = waves.shape
    flat = int(records / (_FLAT * time))
    number = np.arange(1 + _SLOW, min(flat, _REFERENCE + 1 + _SLOW, records))
    if chains * len(number) < 2 * _SLOW:
        return 1.0, 0
    # The power that a memory of this time takes from the faster waves.
    shape = 1 + (np.pi * number * time / records) ** 2 if time > 0.5 else 1.0
    power = float((waves[:, number] ** 2 * shape).mean())
    return (power, chains * len(number)) if power > 0 else (1.0, 0)


def _period(series: Series) -> float:
    """p-value of the strongest line of the spectrum against its surroundings."""
    wide = _LINE_NEIGHBOURS + _LINE_GAP
    power = np.abs(np.fft.rfft(series)) ** 2
    if len(power) < 4 * wide:
        return 1.0
    window = np.ones(2 * wide + 1)
    window[_LINE_NEIGHBOURS : -_LINE_NEIGHBOURS or None] = 0
    folded = np.pad(power, wide, mode="reflect")
    around = np.convolve(folded, window, mode="valid")
    ratio = power[wide:] / np.maximum(around[wide:] / window.sum(), 1e-300)
    chance = np.exp(-window.sum() * np.log1p(ratio / window.sum()))
    if len(series) % 2 == 0:  # the last wave has one part, not two
        chance[-1] = f_distribution.sf(ratio[-1], 1, 2 * _LINE_NEIGHBOURS)
    return _smallest(chance)


def _smallest(chances: Series) -> float:
    """p-value of the smallest of several."""
    return min(1.0, float(chances.min(initial=1.0)) * len(chances))


def _errors(p: float) -> str:
    """A p-value as standard errors of a normal distribution."""
    return f"{norm.isf(p / 2):.1f}" if p > 1e-300 else "more than 37"


def _chains(number: int) -> str:
    return "1 chain" if number == 1 else f"{number} chains"


def _records(time: float) -> str:
    return f"{time:.3g} records" if math.isfinite(time) else "longer than its chains"
