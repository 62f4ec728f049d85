"""The Ising model on the hypercubic torus."""

from typing import Any, ClassVar

from rsmi.errors import InputError
from rsmi.sampling.exact.kaufman import kaufman
from rsmi.sampling.families.interface import Engine, Family, Setup
from rsmi.sampling.ising import CRITICAL_COUPLING, Ising
from rsmi.sampling.registry import find_update


class IsingFamily(Family):
    """`shape` is the lattice, of any dimension; `critical` on the square lattice."""

    name: ClassVar[str] = "ising"
    updates: ClassVar[tuple[str, ...]] = ("swendsen_wang", "metropolis", "wolff")

    def model(self, setup: Setup) -> Ising:
        """The ferromagnet at K = 1 / T."""
        return Ising(setup.shape, self.coupling(setup))

    def engine(self, setup: Setup, model: Any, workers: int, device: str) -> Engine:
        """The fastest method of the update on the device."""
        update = find_update(setup.update)
        method = update.choose(model, device=device)
        return Engine(update(model, setup.seed, method, device, workers), method, device)

    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """K and T."""
        return {"coupling": model.coupling, "temperature": model.temperature}

    def exact(self, model: Any) -> dict[str, float]:
        """Kaufman's energy of the square torus."""
        if len(model.shape) != 2 or model.coupling <= 0:
            return {}
        return {"energy": kaufman(model.shape, model.coupling).energy * model.n_sites}

    def check_critical(self, shape: tuple[int, ...]) -> None:
        """Known on the square lattice."""
        if len(shape) != 2:
            raise InputError(
                "recipe: the critical temperature is known exactly in two dimensions only, shape "
                f"is {list(shape)}; give temperature as a number"
            )

    def critical_coupling(self, setup: Setup) -> float:
        """ln(1 + sqrt 2) / 2."""
        return CRITICAL_COUPLING
