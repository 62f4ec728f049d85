"""Finite tori of the solved lattices against enumeration, and where no exact energy is known."""

import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.lattice.graphs import GraphLattice, graph_lattice
from rsmi.sampling.graphs import GraphIsing
from rsmi.sampling.graphs.exact import (
    CRITICAL_COUPLINGS,
    exact_energy,
    planar_ising,
    spectrum,
)

TORI = [
    ("triangular", (2, 2)),
    ("triangular", (3, 4)),
    ("triangular", (4, 4)),
    ("honeycomb", (2, 4)),
    ("honeycomb", (3, 3)),
    ("kagome", (2, 2)),
    ("kagome", (2, 3)),
]


@pytest.mark.parametrize(("name", "cells"), TORI)
def test_planar_tori_agree_with_enumeration(name: str, cells: tuple[int, int]) -> None:
    known = spectrum(GraphIsing(graph_lattice(name, cells), 1.0))
    for coupling in (0.05, CRITICAL_COUPLINGS[name], 0.9, -0.3, -3.0):
        found = planar_ising(name, coupling, cells)
        per_site = known.log_partition(coupling) / known.n_sites
        assert found.log_partition == pytest.approx(per_site, abs=1e-10)
        assert found.energy == pytest.approx(known.energy(coupling), abs=1e-10)


def test_the_sign_of_the_periodic_sector_matters() -> None:
    below, above = (planar_ising("triangular", k, (4, 4)).energy for k in (0.2, 0.4))
    infinite = [planar_ising("triangular", k).energy for k in (0.2, 0.4)]
    assert below < infinite[0] - 1e-2
    assert above == pytest.approx(infinite[1], abs=2e-2)


@pytest.mark.parametrize("name", ["triangular", "honeycomb", "kagome"])
def test_large_tori_tend_to_the_infinite_lattice(name: str) -> None:
    for coupling in (0.15, -0.3):
        large, infinite = planar_ising(name, coupling, (60, 60)), planar_ising(name, coupling)
        assert large.energy == pytest.approx(infinite.energy, abs=1e-9)


@pytest.mark.parametrize("bond", [1.0, -1.0, 2.5])
@pytest.mark.parametrize(("name", "cells"), [("chain", (7,)), ("square", (4, 4)), *TORI])
def test_energies_of_models(name: str, cells: tuple[int, ...], bond: float) -> None:
    model = GraphIsing(graph_lattice(name, cells), 0.4, bonds=bond)
    total = spectrum(model).energy(0.4) * model.n_sites
    assert exact_energy(model) == pytest.approx(total, rel=1e-10)
    assert exact_energy(GraphIsing(model.lattice, 0.0, bonds=bond)) == 0


def test_models_without_exact_energy() -> None:
    triangular, odd = graph_lattice("triangular", (3, 3)), graph_lattice("square", (3, 4))
    mixed = np.ones(triangular.n_edges)
    mixed[0] = -1
    renamed = GraphLattice(9, triangular.edges[1:], "triangular", (3, 3))
    unknown = [
        GraphIsing(triangular, 0.3, bonds=mixed),
        GraphIsing(triangular, 0.3, field=0.1),
        GraphIsing(triangular, 0.3, occupied=np.arange(9) > 0),
        GraphIsing(renamed, 0.3),
        GraphIsing(odd, 0.3, bonds=-1.0),
        GraphIsing(graph_lattice("cubic", (3, 3, 3)), 0.3),
    ]
    assert [exact_energy(model) for model in unknown] == [None] * len(unknown)


def test_refusals() -> None:
    with pytest.raises(InputError, match=r"cells are \[1, 4\]; expected two whole numbers"):
        planar_ising("kagome", 0.1, (1, 4))
