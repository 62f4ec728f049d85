"""Lattices by strides against the definition of a neighbour."""

import itertools

import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic

SHAPES = [(5,), (2,), (4, 6), (3, 3), (2, 3, 4)]


def neighbour(site: tuple[int, ...], axis: int, step: int, shape: tuple[int, ...]) -> int:
    moved = list(site)
    moved[axis] = (moved[axis] + step) % shape[axis]
    return int(np.ravel_multi_index(moved, shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_neighbours_differ_by_one_step_along_one_axis(shape: tuple[int, ...]) -> None:
    found = Hypercubic(shape).neighbours()
    for number, site in enumerate(itertools.product(*map(range, shape))):
        wanted = [neighbour(site, a, s, shape) for a in range(len(shape)) for s in (1, -1)]
        assert found[number].tolist() == wanted


@pytest.mark.parametrize("shape", SHAPES)
def test_torus_has_one_forward_bond_per_site_and_axis(shape: tuple[int, ...]) -> None:
    lattice = Hypercubic(shape)
    assert len(lattice.bonds()) == lattice.n_sites * lattice.dimension


@pytest.mark.parametrize("shape", SHAPES)
def test_open_lattice_has_no_bond_across_the_edge(shape: tuple[int, ...]) -> None:
    lattice = Hypercubic(shape, periodic=False)
    sites = np.array(list(itertools.product(*map(range, shape))))
    distance = np.abs(sites[lattice.bonds()[:, 0]] - sites[lattice.bonds()[:, 1]]).sum(1)
    assert (distance == 1).all()
    assert len(lattice.bonds()) == sum(lattice.n_sites // s * (s - 1) for s in shape)


@pytest.mark.parametrize("shape", [(), (4, 0)])
def test_shape_without_sites_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected one extent >= 1 per dimension"):
        Hypercubic(shape)
