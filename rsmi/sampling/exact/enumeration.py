"""Small Ising tori solved by visiting every configuration, counted by energy and magnetisation.

Other graphs, random bonds and fields: `rsmi.sampling.graphs.exact.spectrum`, which keeps every
configuration by itself and so ends at 20 spins.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling.exact.states import DensityOfStates

MAX_SPINS = 25
MOST_CONFIGURATIONS = 2**22


def density_of_states(shape: tuple[int, ...], periodic: bool = True) -> DensityOfStates:
    """Count all configurations of a small lattice by energy and magnetisation.

    Args:
        shape: Extents; at most 25 sites.
        periodic: A torus, or a lattice with open ends.

    Returns:
        Exact integer counts, good for every temperature.

    Raises:
        InputError: For more than 25 sites.

    >>> states = density_of_states((3, 3))
    >>> int(states.counts.sum()), int(states.energies.min())
    (512, -18)
    """
    lattice = Hypercubic(shape, periodic)
    if lattice.n_sites > MAX_SPINS:
        raise InputError(
            f"a lattice of shape {list(shape)} has {lattice.n_sites} spins; visiting every "
            f"configuration is supported up to {MAX_SPINS} (5x5); use kaufman for the energy of "
            "a larger torus"
        )
    n_bonds = len(lattice.bonds())
    counts = np.zeros((2 * n_bonds + 1, lattice.n_sites + 1), dtype=np.int64)
    _visit(lattice.neighbours(), n_bonds, counts)
    energy, up = np.nonzero(counts)
    return DensityOfStates(
        lattice.n_sites, energy - n_bonds, 2 * up - lattice.n_sites, counts[energy, up]
    )


@njit(cache=True, nogil=True)
def _visit(neighbours: NDArray[np.int64], n_bonds: int, counts: NDArray[np.int64]) -> None:
    """Count configurations along a Gray code, so that each step flips a single spin.

    counts[E + n_bonds, number of up spins] is increased by one per configuration.
    """
    n_sites = neighbours.shape[0]
    spins = np.full(n_sites, -1, dtype=np.int64)
    energy = 0
    for site in range(n_sites):
        for other in neighbours[site, ::2]:
            if other >= 0:
                energy -= 1
    up = 0
    counts[energy + n_bonds, up] += 1
    for step in range(1, 1 << n_sites):
        site = 0
        while not (step >> site) & 1:
            site += 1
        field = 0
        for other in neighbours[site]:
            if other >= 0 and other != site:
                field += spins[other]
        energy += 2 * spins[site] * field
        up -= spins[site]
        spins[site] = -spins[site]
        counts[energy + n_bonds, up] += 1


def all_values(values: int, n_sites: int, most: int = MOST_CONFIGURATIONS) -> torch.Tensor:
    """Every assignment of 0 ... values - 1 to the sites, int8 (values**n_sites, n_sites).

    Site i is digit i of the row number, lowest first.

    Raises:
        InputError: more than `most` assignments, 2**22 without word of another limit.

    >>> all_values(3, 1).tolist()
    [[0], [1], [2]]
    """
    if values**n_sites > most:
        raise InputError(
            f"{n_sites} sites with {values} values have {values}**{n_sites} configurations; "
            f"visiting all is supported up to {most}; take a smaller lattice"
        )
    rows = np.arange(values**n_sites)
    digits = [(rows // values**site % values).astype(np.int8) for site in range(n_sites)]
    return torch.from_numpy(np.stack(digits, axis=1))
