"""One copy of an Ising model at each of several temperatures, as one larger model."""

import math
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.graphs.model import GraphIsing
from rsmi.sampling.graphs.running import check_configurations, starting_values


@dataclass(frozen=True, eq=False)
class Ladder:
    """One copy of an Ising model at each of several temperatures: a single larger model.

    Its weight is the product of exp(-E_r / T_r), so one ladder is one Markov chain. Copy r is
    `configurations[:, r]`.

    Args:
        model: Ising model on a graph; its own coupling is not used.
        temperatures: at least two, in units of J, increasing.

    Raises:
        InputError: fewer than two temperatures, or not positive and increasing.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> Ladder(GraphIsing(graph_lattice("square", (4, 4)), 1.0), (1.0, 2.0)).shape
    (2, 4, 4)
    """

    model: GraphIsing
    temperatures: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperatures", tuple(self.temperatures))
        steps = np.diff(np.array([0.0, *self.temperatures]))
        if len(self.temperatures) < 2 or not np.isfinite(steps).all() or not (steps > 0).all():
            raise InputError(
                f"temperatures are {list(self.temperatures)}; expected at least two positive "
                "numbers in increasing order; geometric_ladder makes them"
            )
        replace(self.model, coupling=1 / self.temperatures[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of temperatures, then the shape of the model."""
        return (len(self.temperatures), *self.model.shape)

    def energies(self, configurations: Tensor) -> Tensor:
        """Energy of every copy in units of J, (n, temperatures)."""
        copies = self._copies(configurations)
        return self.model.energy(copies).reshape(-1, len(self.temperatures))

    def magnetisations(self, configurations: Tensor) -> Tensor:
        """Magnetisation of every copy, int64 (n, temperatures)."""
        copies = self._copies(configurations)
        return self.model.magnetisation(copies).reshape(-1, len(self.temperatures))

    def energy(self, configurations: Tensor) -> Tensor:
        """Sum of the energies of all copies in units of J, (n,)."""
        return self.energies(configurations).sum(1)

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Sum of the magnetisations of all copies, int64 (n,)."""
        return self.magnetisations(configurations).sum(1)

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the tensor is int8 (n, *shape) on the CPU with values -1 to 1."""
        check_configurations(configurations, self.shape, -1, 1)

    def start(self, chains: int, seed: int) -> Tensor:
        """Hot and cold starts in turn, all copies alike, int8 (chains, *shape).

        Raises:
            InputError: fewer than one chain.
        """
        model, rungs = self.model, len(self.temperatures)
        spins = 2 * starting_values(rungs * model.n_sites, chains, 2, 1, seed) - 1
        spins.view(chains, rungs, -1)[:, :, ~model.present] = 0
        return spins.reshape(chains, *self.shape)

    def _copies(self, configurations: Tensor) -> Tensor:
        if configurations.shape[1:] != self.shape:
            raise InputError(
                f"configurations have shape {tuple(configurations.shape)}; expected "
                f"(n, {', '.join(map(str, self.shape))}), one copy for each temperature"
            )
        return configurations.flatten(0, 1)


def geometric_ladder(lowest: float, highest: float, count: int) -> tuple[float, ...]:
    """Temperatures in geometric progression, a ladder of even acceptance at constant heat capacity.

    Args:
        lowest, highest: first and last temperature, units of J.
        count: how many, at least 2.

    Raises:
        InputError: not 0 < lowest < highest, or fewer than 2.

    >>> geometric_ladder(0.5, 2.0, 3)
    (0.5, 1.0, 2.0)
    """
    if not 0 < lowest < highest < math.inf or count < 2:
        raise InputError(
            f"a ladder of {count} temperatures from {lowest} to {highest} was asked for; expected "
            "at least 2 and 0 < lowest < highest"
        )
    return tuple(float(t) for t in np.geomspace(lowest, highest, count))
