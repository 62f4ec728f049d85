import pytest

from rsmi.errors import InputError
from rsmi.lattice.graphs import UnitCell, unit_cell
from rsmi.renormalization import generate_interactions


@pytest.mark.parametrize(
    ("dimension", "reach", "terms"),
    [
        (1, 2.0, {"1-spin": 1, "2-spin (1)": 1, "2-spin (2)": 1, "3-spin (0)(1)(2)": 1}),
        (
            2,
            1.5,
            {
                "1-spin": 1,
                "2-spin (1,0)": 2,
                "2-spin (1,1)": 2,
                "3-spin (0,0)(0,1)(1,0)": 4,
                "4-spin plaquette (0,0)(0,1)(1,0)(1,1)": 1,
            },
        ),
        (3, 1.0, {"1-spin": 1, "2-spin (1,0,0)": 3}),
    ],
)
def test_orbits_and_their_terms_per_site(dimension, reach, terms):
    found = {
        i.name: len(i.terms) for i in generate_interactions(reach, UnitCell.hypercubic(dimension))
    }
    assert found == terms


def test_classic_order_of_the_square_lattice():
    even = [i.name for i in generate_interactions(2.0) if i.parity == "even"]
    assert even[:4] == [
        "2-spin (1,0)",
        "2-spin (1,1)",
        "4-spin plaquette (0,0)(0,1)(1,0)(1,1)",
        "2-spin (2,0)",
    ]


def test_pairs_of_a_cube_count_neighbours():
    # 6, 12 and 8 neighbours at squared distances 1, 2, 3; each bond belongs to two sites.
    pairs = [
        i
        for i in generate_interactions(3**0.5, UnitCell.hypercubic(3), max_spins=2)
        if i.n_spins == 2
    ]
    assert [(i.diameter2, len(i.terms)) for i in pairs] == [(1, 3), (2, 6), (3, 4)]


def test_triangles_and_neighbours_of_the_triangular_lattice():
    # 6 neighbours at each of the squared distances 1, 3, 4; two triangles belong to each site.
    found = generate_interactions(2.0, unit_cell("triangular"), max_spins=3)
    pairs = [(i.diameter2, len(i.terms)) for i in found if i.n_spins == 2]
    assert pairs == [(1, 3), (3, 3), (4, 3)]
    smallest = next(i for i in found if i.n_spins == 3)
    assert (smallest.diameter2, len(smallest.terms)) == (1, 2)


def test_no_group_belongs_to_two_orbits():
    terms = [term for i in generate_interactions(2.9) for term in i.terms]
    assert len(terms) == len(set(terms))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2.0, unit_cell("honeycomb")), "honeycomb has 2 sites in a cell"),
        ((99.0, unit_cell("square")), "reach is 99"),
        ((2.0, unit_cell("square"), 9), "max_spins is 9"),
    ],
)
def test_bad_requests_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        generate_interactions(*arguments)
