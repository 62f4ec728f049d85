"""Potts and Blume-Capel models on the hypercubic torus."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import clock, vacant_spins
from rsmi.sampling.exact.enumeration import all_values
from rsmi.sampling.exact.universality import UNIVERSALITY, CriticalPoint
from rsmi.sampling.families.interface import CRITICAL, Example, Family, Setup
from rsmi.sampling.families.ising import antiferromagnet
from rsmi.sampling.families.parameters import Parameter
from rsmi.sampling.families.planes import from_planes, plane_count, to_planes
from rsmi.sampling.pair import PairInteraction
from rsmi.sampling.potts import BlumeCapel, Potts, blume_capel_registry, potts_registry
from rsmi.sampling.potts.exact import critical_coupling
from rsmi.sampling.potts.exact.critical import BLUME_CAPEL_TRICRITICAL
from rsmi.sampling.select import Update

_NONZERO_AND_UP = 2
_CLASSES = {2: "ising_2d", 3: "potts3_2d", 4: "potts4_2d"}
_TRICRITICAL = 1e-3  # that temperature and crystal field may be off


class PottsFamily(Family):
    """`shape` is the lattice; stored are planes of bits of the states 0 ... q - 1."""

    name: ClassVar[str] = "potts"
    registry: ClassVar[Mapping[str, Update[Any]]] = potts_registry
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "states": Parameter("whole number", "number of states q, from 2 to 127"),
    }
    classes: ClassVar[tuple[type, ...]] = (Potts,)
    examples: ClassVar[tuple[Example, ...]] = tuple(
        Example(f"{states} states", (2, 3), CRITICAL, {"states": states}) for states in (3, 4, 5)
    )
    encoding: ClassVar[str] = (
        "bit planes along axis 0: the state 0 ... q - 1 of a site is the sum of 2^k over the "
        "planes k that are +1 there"
    )

    def model(self, setup: Setup) -> Potts:
        """The ferromagnet at K = 1 / T."""
        return Potts(setup.shape, setup.parameters["states"], self.coupling(setup))

    def space(self, model: Any) -> Space:
        """States that are all alike, on a hypercubic torus."""
        return Space.hypercubic(model.shape, clock(model.states))

    def letters(self, model: Any, states: Tensor) -> Tensor:
        """The states."""
        return states[..., None]

    def iteration(self, model: Any) -> str:
        """Two and three states flow as powers of the scale."""
        if model.coupling < 0:
            return "neighbours avoid each other's state, and blocks see no order"
        axes = len(model.shape)
        if model.states > (4 if axes == 2 else 2) and axes > 1:
            return (
                f"with {model.states} states in {axes} dimensions the transition is of first "
                "order: correlations stay finite, and no critical point is there to be neared"
            )
        if model.states == 4 and axes == 2:
            return (
                "with 4 states corrections shrink as the logarithm of the scale only, so that no "
                "number of steps tells how far an exponent is off"
            )
        return ""

    def critical(self, model: Any) -> CriticalPoint | None:
        """Up to four states on the square lattice."""
        if len(model.shape) != 2 or model.states not in _CLASSES:
            return None
        universality = UNIVERSALITY[_CLASSES[model.states]]
        return CriticalPoint(universality, critical_coupling(model.states))

    def configurations(self, model: Any) -> Tensor:
        """Up to 4 million of them."""
        return all_values(model.states, model.n_sites).reshape(-1, *model.shape)

    def pair(self, model: Any) -> PairInteraction:
        """K delta(s, s')."""
        return model.interaction()

    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """K, T and q."""
        return {
            "coupling": model.coupling,
            "temperature": model.temperature,
            "states": float(model.states),
        }

    def check_critical(self, shape: tuple[float, ...]) -> None:
        """Known on the square lattice."""
        if len(shape) != 2:
            raise InputError(
                "the critical temperature of the Potts model is known exactly in two "
                f"dimensions only, shape is {list(shape)}; give temperature as a number"
            )

    def critical_coupling(self, setup: Setup) -> float:
        """ln(1 + sqrt q)."""
        return critical_coupling(setup.parameters["states"])

    def stored_shape(self, model: Any) -> tuple[int, ...]:
        """Planes, then the lattice."""
        return (plane_count(model.states), *model.shape)

    def encode(self, model: Any, states: Tensor) -> Tensor:
        """Bits of the states."""
        return to_planes(states, plane_count(model.states))

    def decode(self, model: Any, stored: Tensor) -> Tensor:
        """States 0 ... q - 1."""
        return from_planes(stored)


class BlumeCapelFamily(Family):
    """`shape` is the lattice; stored are two planes, spin present and spin up."""

    name: ClassVar[str] = "blume_capel"
    registry: ClassVar[Mapping[str, Update[Any]]] = blume_capel_registry
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "crystal_field": Parameter("number", "D in units of J, tricritical near 1.966"),
    }
    classes: ClassVar[tuple[type, ...]] = (BlumeCapel,)
    examples: ClassVar[tuple[Example, ...]] = (Example("", (3, 3), 0.7, {"crystal_field": 1.5}),)
    reported: ClassVar[tuple[str, ...]] = ("nonzero",)
    encoding: ClassVar[str] = (
        "two planes along axis 0: plane 0 is +1 where the spin is not 0, plane 1 is +1 where it "
        "is +1"
    )

    def model(self, setup: Setup) -> BlumeCapel:
        """The model at K = 1 / T."""
        return BlumeCapel(setup.shape, self.coupling(setup), setup.parameters["crystal_field"])

    def space(self, model: Any) -> Space:
        """Spins and vacancies on a hypercubic torus."""
        return Space.hypercubic(model.shape, vacant_spins())

    def letters(self, model: Any, states: Tensor) -> Tensor:
        """0, 1, 2 for -1, 0, +1."""
        return (states + 1)[..., None]

    def iteration(self, model: Any) -> str:
        """Nothing against ferromagnets."""
        return "" if model.coupling >= 0 else antiferromagnet(model.coupling)

    def critical(self, model: Any) -> CriticalPoint | None:
        """The tricritical point of the square lattice; of the lines beside it no other is known."""
        field, _ = BLUME_CAPEL_TRICRITICAL["crystal_field"]
        if len(model.shape) != 2 or abs(model.crystal_field - field) > _TRICRITICAL:
            return None
        temperature, _ = BLUME_CAPEL_TRICRITICAL["temperature"]
        universality = UNIVERSALITY["tricritical_ising_2d"]
        return CriticalPoint(universality, 1 / temperature, _TRICRITICAL / temperature)

    def configurations(self, model: Any) -> Tensor:
        """Up to 4 million of them."""
        return (all_values(3, model.n_sites) - 1).reshape(-1, *model.shape)

    def pair(self, model: Any) -> PairInteraction:
        """K s s' - K D s^2."""
        return model.interaction()

    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """K, T and D."""
        return {
            "coupling": model.coupling,
            "temperature": model.temperature,
            "crystal_field": model.crystal_field,
        }

    def units(self, model: Any) -> dict[str, str]:
        """With the number of spins that are not 0."""
        return {**super().units(model), "nonzero": "1"}

    def observables(self, model: Any, states: Tensor) -> dict[str, Tensor]:
        """With the number of spins that are not 0."""
        return {**super().observables(model, states), "nonzero": model.nonzero(states)}

    def stored_shape(self, model: Any) -> tuple[int, ...]:
        """Planes, then the lattice."""
        return (_NONZERO_AND_UP, *model.shape)

    def encode(self, model: Any, states: Tensor) -> Tensor:
        """Whether a spin is not 0, whether it is +1."""
        return (2 * torch.stack([states != 0, states > 0], 1).to(torch.int8)) - 1

    def decode(self, model: Any, stored: Tensor) -> Tensor:
        """Spins -1, 0, +1."""
        return torch.where(stored[:, 0] > 0, stored[:, 1], 0).to(torch.int8)
