"""Small lattices solved by visiting every configuration, counted by energy and magnetisation.

Other graphs, random bonds and fields: `rsmi.sampling.graphs.exact.spectrum`, which keeps every
configuration by itself and so ends at 20 spins.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.lattice import Hypercubic

MAX_SPINS = 25
MOST_CONFIGURATIONS = 2**22


@dataclass(frozen=True, eq=False)
class DensityOfStates:
    """How many configurations of a small lattice have each energy and magnetisation.

    Args:
        n_sites: Number of sites, empty ones included.
        energies: (c,) int64 or float64, units of J.
        magnetisations: (c,) int64.
        counts: (c,) int64, how many configurations each entry stands for, all > 0.
    """

    n_sites: int
    energies: NDArray[np.int64] | NDArray[np.float64]
    magnetisations: NDArray[np.int64]
    counts: NDArray[np.int64]

    def probabilities(self, coupling: float) -> NDArray[np.float64]:
        """Boltzmann probability of every entry at K = J/T, (c,)."""
        exponent = -coupling * self.energies + np.log(self.counts)
        weights = np.exp(exponent - exponent.max())
        return weights / weights.sum()

    def log_partition(self, coupling: float) -> float:
        """ln Z at K = J/T."""
        return float(np.logaddexp.reduce(-coupling * self.energies + np.log(self.counts)))

    def energy(self, coupling: float) -> float:
        """Mean energy per site, units of J."""
        return float(self.probabilities(coupling) @ self.energies) / self.n_sites

    def moment(self, coupling: float, power: int) -> float:
        """Mean of |m|**power, m the magnetisation per site."""
        m = np.abs(self.magnetisations) / self.n_sites
        return float(self.probabilities(coupling) @ m**power)


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
