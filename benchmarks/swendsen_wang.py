"""Swendsen-Wang sweeps of 64 critical 64 x 64 lattices, in nanoseconds per spin."""

import numpy as np
from measurement import WORKERS, Measurement, seconds
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang
from rsmi.sampling.swendsen_wang import bond_probability

SIDE, CHAINS, SWEEPS = 64, 64, 200


def main() -> Measurement:
    spins = SIDE**2 * CHAINS * SWEEPS
    one, both = (1e9 * seconds(lambda w=w: sweep(w), 3) / spins for w in (1, WORKERS))
    lattice = np.ones((SIDE, SIDE), dtype=np.int8)
    random = np.random.default_rng(1)
    plain = 1e9 * seconds(lambda: [plain_sweep(lattice, random) for _ in range(50)])
    plain /= 50 * SIDE**2
    return Measurement(
        f"{both:.1f} ns per spin, {WORKERS} workers; {one:.1f} with one",
        f"numpy bonds and scipy connected_components {plain:.0f} ns, one core",
        f"{one / plain:.3f}",
    )


def sweep(workers: int) -> None:
    sampler = SwendsenWang(Ising((SIDE, SIDE), CRITICAL_COUPLING), seed=1, workers=workers)
    sampler.advance(sampler.initial(CHAINS), 0, SWEEPS)


def plain_sweep(spins: NDArray[np.int8], random: np.random.Generator) -> None:
    """The update as it is usually written in Python."""
    sites = np.arange(SIDE**2).reshape(SIDE, SIDE)
    ends = []
    for axis in (0, 1):
        like = spins == np.roll(spins, -1, axis)
        bonded = like & (random.random(spins.shape) < bond_probability(CRITICAL_COUPLING))
        ends.append(np.stack([sites[bonded], np.roll(sites, -1, axis)[bonded]]))
    a, b = np.concatenate(ends, 1)
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(SIDE**2, SIDE**2))
    count, label = connected_components(graph, directed=False)
    signs = random.choice(np.array([-1, 1], dtype=np.int8), count)
    spins[...] = signs[label].reshape(SIDE, SIDE)
