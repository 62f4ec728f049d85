"""Small models solved by visiting every configuration, for any bonds, fields and empty sites."""

import numpy as np
import torch

from rsmi.errors import InputError
from rsmi.lattice.states import states
from rsmi.sampling.exact.enumeration import DensityOfStates
from rsmi.sampling.graphs.model import GraphIsing

MAX_SPINS = 20


def spectrum(model: GraphIsing) -> DensityOfStates:
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
    return DensityOfStates(
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
