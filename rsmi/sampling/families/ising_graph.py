"""The Ising model on lattices by name, with random bonds, dilution and a field."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import spins, vacant_spins
from rsmi.lattice.graphs import BUILT_IN, GraphLattice, graph_lattice, unit_cell
from rsmi.lattice.space import graph_space
from rsmi.sampling.exact.universality import UNIVERSALITY, CriticalPoint
from rsmi.sampling.families.interface import Example, Family, Setup
from rsmi.sampling.families.parameters import Parameter
from rsmi.sampling.graphs import (
    GraphIsing,
    Ladder,
    bimodal_bonds,
    dilute_bonds,
    dilute_sites,
    gaussian_bonds,
    registry,
)
from rsmi.sampling.graphs.exact import exact_energy, exact_entropy
from rsmi.sampling.graphs.exact.enumeration import all_configurations
from rsmi.sampling.ising import CRITICAL_COUPLING
from rsmi.sampling.pair import PairInteraction
from rsmi.sampling.select import Update

TEMPERING = "parallel_tempering"
_CRITICAL = {
    "square": CRITICAL_COUPLING,
    "triangular": math.log(3) / 4,
    "honeycomb": math.log(2 + math.sqrt(3)) / 2,
    "kagome": math.log(3 + 2 * math.sqrt(3)) / 4,
}
"""K_c of the ferromagnet: Houtappel (1950), Physica 16, 425; Kano, Naya (1953), Prog. Theor. Phys.
10, 158."""
_COPIES = "the file holds copies at several temperatures"
_ALONE = "draw one temperature alone"
DISORDER = ("none", "bimodal", "gaussian")


class IsingGraphFamily(Family):
    """`shape` counts unit cells; stored are the spins, in the order (*cells, site of the cell).

    With `parallel_tempering` all copies are stored, the coldest (`temperature`) first.
    """

    name: ClassVar[str] = "ising_graph"
    registry: ClassVar[Mapping[str, Update[Any]]] = registry
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "lattice": Parameter("text", "name of the lattice, such as triangular"),
        "bonds": Parameter("number", "strength of all bonds in units of J", 1.0),
        "field": Parameter("number", "field at all sites in units of J", 0.0),
        "disorder": Parameter("text", "none, bimodal (+-bonds) or gaussian", "none", DISORDER),
        "negative": Parameter("number", "bimodal: probability of a negative bond", 0.5),
        "mean": Parameter("number", "gaussian: mean of a bond in units of bonds", 0.0),
        "keep_bonds": Parameter("number", "probability that a bond is there", 1.0),
        "keep_sites": Parameter("number", "probability that a site is there", 1.0),
        "disorder_seed": Parameter("whole number", "seed of bonds and dilution", 0),
        "ladder": Parameter("list of numbers", "parallel_tempering: the higher temperatures", ()),
    }
    listed: ClassVar[str] = "listing up to 20 spins"
    classes: ClassVar[tuple[type, ...]] = (GraphIsing, Ladder)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("triangular", (3, 3), 4.0, {"lattice": "triangular"}),
        Example("kagome", (2, 2), 3.0, {"lattice": "kagome"}),
        Example("disorder", (3, 4), 1.0, {"lattice": "square", "disorder": "gaussian"}),
        Example("dilution", (3, 3), 2.0, {"lattice": "triangular", "keep_sites": 0.8}),
        Example("field", (3, 3), 4.0, {"lattice": "triangular", "field": 0.3}),
        Example(
            "several temperatures", (3, 4), 1.0, {"lattice": "square", "ladder": [2.0]}, TEMPERING
        ),
    )
    encoding: ClassVar[str] = (
        "spins: +1 and -1; sites that the recipe leaves empty are stored as -1 and are 0"
    )

    def model(self, setup: Setup) -> Any:
        """The Ising model, or copies of it at all temperatures of the ladder."""
        one = _graph_model(setup, self.coupling(setup))
        ladder = tuple(setup.parameters["ladder"])
        if setup.update == TEMPERING:
            return Ladder(one, (float(setup.temperature), *ladder))  # type: ignore[arg-type]
        if ladder:
            raise InputError(
                f"parameter ladder is {list(ladder)} with update {setup.update!r}; only "
                f"{TEMPERING} takes it; leave it out, or choose that update"
            )
        return one

    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """K and T of the (coldest) copy, and every number among the parameters."""
        numbers = {
            name: float(value)
            for name, value in setup.parameters.items()
            if isinstance(value, int | float)
        }
        ladder = {f"temperature_{i + 1}": t for i, t in enumerate(setup.parameters["ladder"])}
        one = _one(model)
        return {"coupling": one.coupling, "temperature": one.temperature, **numbers, **ladder}

    def units(self, model: Any) -> dict[str, str]:
        """With energy and magnetisation of every copy, numbered from the coldest."""
        found = super().units(model)
        for copy in range(len(model.temperatures) if isinstance(model, Ladder) else 0):
            found |= {f"energy_{copy}": self.energy_unit, f"magnetisation_{copy}": "1"}
        return found

    def observables(self, model: Any, states: Tensor) -> dict[str, Tensor]:
        """Energy and magnetisation, of all copies together and of each."""
        found = super().observables(model, states)
        if isinstance(model, Ladder):
            pairs = zip(model.energies(states).T, model.magnetisations(states).T, strict=True)
            for copy, (energy, magnetisation) in enumerate(pairs):
                found |= {f"energy_{copy}": energy, f"magnetisation_{copy}": magnetisation}
        return found

    def exact(self, model: Any) -> dict[str, float]:
        """Energy of the solved lattices; with parallel tempering none is shown."""
        energy = None if isinstance(model, Ladder) else exact_energy(model)
        return {} if energy is None else {"energy": energy}

    def closed_entropy(self, model: Any) -> float | None:
        """Of solved lattices; of free spins at infinite temperature."""
        if isinstance(model, Ladder):
            return None
        return (
            int(model.present.sum()) * math.log(2) if model.coupling == 0 else exact_entropy(model)
        )

    def space(self, model: Any) -> Space:
        """Spins of a lattice by its name; where bonds or sites differ, its translations are gone.

        A field leaves no flip, and empty sites are letters of their own.
        """
        if isinstance(model, Ladder):
            raise InputError(f"{_COPIES}, so its configurations have no one distribution; {_ALONE}")
        one = model
        free = not one.fields.any()
        alphabet = spins(flip=free) if one.present.all() else vacant_spins(flip=free)
        if one.lattice.name not in BUILT_IN:
            return graph_space(one.lattice, alphabet)
        alike = (one.strengths == one.strengths[0]).all() and one.present.all()
        cell, alike = unit_cell(one.lattice.name), alike and (one.fields == one.fields[0]).all()
        return Space(one.shape[: len(cell.vectors)], alphabet, cell, bool(alike))

    def letters(self, model: Any, states: Tensor) -> Tensor:
        """0 for -1 and 1 for +1, or 0, 1, 2 for -1, 0, +1 where sites are empty."""
        found = (states > 0).to(torch.int8) if _one(model).present.all() else states + 1
        return found.reshape(-1, *self.space(model).shape)

    def bonds(self, model: Any) -> tuple[PairInteraction, Tensor] | None:
        """K b s s' + K h s on a lattice by its name, without disorder and dilution."""
        if isinstance(model, Ladder) or not self.space(model).homogeneous:
            return None
        spins = torch.tensor([-1.0, 1.0], dtype=torch.float64)
        bond, field = (model.coupling * float(x[0]) for x in (model.strengths, model.fields))
        pair = PairInteraction(bond * torch.outer(spins, spins), field * spins)
        return pair, torch.tensor(model.lattice.edges)

    def configurations(self, model: Any) -> Tensor:
        """Up to 20 spins of one temperature."""
        if isinstance(model, Ladder):
            raise InputError(f"{_COPIES}; {_ALONE}")
        return all_configurations(model)

    def iteration(self, model: Any) -> str:
        """Pure ferromagnets without a field, on a lattice of cells."""
        one = _one(model)
        if isinstance(model, Ladder):
            return f"{_COPIES}; {_ALONE}"
        if not one.present.all() or (one.strengths != one.strengths[0]).any():
            return (
                "bonds or sites differ, and with quenched disorder the distribution of couplings "
                "flows, not couplings; draw it without disorder and dilution"
            )
        if one.fields.any():
            return "a field breaks the flip of all spins, which tells even from odd; draw without"
        if one.strengths[0] < 0:
            return "its bonds are negative: neighbours order against each other; make them positive"
        name = one.lattice.name
        if name not in BUILT_IN:
            return (
                f"blocks are made of the cells of a lattice, and {name} is none that is known by "
                "name; draw on a square, cubic, triangular, honeycomb or kagome lattice"
            )
        return ""

    def critical(self, model: Any) -> CriticalPoint | None:
        """Of pure ferromagnets whose K_c is known in closed form, in units of their bonds."""
        one = _one(model)
        known = _CRITICAL.get(one.lattice.name)
        pure = one.present.all() and (one.strengths == one.strengths[0]).all()
        if known is None or not pure or one.strengths[0] <= 0 or one.fields.any():
            return None
        return CriticalPoint(UNIVERSALITY["ising_2d"], known / float(one.strengths[0]))

    def encode(self, model: Any, states: Tensor) -> Tensor:
        """Spins, -1 where there is none."""
        return torch.where(states > 0, 1, -1).to(torch.int8)

    def decode(self, model: Any, stored: Tensor) -> Tensor:
        """Spins, 0 where there is none."""
        one = _one(model)
        present = torch.from_numpy(one.present).reshape(one.shape)
        return stored * present.to(torch.int8)


def _one(model: Any) -> GraphIsing:
    return model.model if isinstance(model, Ladder) else model


def _graph_model(setup: Setup, coupling: float) -> GraphIsing:
    """The model with its quenched disorder."""
    chosen = setup.parameters
    lattice = graph_lattice(chosen["lattice"], setup.shape)
    bonds = chosen["bonds"] * _disorder(lattice, chosen)
    if chosen["keep_bonds"] != 1:
        bonds = dilute_bonds(lattice, bonds, chosen["keep_bonds"], chosen["disorder_seed"])
    occupied = None
    if chosen["keep_sites"] != 1:
        # Another seed than the bonds', so that a bond and a site do not share their random number.
        occupied = dilute_sites(lattice, chosen["keep_sites"], chosen["disorder_seed"] + 1)
    return GraphIsing(lattice, coupling, bonds, chosen["field"], occupied)


def _disorder(lattice: GraphLattice, chosen: Mapping[str, Any]) -> Any:
    """Factor of the bonds, one number or (n_edges,)."""
    if chosen["disorder"] == "bimodal":
        return bimodal_bonds(lattice, chosen["disorder_seed"], chosen["negative"])
    if chosen["disorder"] == "gaussian":
        return gaussian_bonds(lattice, chosen["disorder_seed"], chosen["mean"])
    return 1.0
