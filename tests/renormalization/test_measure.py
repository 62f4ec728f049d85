import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.lattice.graphs import UnitCell
from rsmi.renormalization import generate_interactions, measure
from rsmi.renormalization.couplings import Interaction


@pytest.mark.parametrize(
    "shape", [(2, 2), (4, 4), (5, 7), (8, 8), (6, 64), (4, 65), (4, 130), (9,), (2,), (4, 6, 8)]
)
def test_agrees_with_the_definition(shape, kit):
    spins = kit.random_spins((5, *shape))
    interactions = generate_interactions(
        2.0 if len(shape) == 3 else 2.9, UnitCell.hypercubic(len(shape))
    )
    expected = np.stack([kit.plain_values(spins, i) for i in interactions], 1)
    np.testing.assert_array_equal(measure(spins, interactions), expected)


def test_bonds_of_a_two_site_lattice_count_twice(kit):
    nearest = generate_interactions(1.0)[1]
    spins = kit.random_spins((1, 2, 2)) * 0 + 1
    assert measure(spins, [nearest]).item() == 8


def test_another_dimension_is_refused(kit):
    with pytest.raises(InputError, match="lives in 2 dimensions"):
        measure(kit.random_spins((1, 8)), generate_interactions(1.0))


def test_an_interaction_too_long_is_refused(kit):
    far = Interaction("2-spin (64)", (((0,), (64,)),), 64**2)
    with pytest.raises(InputError, match="at most 63"):
        measure(kit.random_spins((1, 200)), [far])
