"""Bonds and sites say the same, and what is no dimer configuration is refused."""

import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling.dimers import (
    DimerLattice,
    Dimers,
    Worm,
    bonds_to_sites,
    columnar,
    coverings,
    sites_to_bonds,
)

SMALL = [
    DimerLattice((2, 2)),
    DimerLattice((4, 4)),
    DimerLattice((3, 4), boundary="open"),
    DimerLattice((5, 5), boundary="corner"),
    DimerLattice((4, 6), "honeycomb"),
    DimerLattice((4, 8), "honeycomb", "open"),
    DimerLattice((2, 2, 2), "cubic"),
    DimerLattice((2, 3, 2), "cubic", "open"),
]
STATES = {"square": 4, "honeycomb": 3, "cubic": 6}


@pytest.mark.parametrize("lattice", SMALL, ids=str)
def test_round_trip_of_every_covering(lattice: DimerLattice) -> None:
    bonds = coverings(lattice)
    sites = bonds_to_sites(lattice, bonds)
    present = torch.from_numpy(lattice.sites)
    assert torch.equal(sites_to_bonds(lattice, sites), bonds)
    assert len({bytes(s.numpy()) for s in sites}) == len(bonds)
    assert set(sites[:, present].unique().tolist()) == set(range(STATES[lattice.lattice]))
    assert (sites[:, ~present] == -1).all()


@pytest.mark.parametrize("lattice", SMALL, ids=str)
def test_every_site_has_one_dimer_and_every_dimer_a_bond(lattice: DimerLattice) -> None:
    occupied = coverings(lattice) == 1
    ends = sum(
        occupied[:, axis].int() + occupied[:, axis].roll(1, axis + 1).int()
        for axis in range(lattice.n_axes)
    )
    assert torch.equal(ends, torch.from_numpy(lattice.sites).int().expand_as(ends))
    assert not (occupied & ~torch.from_numpy(lattice.bonds)).any()


@pytest.mark.parametrize("shape", [(16, 32), (10, 20)])
def test_round_trip_of_sampled_hexagons(shape: tuple[int, int]) -> None:
    model = Dimers(shape, lattice="honeycomb", boundary="open")
    state = Worm(model, seed=1).initial(4)
    sites = bonds_to_sites(model.geometry, state)
    assert torch.equal(sites_to_bonds(model.geometry, sites), state)
    assert not torch.equal(state[0], state[1])


def test_numbers_of_the_site_picture() -> None:
    lattice = DimerLattice((2, 4))
    assert bonds_to_sites(lattice, columnar(lattice)).tolist() == [[[2, 3, 2, 3], [2, 3, 2, 3]]]
    bonds = torch.full((1, 2, 2, 4), -1, dtype=torch.int8)
    bonds[0, 0, 0] = 1
    assert bonds_to_sites(lattice, bonds).tolist() == [[[0] * 4, [1] * 4]]


def test_what_is_no_perfect_matching_is_refused() -> None:
    lattice = DimerLattice((4, 4))
    empty = columnar(lattice)
    empty[0, 1, 2, 0] = -1
    with pytest.raises(InputError, match=r"configuration 0 is no perfect matching: site \(2, 0\)"):
        bonds_to_sites(lattice, empty)
    double = torch.cat([columnar(lattice)] * 2)
    double[1, 0, 1, 3] = 1
    with pytest.raises(InputError, match=r"configuration 1 is no perfect matching: site \(1, 3\)"):
        bonds_to_sites(lattice, double)
    beyond = columnar(DimerLattice((4, 4), boundary="open")).roll(1, 3)
    with pytest.raises(InputError, match=r"site \(0, 0\) is not covered by exactly one dimer"):
        bonds_to_sites(DimerLattice((4, 4), boundary="open"), beyond)


def test_partners_that_do_not_point_back_are_refused() -> None:
    lattice = DimerLattice((4, 4))
    sites = bonds_to_sites(lattice, columnar(lattice))
    sites[0, 0, 1] = 1
    with pytest.raises(InputError, match="some partner does not point back"):
        sites_to_bonds(lattice, sites)
    sites[0, 0, 1] = 7
    with pytest.raises(InputError, match="no dimer configuration: some partner does not point"):
        sites_to_bonds(lattice, sites)


def test_types_and_shapes() -> None:
    lattice = DimerLattice((4, 4))
    with pytest.raises(InputError, match=r"torch.float32 of shape \(1, 2, 4, 4\); expected torch"):
        bonds_to_sites(lattice, columnar(lattice).float())
    with pytest.raises(InputError, match=r"expected torch.int8 of shape \(n, 2, 4, 4\)"):
        bonds_to_sites(lattice, columnar(DimerLattice((4, 6))))
    with pytest.raises(InputError, match=r"sites are torch.int8 of shape \(1, 2, 4, 4\)"):
        sites_to_bonds(lattice, columnar(lattice))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((3, 3),), "odd number of sites; dimers cover two sites each.*choose even sides"),
        (((3, 4),), "a torus with an odd side has no two sublattices"),
        (((3, 3), "square", "open"), "odd number of sites.*take a corner out"),
        (((4, 4), "square", "corner"), "boundary 'corner' is the open square lattice with two odd"),
        (((5, 5), "honeycomb", "corner"), "boundary 'corner' is the open square lattice"),
        (((4, 4), "honeycomb", "open"), "hexagon of side k in a box of"),
        (((4, 4), "kagome"), "lattice is 'kagome'; expected one of square, honeycomb, cubic"),
        (((4, 4), "square", "moebius"), "boundary is 'moebius'; expected one of torus, open"),
        (((4, 4), "cubic"), "the cubic lattice of dimers needs 3 integers"),
        (((4, 1), "square", "open"), "needs 2 integers of at least 2"),
    ],
)
def test_impossible_lattices(arguments: tuple, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=message):
        DimerLattice(*arguments)


def test_impossible_models() -> None:
    with pytest.raises(InputError, match=r"temperature is 0.0; expected at least 0.01"):
        Dimers((4, 4), 0.0)
    with pytest.raises(InputError, match="temperature is nan; expected at least"):
        Dimers((4, 4), float("nan"))
    with pytest.raises(InputError, match="never parallel on one face"):
        Dimers((4, 4), 1.0, "honeycomb")
