"""Dimers, free, interacting, and decorated with pairs of spins."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import entropy
from rsmi.lattice import Space
from rsmi.sampling.dimers import (
    DecoratedDimers,
    DecoratedWorm,
    Dimers,
    Wilson,
    Worm,
    height,
    monomer_visits,
    winding,
)
from rsmi.sampling.dimers.exact.enumeration import coverings
from rsmi.sampling.dimers.exact.kasteleyn import (
    log_corner_coverings,
    log_open_coverings,
    log_torus_coverings,
)
from rsmi.sampling.dimers.space import dimer_letters, dimer_space
from rsmi.sampling.exact.enumeration import MOST_CONFIGURATIONS, all_values
from rsmi.sampling.families.interface import INFINITE, Example, Family, Setup
from rsmi.sampling.families.parameters import Parameter
from rsmi.sampling.select import Update, compiled

LATTICES = ("square", "honeycomb", "cubic")
_LOG_COVERINGS: Mapping[str, Callable[[int, int], float]] = {
    "torus": log_torus_coverings,
    "open": log_open_coverings,
    "corner": log_corner_coverings,
}
BOUNDARIES = tuple(_LOG_COVERINGS)


class DimerFamily(Family):
    """`shape` is the lattice; stored are planes of bonds, one for each axis."""

    name: ClassVar[str] = "dimers"
    registry: ClassVar[Mapping[str, Update[Any]]] = {
        "worm": compiled(Worm),
        "wilson": compiled(Wilson, independent=True),
    }
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "lattice": Parameter("text", "square, honeycomb or cubic", "square", LATTICES),
        "boundary": Parameter("text", "torus, open or corner", "torus", BOUNDARIES),
    }
    encoding: ClassVar[str] = (
        "bonds: plane a is +1 where a dimer lies on the bond from the site forward along axis a"
    )
    classes: ClassVar[tuple[type, ...]] = (Dimers,)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", (4, 4), INFINITE),
        Example("open lattice", (4, 4), INFINITE, {"boundary": "open"}),
    )
    listed: ClassVar[str] = "listing up to 40 sites"
    reported: ClassVar[tuple[str, ...]] = ("flippable",)
    energy_unit: ClassVar[str] = "attraction of two parallel dimers"

    def model(self, setup: Setup) -> Any:
        """The dimers at temperature T, free ones where it is infinite."""
        return _dimers(setup)

    def space(self, model: Any) -> Space:
        """Sites with the direction of their dimer."""
        return dimer_space(model)

    def letters(self, model: Any, states: Tensor) -> Tensor:
        """Directions, with the spin where there is one."""
        return dimer_letters(model, states)

    def configurations(self, model: Any) -> Tensor:
        """Coverings of up to 40 sites, two million at most."""
        return coverings(model.geometry)

    def closed_entropy(self, model: Any) -> float | None:
        """ln of the number of coverings of free dimers on a square lattice."""
        if model.lattice != "square" or model.coupling != 0 or len(model.shape) != 2:
            return None
        return _LOG_COVERINGS[model.boundary](*model.shape)

    def iteration(self, model: Any) -> str:
        """No."""
        return "the file holds bonds, not spins of sites, and two sites share the letter of a dimer"

    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """K and T."""
        return {"coupling": model.coupling, "temperature": model.temperature}

    def sites(self, model: Any) -> int:
        """Sites that carry a dimer."""
        return int(model.geometry.n_sites)

    def stored_shape(self, model: Any) -> tuple[int, ...]:
        """Axes, then the lattice."""
        return tuple(model.configuration_shape)

    def heights(self, model: Any, states: Tensor) -> tuple[Tensor, Tensor]:
        """That of faces, which is periodic where no winding is."""
        flat = (winding(model.geometry, states) == 0).all(1)
        return height(model.geometry, states) / model.geometry.coordination, flat

    def defects(self, model: Any, states: Tensor, seed: int, first: int) -> Tensor:
        """Two monomers, where dimers are free."""
        if model.coupling:
            raise InputError(
                f"the dimers are at temperature {model.temperature}; monomers are counted among "
                "free dimers, at temperature inf"
            )
        return monomer_visits(model.geometry, states, seed, first)

    def units(self, model: Any) -> dict[str, str]:
        """With flippable faces and, on a torus, a winding along each axis."""
        found = {**super().units(model), "flippable": "1"}
        if model.boundary == "torus":
            found |= {f"winding_{axis}": "1" for axis in range(len(model.shape))}
        return found


class DecoratedDimerFamily(DimerFamily):
    """`shape` is the lattice; stored are the planes of bonds and then the spins."""

    name: ClassVar[str] = "decorated_dimers"
    registry: ClassVar[Mapping[str, Update[Any]]] = {"worm": compiled(DecoratedWorm)}
    parameters: ClassVar[Mapping[str, Parameter]] = {
        **DimerFamily.parameters,
        "pair_coupling": Parameter("number", "K of the spin pairs, without unit", 2.0),
    }
    encoding: ClassVar[str] = f"{DimerFamily.encoding}; the last plane holds the spins"

    classes: ClassVar[tuple[type, ...]] = (DecoratedDimers,)
    examples: ClassVar[tuple[Example, ...]] = (Example("", (2, 4), INFINITE),)
    listed: ClassVar[str] = Family.listed
    reported: ClassVar[tuple[str, ...]] = ("flippable", "pair_energy")

    def model(self, setup: Setup) -> Any:
        """The dimers with their spins."""
        return DecoratedDimers(_dimers(setup), setup.parameters["pair_coupling"])

    def configurations(self, model: Any) -> Tensor:
        """Coverings with all their spins, 4 million at most."""
        bonds = super().configurations(model.dimers)
        spins = 2 * all_values(2, math.prod(model.shape), MOST_CONFIGURATIONS // len(bonds)) - 1
        planes = spins.reshape(-1, 1, *model.shape).repeat(len(bonds), *(1,) * len(model.shape), 1)
        return torch.cat([bonds.repeat_interleave(len(spins), 0), planes], 1)

    def law(self, model: Any) -> tuple[Tensor, Tensor]:
        """Dimers at their temperature, pairs at their coupling."""
        states = self.configurations(model)
        dimers, pairs = model.energy(states).double(), model.pair_energy(states).double()
        exponent = -model.dimers.coupling * dimers - model.coupling * pairs
        return states, torch.softmax(exponent, 0)

    def closed_entropy(self, model: Any) -> float | None:
        """That of free dimers; each pair adds ln 2, and whether its spins are alike."""
        bare = super().closed_entropy(model.dimers)
        if bare is None:
            return None
        alike = 1 / (1 + math.exp(-2 * model.coupling))
        differ = float(entropy(torch.tensor([alike, 1 - alike], dtype=torch.float64)))
        return bare + self.sites(model) / 2 * (math.log(2) + differ)

    def heights(self, model: Any, states: Tensor) -> tuple[Tensor, Tensor]:
        """That of the dimers."""
        return super().heights(model.dimers, states[:, :-1].contiguous())

    def defects(self, model: Any, states: Tensor, seed: int, first: int) -> Tensor:
        """Those of the dimers."""
        return super().defects(model.dimers, states[:, :-1].contiguous(), seed, first)

    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """K and T of the dimers, K of the pairs."""
        found = super().couplings(setup, model.dimers)
        return {**found, "pair_coupling": model.coupling}

    def sites(self, model: Any) -> int:
        """Sites that carry a dimer."""
        return super().sites(model.dimers)

    def units(self, model: Any) -> dict[str, str]:
        """With the energy of the pairs in units of their J."""
        return {**super().units(model.dimers), "pair_energy": "J"}

    def exact(self, model: Any) -> dict[str, float]:
        """Energy of the pairs, - (number of pairs) tanh K, whatever the dimers do."""
        return {"pair_energy": -self.sites(model) / 2 * math.tanh(model.coupling)}


def _dimers(setup: Setup) -> Dimers:
    chosen = setup.parameters
    temperature = float(setup.temperature)  # type: ignore[arg-type]
    return Dimers(setup.shape, temperature, chosen["lattice"], chosen["boundary"])
