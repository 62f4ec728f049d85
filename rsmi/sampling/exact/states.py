"""Thermal averages over the counted states of a small lattice, at every temperature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
