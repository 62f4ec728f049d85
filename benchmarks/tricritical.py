"""Blume-Capel at its tricritical point: sweeps and CPU time between independent records."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from measurement import Measurement
from numpy.typing import NDArray

from rsmi.sampling import Sampler, correlation
from rsmi.sampling.potts import BlumeCapel, blume_capel_registry
from rsmi.sampling.potts.exact import BLUME_CAPEL_TRICRITICAL

CHAINS, RECORDS = 16, 3000
OBSERVABLES = ("E", "|m|", "m^2", "vacancies")
# update -> side -> sweeps between records, about a twentieth of the autocorrelation time
SPACING = {
    "clusters": {16: 16, 32: 50},
    "embedded_clusters": {16: 1, 32: 4},
}


@dataclass(frozen=True)
class Speed:
    """What one update does on one lattice.

    Args:
        times, errors: tau_int of every observable in sweeps, and its error.
        means, mean_errors: every observable per site (m^2 per site squared).
        sweep: CPU seconds of a sweep of one chain.
    """

    times: NDArray[np.float64]
    errors: NDArray[np.float64]
    means: NDArray[np.float64]
    mean_errors: NDArray[np.float64]
    sweep: float

    @property
    def seconds(self) -> NDArray[np.float64]:
        """CPU seconds between independent records, 2 tau_int sweeps."""
        return 2 * self.times * self.sweep


def main() -> Measurement:
    found = {
        (side, name): speed(name, side, spacing)
        for name, sides in SPACING.items()
        for side, spacing in sides.items()
    }
    print(table(found))
    old, new = found[32, "clusters"], found[32, "embedded_clusters"]
    slowest = int(new.times.argmax())
    fewer, less = old.times[slowest] / new.times[slowest], (old.seconds / new.seconds)[slowest]
    return Measurement(
        f"2 tau = {2 * new.times[slowest]:.0f} sweeps, {1e3 * new.seconds[slowest]:.0f} ms",
        f"update clusters {2 * old.times[slowest]:.0f}, {1e3 * old.seconds[slowest]:.0f} ms",
        f"{fewer:.1f} times fewer sweeps, {less:.1f} times less CPU time",
    )


def speed(name: str, side: int, spacing: int) -> Speed:
    temperature, field = (BLUME_CAPEL_TRICRITICAL[k][0] for k in ("temperature", "crystal_field"))
    model = BlumeCapel.at_temperature((side, side), temperature, field)
    sampler = blume_capel_registry[name](model, 1)
    series, spent = measure(sampler, model, spacing)
    found = [correlation(values) for values in series]
    return Speed(
        spacing * np.array([f.time for f in found]),
        spacing * np.array([f.time_error for f in found]),
        series.mean(axis=(1, 2)),
        np.array([f.mean_error for f in found]),
        spent / (CHAINS * RECORDS * spacing),
    )


def measure(sampler: Sampler, model: BlumeCapel, spacing: int) -> tuple[NDArray[np.float64], float]:
    """Observables per site (4, chains, records), and the CPU time of the sweeps alone."""
    state = sampler.initial(CHAINS)
    discarded = spacing * RECORDS // 4
    sampler.advance(state, 0, discarded)
    series, spent = np.empty((len(OBSERVABLES), CHAINS, RECORDS)), 0.0
    for record in range(RECORDS):
        start = time.process_time()
        sampler.advance(state, discarded + record * spacing, spacing)
        spent += time.process_time() - start
        series[:, :, record] = observables(model, state)
    return series, spent


def observables(model: BlumeCapel, state: torch.Tensor) -> NDArray[np.float64]:
    """E, |m|, m^2 and vacancies per site, (4, chains)."""
    m = model.magnetisation(state).numpy() / model.n_sites
    energy = model.energy(state).numpy() / model.n_sites
    return np.stack([energy, np.abs(m), m**2, 1 - model.nonzero(state).numpy() / model.n_sites])


def table(found: dict[tuple[int, str], Speed]) -> str:
    """A row for every lattice, observable and update."""
    rows = ["| L | observable | update | mean | tau_int in sweeps | us per sweep | CPU ms per "]
    rows[0] += "independent record |"
    rows.append("|---" * 7 + "|")
    for k, observable in enumerate(OBSERVABLES):
        for (side, name), seen in sorted(found.items()):
            mean = f"{seen.means[k]:.4f}({seen.mean_errors[k]:.4f})"
            tau = f"{seen.times[k]:.1f}({seen.errors[k]:.1f})"
            cost = f"{1e6 * seen.sweep:.1f} | {1e3 * seen.seconds[k]:.2f}"
            rows.append(f"| {side} | {observable} | {name} | {mean} | {tau} | {cost} |")
    return "\n".join(rows)
