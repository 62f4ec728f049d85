"""Closed forms against enumeration, series and derivatives; disorder as a function of its seed."""

import math

import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.lattice.graphs import from_edges, graph_lattice
from rsmi.sampling.exact import density_of_states
from rsmi.sampling.graphs import (
    GraphIsing,
    bimodal_bonds,
    dilute_bonds,
    dilute_sites,
    frustrated_edge,
    gaussian_bonds,
)
from rsmi.sampling.graphs.exact import CRITICAL_COUPLINGS, planar_ising, spectrum
from rsmi.sampling.graphs.exact.planar import RESIDUAL_ENTROPIES

PLANAR = ["triangular", "honeycomb", "kagome"]


def test_square_torus_is_the_density_of_states() -> None:
    ours = spectrum(GraphIsing(graph_lattice("square", (3, 4)), 0.4))
    known = density_of_states((3, 4))
    assert ours.log_partition(0.4) == pytest.approx(known.log_partition(0.4), abs=1e-12)
    assert ours.energy(0.4) == pytest.approx(known.energy(0.4), abs=1e-12)
    assert ours.moment(0.4, 4) == pytest.approx(known.moment(0.4, 4), abs=1e-12)


def test_ring_with_random_bonds() -> None:
    ring = from_edges([(i, (i + 1) % 7) for i in range(7)], 7)
    bonds = gaussian_bonds(ring, 3)
    found = spectrum(GraphIsing(ring, 0.7, bonds=bonds)).log_partition(0.7)
    expected = np.prod(2 * np.cosh(0.7 * bonds)) + np.prod(2 * np.sinh(0.7 * bonds))
    assert found == pytest.approx(math.log(expected), abs=1e-12)


def test_ground_states_of_frustrated_cells() -> None:
    kagome = spectrum(GraphIsing(graph_lattice("kagome", (2, 2)), 1.0, bonds=-1.0))
    assert kagome.energies.min() == -8  # every triangle has energy -1
    ice = GraphIsing(from_edges([(a, b) for a in range(4) for b in range(a)], 4), 1.0, bonds=-1.0)
    energies = spectrum(ice).energies
    assert (energies == energies.min()).sum() == 6  # two in, two out


@pytest.mark.parametrize("name", PLANAR)
def test_closed_forms_follow_their_own_derivative(name: str) -> None:
    for coupling in (-0.4, 0.1, 0.3):
        ends = [planar_ising(name, coupling + step).log_partition for step in (1e-5, -1e-5)]
        energy = planar_ising(name, coupling).energy
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(-energy, abs=1e-8)


@pytest.mark.parametrize("name", PLANAR)
def test_closed_forms_agree_with_the_high_temperature_series(name: str) -> None:
    """ln Z / N = ln 2 + (z/2) ln cosh K + p tanh^3 K + O(K^4), p triangles per site."""
    z, triangles = {"triangular": (6, 2), "honeycomb": (3, 0), "kagome": (4, 2 / 3)}[name]
    t = math.tanh(0.02)
    series = math.log(2) + z / 2 * math.log(math.cosh(0.02)) + triangles * t**3
    assert planar_ising(name, 0.02).log_partition == pytest.approx(series, abs=5 * t**4)


def test_known_values() -> None:
    assert planar_ising("triangular", CRITICAL_COUPLINGS["triangular"]).energy == pytest.approx(-2)
    energy = planar_ising("honeycomb", CRITICAL_COUPLINGS["honeycomb"]).energy
    assert energy == pytest.approx(-2 / math.sqrt(3))
    for name, entropy in RESIDUAL_ENTROPIES.items():
        assert planar_ising(name, -9.0).entropy(-9.0) == pytest.approx(entropy, abs=1e-7)


def test_critical_points_are_where_the_heat_capacity_diverges() -> None:
    for name in PLANAR:
        k = CRITICAL_COUPLINGS[name]
        slopes = [
            planar_ising(name, k + d + 1e-4).energy - planar_ising(name, k + d).energy
            for d in (-0.05, -5e-5, 0.05)
        ]
        assert slopes[1] < 1.5 * min(slopes[0], slopes[2])


def test_disorder_has_the_right_law() -> None:
    lattice = graph_lattice("cubic", (16, 16, 16))
    signs = bimodal_bonds(lattice, 1, negative=0.3)
    assert set(signs) == {-1.0, 1.0}
    assert abs((signs < 0).mean() - 0.3) < 4.9 * math.sqrt(0.21 / len(signs))
    numbers = gaussian_bonds(lattice, 1, mean=0.5, width=2.0)
    assert abs(numbers.mean() - 0.5) < 4.9 * 2 / math.sqrt(len(numbers))
    assert abs(numbers.var() / 4 - 1) < 4.9 * math.sqrt(2 / len(numbers))
    assert (numbers * 2**32 == np.rint(numbers * 2**32)).all()
    kept = dilute_bonds(lattice, signs, 0.8, 2)
    assert set(np.unique(kept)) == {-1.0, 0.0, 1.0}
    assert abs((kept != 0).mean() - 0.8) < 4.9 * math.sqrt(0.16 / len(kept))
    assert abs(dilute_sites(lattice, 0.8, 2).mean() - 0.8) < 4.9 * math.sqrt(0.16 / 4096)


def test_disorder_depends_on_its_seed_alone() -> None:
    small, large = graph_lattice("chain", (10,)), graph_lattice("chain", (30,))
    assert (gaussian_bonds(small, 5) == gaussian_bonds(large, 5)[:10]).all()
    assert not (gaussian_bonds(small, 5) == gaussian_bonds(small, 6)).any()


def test_frustration() -> None:
    square, triangular = graph_lattice("square", (4, 4)), graph_lattice("triangular", (3, 3))
    gauge = np.random.default_rng(1).choice([-1.0, 1.0], square.n_sites)
    mattis = gauge[square.edges[:, 0]] * gauge[square.edges[:, 1]]
    assert frustrated_edge(GraphIsing(square, 1.0, bonds=mattis)) is None
    mattis[7] *= -1
    assert frustrated_edge(GraphIsing(square, 1.0, bonds=mattis)) is not None
    odd = graph_lattice("square", (3, 4))
    assert frustrated_edge(GraphIsing(odd, 1.0, bonds=-1.0)) is not None
    assert frustrated_edge(GraphIsing(triangular, 1.0, bonds=-1.0)) is not None
    lonely = np.arange(9) == 4
    assert frustrated_edge(GraphIsing(triangular, 1.0, bonds=-1.0, occupied=lonely)) is None


def test_refusals() -> None:
    lattice = graph_lattice("kagome", (3, 3))
    with pytest.raises(InputError, match="the model has 27 spins; visiting every configuration"):
        spectrum(GraphIsing(lattice, 0.1))
    with pytest.raises(InputError, match="lattice is 'pyrochlore'; an exact solution is known"):
        planar_ising("pyrochlore", 0.1)
    with pytest.raises(InputError, match="coupling is nan; expected a number from -50 to 50"):
        planar_ising("kagome", math.nan)
    with pytest.raises(InputError, match=r"keep is 1\.5; expected a probability"):
        dilute_sites(lattice, 1.5, 1)
    with pytest.raises(InputError, match=r"width -1\.0; expected finite numbers"):
        gaussian_bonds(lattice, 1, width=-1.0)
    with pytest.raises(InputError, match="seed is -1"):
        bimodal_bonds(lattice, -1)
