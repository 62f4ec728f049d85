"""What every source of configurations looks like to the rest of the library."""

import math
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.sampling.exact.universality import CriticalPoint


class Samples(Protocol):
    """A sequence of spin configurations on one lattice, read in slices.

    Configuration `i` is record `i // chains` of Markov chain `i % chains`.

    Attributes:
        shape: Lattice shape.
        n: Number of configurations.
        chains: Number of independent Markov chains.
        model: `{"model": "ising", "coupling": K, "temperature": T}`, or None where unknown.
        source: Where the configurations come from, for people to read.
    """

    shape: tuple[int, ...]
    n: int
    chains: int
    model: dict[str, str | float] | None
    source: str

    def __len__(self) -> int:
        """Number of configurations."""
        ...

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Configurations start..stop-1 as int8 spins of +1/-1, shape (stop - start, *shape)."""
        ...

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> torch.Tensor:
        """Configurations anywhere, int8 spins of +1/-1, shape (len(indices), *shape)."""
        ...

    @property
    def space(self) -> Space | None:
        """Where the letters of a configuration live; None where it is unknown."""
        ...

    def letters(self, start: int, stop: int) -> torch.Tensor:
        """Configurations start..stop-1 as letters, int8 (stop - start, *space.shape)."""
        ...

    @property
    def iteration(self) -> str:
        """Why no rule can be iterated on them; empty where nothing speaks against it."""
        ...

    @property
    def critical(self) -> CriticalPoint | None:
        """The critical point that their model is meant for; None where it is unknown."""
        ...

    def observable(self, name: str) -> NDArray[np.float64]:
        """One value per configuration, shape (n,): `energy` in units of J, `magnetisation`."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def space_of(samples: Samples) -> Space:
    """The space that samples live in.

    Raises:
        InputError: Where it is not known.
    """
    if samples.space is None:
        raise InputError(
            f"{samples.source}: this version does not know the model that these samples are of, so "
            "it cannot tell the lattice and the letters; upgrade rsmi"
        )
    return samples.space


def temperature_of(samples: Samples, given: float | None = None) -> float:
    """T in units of J that samples know or somebody gives.

    Raises:
        InputError: Where it is missing, contradicted, or no temperature.
    """
    known = (samples.model or {}).get("temperature")
    if known is not None and given is not None and not math.isclose(float(known), given):
        raise InputError(
            f"{samples.source} was drawn at temperature {known}, and {given} was given; leave the "
            "temperature out"
        )
    if known is None and given is None:
        raise InputError(
            f"{samples.source} does not know its temperature; give temperatures, one for each "
            "source"
        )
    found = float(given if known is None else known)  # type: ignore[arg-type]
    if not (math.isfinite(found) and found > 0):
        raise InputError(f"temperature is {found}; expected a finite number above 0 in units of J")
    return found


def energies_of(samples: Samples) -> NDArray[np.float64] | None:
    """Energy of every configuration in units of J; None where it is not known."""
    if samples.model is None or "coupling" not in samples.model:
        return None
    try:
        return samples.observable("energy")
    except InputError:
        return None
