"""What every Monte Carlo update offers; nothing of ours is imported here."""

from typing import Protocol, runtime_checkable

from torch import Tensor


class Model(Protocol):
    """A lattice model whose configurations are spins."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sites along each axis."""
        ...

    def energy(self, configurations: Tensor) -> Tensor:
        """Total energy of each configuration, int64 (n,)."""
        ...

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Total magnetisation of each configuration, int64 (n,)."""
        ...


@runtime_checkable
class Measuring(Protocol):
    """A model that measures more than energy and magnetisation."""

    def observables(self, configurations: Tensor) -> dict[str, Tensor]:
        """Every observable of each configuration by name, (n,) each."""
        ...


class Checking(Protocol):
    """A model that knows its configurations."""

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the configurations are of the model's type and shape."""
        ...


class Startable(Model, Checking, Protocol):
    """A model that knows hot and cold starts of its own."""

    def start(self, chains: int, seed: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        ...


class Sampler(Protocol):
    """A Markov chain update that leaves the Boltzmann distribution of its model invariant.

    The random numbers of a sweep depend on the seed, the chain and the absolute number of the
    sweep only. A run therefore continues from its last configuration alone, and its bytes do
    not depend on how the sweeps were split into calls.
    """

    @property
    def model(self) -> Model:
        """The model that is sampled."""
        ...

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        ...

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain of the state through sweeps first_sweep, first_sweep + 1, ..."""
        ...
