"""The Ising model on the hypercubic torus."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import SPIN
from rsmi.sampling.exact.kaufman import kaufman
from rsmi.sampling.families.interface import Family, Setup
from rsmi.sampling.families.planes import up
from rsmi.sampling.ising import CRITICAL_COUPLING, Ising
from rsmi.sampling.pair import PairInteraction
from rsmi.sampling.registry import registry
from rsmi.sampling.select import Update


class IsingFamily(Family):
    """`shape` is the lattice, of any dimension; `critical` on the square lattice."""

    name: ClassVar[str] = "ising"
    registry: ClassVar[Mapping[str, Update[Any]]] = registry

    def model(self, setup: Setup) -> Ising:
        """The ferromagnet at K = 1 / T."""
        return Ising(setup.shape, self.coupling(setup))

    def space(self, model: Any) -> Space:
        """Spins of a hypercubic torus."""
        return Space.hypercubic(model.shape, SPIN)

    def letters(self, model: Any, states: Tensor) -> Tensor:
        """0 for -1 and 1 for +1."""
        return up(states)

    def pair(self, model: Any) -> PairInteraction:
        """K s s'."""
        return model.interaction()

    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """K and T."""
        return {"coupling": model.coupling, "temperature": model.temperature}

    def exact(self, model: Any) -> dict[str, float]:
        """Kaufman's energy of the square torus."""
        if len(model.shape) != 2 or model.coupling <= 0:
            return {}
        return {"energy": kaufman(model.shape, model.coupling).energy * model.n_sites}

    def check_critical(self, shape: tuple[float, ...]) -> None:
        """Known on the square lattice."""
        if len(shape) != 2:
            raise InputError(
                "the critical temperature is known exactly in two dimensions only, shape "
                f"is {list(shape)}; give temperature as a number"
            )

    def critical_coupling(self, setup: Setup) -> float:
        """ln(1 + sqrt 2) / 2."""
        return CRITICAL_COUPLING
