"""Small models solved by visiting every configuration, for any bonds, fields and empty sites."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice.states import states
from rsmi.sampling.graphs.model import GraphIsing

MAX_SPINS = 20


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Energy and magnetisation of every configuration of a small model.

    Args:
        n_sites: number of sites, empty ones included.
        energies: float64 (c,), units of J.
        magnetisations: int64 (c,).
        counts: int64 (c,), how many configurations each entry stands for.
    """

    n_sites: int
    energies: NDArray[np.float64]
    magnetisations: NDArray[np.int64]
    counts: NDArray[np.int64]

    def probabilities(self, coupling: float) -> NDArray[np.float64]:
        """Boltzmann probability of every entry at K = J / T, (c,)."""
        exponent = -coupling * self.energies + np.log(self.counts)
        weights = np.exp(exponent - exponent.max())
        return weights / weights.sum()

    def log_partition(self, coupling: float) -> float:
        """ln Z at K = J / T."""
        return float(np.logaddexp.reduce(-coupling * self.energies + np.log(self.counts)))

    def energy(self, coupling: float) -> float:
        """Mean energy per site, units of J."""
        return float(self.probabilities(coupling) @ self.energies) / self.n_sites

    def moment(self, coupling: float, power: int) -> float:
        """Mean of |m|**power, m the magnetisation per site."""
        m = np.abs(self.magnetisations) / self.n_sites
        return float(self.probabilities(coupling) @ m**power)


def spectrum(model: GraphIsing) -> Spectrum:
    """Visit all configurations of a model; entry i is state i of the spins that are present.

    Args:
        model: Ising model on a graph with at most 20 spins.

    Raises:
        InputError: more than 20 spins.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> found = spectrum(GraphIsing(graph_lattice("triangular", (3, 3)), 0.2, bonds=-1.0))
    >>> found.energies.min(), int((found.energies == found.energies.min()).sum())
    (np.float64(-9.0), 42)
    """
    configurations = all_configurations(model)
    return Spectrum(
        model.n_sites,
        model.energy(configurations).double().numpy(),
        model.magnetisation(configurations).numpy(),
        np.ones(len(configurations), dtype=np.int64),
    )


def all_configurations(model: GraphIsing) -> torch.Tensor:
    """Every configuration of a small model, int8 (2**spins, *shape), 0 at empty sites.

    Raises:
        InputError: more than 20 spins.
    """
    spins = int(model.present.sum())
    if spins > MAX_SPINS:
        raise InputError(
            f"the model has {spins} spins; visiting every configuration is supported up to "
            f"{MAX_SPINS}; take a smaller lattice"
        )
    out = torch.zeros((2**spins, model.n_sites), dtype=torch.int8)
    out[:, torch.from_numpy(model.present)] = states(spins)
    return out.reshape(-1, *model.shape)
