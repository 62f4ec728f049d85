"""Small Potts and Blume-Capel lattices solved by visiting every configuration."""

import numpy as np
import torch

from rsmi.errors import InputError
from rsmi.sampling.exact.states import DensityOfStates
from rsmi.sampling.potts.blume_capel import BlumeCapel
from rsmi.sampling.potts.model import Potts

MOST_CONFIGURATIONS = 2**22


def spectrum(model: Potts | BlumeCapel) -> DensityOfStates:
    """How many configurations have each energy and magnetisation.

    Args:
        model: at most 2**22 configurations, such as 3 x 3 sites with q <= 5.

    Returns:
        The classes (E, |M|); `probabilities` and `energy` hold at every coupling. For a Blume-Capel
        model the energies belong to its crystal field.

    Raises:
        InputError: too many configurations.

    >>> found = spectrum(Potts((3, 3), 3, 1.0))
    >>> int(found.counts.sum()), found.energies.min()
    (19683, np.float64(-18.0))
    """
    values = 3 if isinstance(model, BlumeCapel) else model.states
    lowest = -1 if isinstance(model, BlumeCapel) else 0
    configurations = (all_values(values, model.n_sites) + lowest).reshape(-1, *model.shape)
    energies = model.energy(configurations).double().numpy()
    sizes = model.magnetisation(configurations).abs().numpy()
    classes, counts = np.unique(np.stack([energies, sizes]), axis=1, return_counts=True)
    return DensityOfStates(
        model.n_sites, classes[0], classes[1].astype(np.int64), counts.astype(np.int64)
    )


def all_values(values: int, n_sites: int) -> torch.Tensor:
    """Every assignment of 0 ... values - 1 to the sites, int8 (values**n_sites, n_sites).

    Site i is digit i of the row number, lowest first.

    Raises:
        InputError: more than 2**22 assignments.

    >>> all_values(3, 1).tolist()
    [[0], [1], [2]]
    """
    if values**n_sites > MOST_CONFIGURATIONS:
        raise InputError(
            f"{n_sites} sites with {values} values have {values}**{n_sites} configurations; "
            f"visiting all is supported up to {MOST_CONFIGURATIONS}; take a smaller lattice"
        )
    rows = np.arange(values**n_sites)
    digits = [(rows // values**site % values).astype(np.int8) for site in range(n_sites)]
    return torch.from_numpy(np.stack(digits, axis=1))
