"""From samples on disk to the best 2 x 2 rule, the posterior known exactly."""

from pathlib import Path

import torch
from measurement import WORKERS, Measurement, critical_samples, seconds
from torch import Tensor

from rsmi.information import best_rule, rule_information
from rsmi.information.assignments import Action
from rsmi.lattice import Window, place
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact import ring_posterior
from rsmi.storage import open_samples

WINDOW = Window((2, 2), 1)
CONFIGURATIONS, WINDOWS = 512, 64


def main() -> Measurement:
    torch.set_num_threads(WORKERS)
    path = critical_samples(64, 938)
    ring_posterior(torch.ones(1, 20, dtype=torch.int8), CRITICAL_COUPLING, (2, 2), 1)  # compiles
    time = seconds(lambda: best_rule(posterior(path), z2="allow"), repeats=3)

    few = posterior(path)[:2048]
    action = Action.none(16, 2)
    rules = action.complete(action.every())
    direct = seconds(lambda: rule_information(few, action.tables(rules)).max())
    ours = seconds(lambda: best_rule(few, z2="allow"))
    return Measurement(
        f"{time:.2f} s, {CONFIGURATIONS * WINDOWS} rings, all {len(rules)} rules",
        f"2048 rings: {ours:.2f} s; every rule on every ring in torch {direct:.2f} s",
        f"{ours / direct:.2f}",
    )


def posterior(path: Path) -> Tensor:
    """Exact p(v | ring) of windows spread over configurations read from the file."""
    with open_samples(path) as samples:
        spins = samples.read(0, CONFIGURATIONS)
        _, rings = place(WINDOW, samples.space).cut(spins)
    chosen = rings[:, :: rings.shape[1] // WINDOWS].flatten(0, 1).contiguous()
    return ring_posterior(chosen, CRITICAL_COUPLING, (2, 2), WINDOW.buffer)
