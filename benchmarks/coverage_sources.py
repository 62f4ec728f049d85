"""How often good sources of configurations are refused, and bad ones are not."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.sampling import CRITICAL_COUPLING, Ising, Metropolis, SwendsenWang
from rsmi.sampling.order import OrderReport, order_report
from rsmi.storage.source import observed

Spins = NDArray[np.int8]
SIZE = 16


class Held:
    """Configurations in memory, (chains, records, *shape)."""

    def __init__(self, spins: Spins) -> None:
        self.chains, records, *shape = spins.shape
        self.shape = tuple(shape)
        self._rows = spins.swapaxes(0, 1).reshape(self.chains * records, *shape)

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, start: int, stop: int):  # type: ignore[no-untyped-def]
        import torch

        return torch.from_numpy(np.ascontiguousarray(self._rows[start:stop]))


def draw(
    seed: int,
    chains: int,
    records: int,
    thin: int = 3,
    skip: int = 100,
    temperature: float = 1 / CRITICAL_COUPLING,
    update: type = SwendsenWang,
    size: int = SIZE,
) -> Spins:
    sampler = update(Ising((size, size), 1 / temperature), seed=seed)
    state = sampler.initial(chains)
    sampler.advance(state, 0, skip)
    found = []
    for record in range(records):
        sampler.advance(state, skip + thin * record, thin)
        found.append(state.numpy().copy())
    return np.stack(found, 1)


def flat(spins: Spins) -> Spins:
    return spins.reshape(1, -1, *spins.shape[2:])


def scan(seed: int) -> Spins:
    """64 chains at each of five temperatures, (temperatures, n, L, L)."""
    found = [draw(seed, 64, 10, temperature=t) for t in np.linspace(2.0, 2.6, 5)]
    return np.concatenate([flat(x) for x in found])


def shuffled(spins: Spins, seed: int) -> Spins:
    return np.random.default_rng(seed).permutation(flat(spins)[0])[None]


GOOD: dict[str, Callable[[int], Spins]] = {
    "Swendsen-Wang, 64 chains x 100 records": lambda s: draw(s, 64, 100),
    "Swendsen-Wang, 16 chains x 40 records, each sweep": lambda s: draw(s, 16, 40, 1),
    "Swendsen-Wang, one chain of 2000 records, each sweep": lambda s: draw(s, 1, 2000, 1),
    "Swendsen-Wang, four chains of 500 records": lambda s: draw(s, 4, 500),
    "3200 independent rows": lambda s: shuffled(draw(s, 64, 50), s),
    "64 chains written one behind another": lambda s: flat(draw(s, 64, 50)),
    "Metropolis, 64 chains x 50 records": lambda s: draw(s, 64, 50, 5, 600, update=Metropolis),
    "T = 1.5, 64 chains x 50 records": lambda s: draw(s, 64, 50, temperature=1.5),
    "T = 5, 3200 independent rows": lambda s: shuffled(draw(s, 64, 50, temperature=5.0), s),
}

BAD: dict[str, Callable[[int], Spins]] = {
    "rows sorted by temperature, 2.0 to 2.6": lambda s: flat(scan(s)),
    "temperatures row by row": lambda s: flat(scan(s).swapaxes(0, 1)),
    "temperatures as chains": scan,
    "one chain, 500 consecutive Metropolis sweeps, L = 64": lambda s: draw(
        s, 1, 500, 1, 2000, update=Metropolis, size=64
    ),
    "64 chains x 40 sweeps, no equilibration, L = 32": lambda s: draw(
        s, 64, 40, 1, 0, update=Metropolis, size=32
    ),
    "16 chains x 40 sweeps, no equilibration, L = 32": lambda s: draw(
        s, 16, 40, 1, 0, update=Metropolis, size=32
    ),
    "(not seen from rows alone) temperatures shuffled": lambda s: shuffled(scan(s), s),
}


def judged(spins: Spins) -> OrderReport:
    source = Held(spins)
    return order_report("source", source.chains, observed(source))


def refused(report: OrderReport) -> bool:
    try:
        report.check()
    except InputError:
        return True
    return False


def smallest(report: OrderReport) -> float:
    """The smallest p-value, times the number of tests."""
    found = [p for order in report.orders for p in (order.drift, order.between, order.period)]
    return min(found) * 3 * len(report.orders)


def sources(trials: int = 100) -> None:
    """Print false alarms of good sources and detections of bad ones."""
    print(f"| source ({trials} seeds each) | refused | p < 0.01 | p < 0.001 | effective rows |")
    print("|---|---|---|---|---|")
    for kind, named in (("good", GOOD), ("bad", BAD)):
        for name, make in named.items():
            reports = [judged(make(1000 + seed)) for seed in range(trials)]
            p = np.array([smallest(report) for report in reports])
            rate = np.mean([refused(report) for report in reports])
            rows = np.median([report.effective for report in reports])
            cells = f"{rate:.1%} | {np.mean(p < 0.01):.1%} | {np.mean(p < 0.001):.1%} | {rows:.0f}"
            print(f"| {kind}: {name} | {cells} |", flush=True)
