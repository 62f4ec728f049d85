"""The Ising model on the hypercubic torus."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import SPIN
from rsmi.sampling.exact.enumeration import all_values
from rsmi.sampling.exact.kaufman import kaufman
from rsmi.sampling.exact.universality import UNIVERSALITY, CriticalPoint
from rsmi.sampling.families.interface import CRITICAL, Example, Family, Setup
from rsmi.sampling.ising import CRITICAL_COUPLING, CRITICAL_COUPLING_3D, Ising
from rsmi.sampling.pair import PairInteraction
from rsmi.sampling.registry import registry
from rsmi.sampling.select import Update

_MEASURED = 1e-5
"""What a measured critical coupling may be off; at L = 64 it moves the flow by less than 1 % of a
lattice spacing."""


def antiferromagnet(coupling: float) -> str:
    """Why the antiferromagnet of a lattice of two sublattices is not iterated as it is."""
    return (
        f"with a coupling of {coupling:g} neighbours order against each other, and blocks see no "
        "order; on a lattice of even extents flip every other site, spins[:, "
        "np.indices(spins.shape[1:]).sum(0) % 2 == 1] *= -1, and save the array: it is the "
        "ferromagnet with the coupling of the other sign"
    )


class IsingFamily(Family):
    """`shape` is the lattice, of any dimension; `critical` on the square lattice."""

    name: ClassVar[str] = "ising"
    registry: ClassVar[Mapping[str, Update[Any]]] = registry
    classes: ClassVar[tuple[type, ...]] = (Ising,)
    examples: ClassVar[tuple[Example, ...]] = (Example("", (4, 4), CRITICAL),)

    def model(self, setup: Setup) -> Ising:
        """The ferromagnet at K = 1 / T."""
        return Ising(setup.shape, self.coupling(setup))

    def space(self, model: Any) -> Space:
        """Spins of a hypercubic torus."""
        return Space.hypercubic(model.shape, SPIN)

    def iteration(self, model: Any) -> str:
        """Nothing against ferromagnets."""
        return "" if model.coupling >= 0 else antiferromagnet(model.coupling)

    def critical(self, model: Any) -> CriticalPoint | None:
        """In two and three dimensions."""
        if len(model.shape) == 2:
            return CriticalPoint(UNIVERSALITY["ising_2d"], CRITICAL_COUPLING)
        if len(model.shape) == 3:
            return CriticalPoint(UNIVERSALITY["ising_3d"], CRITICAL_COUPLING_3D, _MEASURED)
        return None

    def configurations(self, model: Any) -> Tensor:
        """Up to 22 spins."""
        return (2 * all_values(2, model.n_sites) - 1).reshape(-1, *model.shape)

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

    def closed_entropy(self, model: Any) -> float | None:
        """ln Z + K E of the square torus, after Kaufman."""
        if len(model.shape) != 2 or min(model.shape) < 2 or model.coupling <= 0:
            return super().closed_entropy(model)
        known = kaufman(model.shape, model.coupling)
        return known.log_partition + model.coupling * known.energy * model.n_sites

    def recorded(self, shape: tuple[int, ...], couplings: Mapping[str, float]) -> Ising:
        """Lattice and coupling say all."""
        return Ising(shape, couplings.get("coupling", 0.0))

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
