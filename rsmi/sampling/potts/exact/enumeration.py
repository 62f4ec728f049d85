"""Small Potts and Blume-Capel lattices solved by visiting every configuration."""

import numpy as np

from rsmi.sampling.exact.enumeration import DensityOfStates, all_values
from rsmi.sampling.potts.blume_capel import BlumeCapel
from rsmi.sampling.potts.model import Potts


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
