"""What every Monte Carlo update has in common: a new one is a kernel and a few lines."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.interface import Startable
from rsmi.sampling.random import check_seed
from rsmi.sampling.start import check_advance
from rsmi.sampling.threads import check_run, share_chains

Spins = NDArray[np.int8]
Address = tuple[int, int, int, np.uint64]
"""First chain, first sweep, number of sweeps, seed: what a kernel addresses its words with."""

M = TypeVar("M", bound=Startable)


@dataclass(frozen=True)
class MarkovSampler(ABC, Generic[M]):
    """An update of a model from a seed; a subclass says how in `_advance`.

    Args:
        model: what is sampled.
        seed: 0 <= seed < 2**64.

    Raises:
        InputError: a bad seed, or a model that the update cannot treat.
    """

    model: M
    seed: int

    def __post_init__(self) -> None:
        check_seed(self.seed)
        self._check_model()

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold.

        Raises:
            InputError: fewer than one chain.
        """
        return self.model.start(chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, *shape), contiguous, values as in `initial`, where the update runs.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model or is on a device without this update.
        """
        self._check(state, first_sweep, sweeps)
        self._advance(state, first_sweep, sweeps)

    def _check(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Raise InputError for a state or sweeps that `advance` cannot treat."""
        check_advance(self.model, state, first_sweep, sweeps)
        self._check_device(state)

    def _check_model(self) -> None:
        """Raise InputError for a model that the update cannot treat."""

    def _check_device(self, state: Tensor) -> None:
        """Raise InputError for a state on a device where the update does not run."""

    @abstractmethod
    def _advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Do what `advance` says; the arguments are checked."""


@dataclass(frozen=True)
class ThreadedSampler(MarkovSampler[M]):
    """A compiled update on the CPU whose work is shared among threads.

    Args:
        model: what is sampled.
        seed: 0 <= seed < 2**64.
        workers: threads; the result does not depend on it.

    Raises:
        InputError: a bad seed, fewer than one worker, or a model that the update cannot treat.
    """

    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)
        super().__post_init__()

    def _check_device(self, state: Tensor) -> None:
        if state.device.type != "cpu":
            raise InputError(
                f"the state is on {state.device}; {type(self).__name__} runs on the CPU; move the "
                "state there with .cpu(), or choose an update or method for that device"
            )


@dataclass(frozen=True)
class ChainSampler(ThreadedSampler[M]):
    """A compiled update of one chain after the other; a subclass calls its kernel in `_sweep`.

    Args:
        model, seed, workers: as for `ThreadedSampler`.
    """

    def _advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        self._shared(state, first_sweep, sweeps)

    def _shared(self, state: Tensor, first_sweep: int, sweeps: int) -> list[Any]:
        """What `_sweep` returns for each group of chains."""
        spins, seed = state.numpy().reshape(len(state), -1), np.uint64(self.seed)

        def work(group: slice) -> Any:
            return self._sweep(spins[group], (group.start, first_sweep, sweeps, seed))

        return share_chains(len(state), self.workers, work)

    @abstractmethod
    def _sweep(self, spins: Spins, address: Address) -> Any:
        """Sweep a group of chains, int8 (chains, sites), in place."""
