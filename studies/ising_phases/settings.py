"""Settings of the study."""

from dataclasses import dataclass, field
from typing import Literal

from rsmi.errors import InputError
from studies.training import Fit


@dataclass(frozen=True)
class Settings:
    """The study: T1 is one bit per 2 x 2 block, T2 one bit for the lattice.

    Args:
        study: Path of this module.
        temperatures: A cold and a warm one, in units of J; which one is the label.
        sizes: Extents of the lattices: 4 is enumerated, 6 is sampled.
        samples: Configurations at each temperature for sampled lattices, a multiple of 64.
        seeds: Number of networks of each kind.
        fit: How the networks are trained.
        seed: Of the first network and of the sampler.
    """

    study: str = "studies.ising_phases"
    temperatures: tuple[float, float] = (2.0, 2.6)
    sizes: tuple[Literal[4, 6], ...] = (4, 6)
    samples: int = 32768
    seeds: int = 4
    fit: Fit = field(default_factory=lambda: Fit(4, 256, 3e-3))
    seed: int = 0

    def __post_init__(self) -> None:
        cold, warm = self.temperatures
        if not 0 < cold < warm:
            raise InputError(
                f"temperatures are {cold} and {warm}; expected a lower and a higher one, above 0"
            )
        if self.seeds < 2:
            raise InputError(f"seeds is {self.seeds}; the spread between seeds needs at least 2")
        if not self.sizes:
            raise InputError("sizes is empty; expected 4, 6 or both")
