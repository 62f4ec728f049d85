import math

import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import entropy, mutual_information
from rsmi.lattice import Hypercubic, states
from rsmi.sampling.exact import (
    adjacent_columns,
    chain_posterior,
    cylinder_posterior,
    exact_window,
    marginal,
    torus_posterior,
)

K_C = math.log(1 + math.sqrt(2)) / 2
INF = math.inf


def decimation(n_v):
    up = (states(n_v)[:, 0] > 0).double()
    return torch.stack([1 - up, up], 1)


def majority(n_v):
    up = 0.5 * (1 + states(n_v).sum(1).sign().double())
    return torch.stack([1 - up, up], 1)


@pytest.mark.parametrize(
    ("coupling", "full", "most", "odd", "best", "first"),
    [
        (1 / 1.8, 0.675985, 0.649719, 0.649779, 0.651597, 0.589688),
        (K_C, 0.549401, 0.461045, 0.461566, 0.467434, 0.380566),
    ],
)
def test_six_by_six_torus(coupling, full, most, odd, best, first):
    window = exact_window((6, 6), coupling, (2, 2), 1)
    found = [
        window.full(),
        window.rule(majority(4)),
        window.optimum(z2="impose")[1],
        window.optimum(z2="allow")[1],
        window.rule(decimation(4)),
    ]
    assert [e.value for e in found] == pytest.approx([full, most, odd, best, first], abs=6e-7)
    assert {e.kind for e in found} == {"exact"}
    assert abs(exact_window((6, 6), 1.02 * coupling, (2, 2), 1).full().value - full) > 1e-3
    assert abs(exact_window((6, 6), coupling, (2, 2), 0).full().value - full) > 1e-3


@pytest.mark.parametrize(
    ("width", "full", "first", "most", "best"),
    [
        (4, 0.38665762, 0.24874633, 0.29145589, 0.29568483),
        (6, 0.44920589, 0.28945923, 0.34646896, 0.35208859),
    ],
)
def test_infinite_cylinder(width, full, first, most, best):
    window = exact_window((width, INF), K_C, (2, 2), 1)
    found = [
        window.full(),
        window.rule(decimation(4)),
        window.rule(majority(4)),
        window.optimum(z2="allow")[1],
    ]
    assert [e.value for e in found] == pytest.approx([full, first, most, best], abs=6e-9)


@pytest.mark.parametrize(
    ("coupling", "buffer", "full", "first", "most"),
    [
        (0.1, 0, 9.949731e-3, 5.023961e-3, 3.006187e-3),
        (0.1, 1, 9.868015e-5, 4.983017e-5, 2.983255e-5),
        (0.5, 1, 4.573560e-2, 2.763417e-2, 2.425683e-2),
        (0.5, 2, 9.744702e-3, 5.907536e-3, 5.199602e-3),
    ],
)
def test_infinite_chain(coupling, buffer, full, first, most):
    window = exact_window((INF,), coupling, (2,), buffer)
    found = [window.full(), window.rule(decimation(2)), window.rule(majority(2))]
    assert [e.value for e in found] == pytest.approx([full, first, most], rel=2e-7)
    best = window.optimum(z2="allow")[1].value
    assert best == pytest.approx(window.rule(decimation(2)).value, rel=1e-9)


def test_end_spins_of_a_longer_block_carry_everything():
    window = exact_window((INF,), 0.5, (4,), 1)
    v = states(4)
    ends = ((v[:, 0] > 0) * 1 + (v[:, 3] > 0) * 2).long()
    table = torch.nn.functional.one_hot(ends, 4).double()
    assert window.rule(table).value == pytest.approx(window.full().value, rel=1e-12)


def test_long_ring_approaches_the_infinite_chain():
    chain = exact_window((INF,), 0.4, (2,), 1).full().value
    ring = exact_window((40,), 0.4, (2,), 1).full().value
    assert ring == pytest.approx(chain, rel=1e-10)


def test_long_torus_approaches_the_infinite_cylinder():
    """A buffer that meets itself around the torus leaves full columns as environment."""
    cylinder = exact_window((3, INF), 0.3, (2, 2), 1).full().value
    torus = exact_window((3, 12), 0.3, (2, 2), 1).full().value
    assert torus == pytest.approx(cylinder, rel=1e-2)
    longer = exact_window((3, 20), 0.3, (2, 2), 1).full().value
    assert abs(longer - cylinder) < 0.1 * abs(torus - cylinder)


def test_a_wide_cylinder_is_solved():
    assert 0.44 < exact_window((8, INF), K_C, (2, 2), 1).full().value < 0.55


@pytest.mark.parametrize(
    ("shape", "block", "buffer"),
    [((4, 4), (2, 2), 0), ((4, 4), (1, 2), 1), ((3, 5), (1, 2), 1), ((4, 4), (2, 3), 0)],
)
def test_torus_posterior_equals_brute_force(shape, block, buffer):
    lattice, coupling = Hypercubic(shape), 0.37
    spins = states(lattice.n_sites).double()
    left, right = lattice.bonds().T
    weight = (coupling * (spins[:, left] * spins[:, right]).sum(1)).exp()
    rows, columns = torch.tensor([divmod(s, shape[1]) for s in range(lattice.n_sites)]).T
    far_rows, far_columns = (
        _distance(rows, block[0], shape[0]),
        _distance(columns, block[1], shape[1]),
    )
    distance = torch.maximum(far_rows, far_columns)
    joint = _joint(spins, weight, distance == 0, distance > buffer)
    window = exact_window(shape, coupling, block, buffer)
    assert window.full().value == pytest.approx(mutual_information(joint).item(), abs=1e-12)
    torch.testing.assert_close(window.weights @ window.posterior, joint.sum(0) / joint.sum())


def _distance(x, block, extent):
    """Distance of coordinates from the block [0, block) around a ring."""
    return torch.minimum((x - block + 1).clamp(min=0), (extent - x) * (x >= block))


def _joint(spins, weight, visible, environment):
    number = [((spins[:, m] > 0) * (1 << torch.arange(int(m.sum())))).sum(1) for m in
              (environment, visible)]  # fmt: skip
    size = [1 << int(environment.sum()), 1 << int(visible.sum())]
    joint = torch.zeros(size[0] * size[1], dtype=torch.float64)
    return joint.index_add_(0, number[0] * size[1] + number[1], weight).reshape(size)


@pytest.mark.parametrize(
    ("coupling", "information", "total"), [(K_C, 0.728727, 4.482720), (0.3, 0.442335, 8.734064)]
)
def test_halves_of_the_four_by_four_torus(coupling, information, total):
    lattice = Hypercubic((4, 4))
    left = [s for s in range(16) if s % 4 < 2]
    right = [s for s in range(16) if s % 4 >= 2]
    joint = marginal(16, lattice.bonds().tolist(), coupling, [*left, *right]).reshape(256, 256)
    assert mutual_information(joint).item() == pytest.approx(information, abs=6e-7)
    assert entropy(joint.flatten()).item() == pytest.approx(total, abs=6e-7)


@pytest.mark.parametrize(("width", "value"), [(4, 0.4576677327), (6, 0.6264598156)])
def test_cuts_of_the_infinite_cylinder(width, value):
    joint = adjacent_columns(width, K_C)
    assert mutual_information(joint).item() == pytest.approx(value, abs=6e-11)


def test_antiferromagnet_on_an_even_torus_is_a_relabelled_ferromagnet():
    ferro = exact_window((4, 6), 0.4, (2, 2), 0).full().value
    assert exact_window((4, 6), -0.4, (2, 2), 0).full().value == pytest.approx(ferro, rel=1e-10)


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"spins at once.*6x6 torus.*ring_posterior"):
        exact_window((32, 32), K_C, (2, 2), 3)
    with pytest.raises(InputError, match="no environment is left"):
        exact_window((4, 4), K_C, (2, 2), 1)
    with pytest.raises(InputError, match="does not fit a torus"):
        torus_posterior((4, 4), K_C, (5, 2), 0)
    with pytest.raises(InputError, match="buffer is -1"):
        torus_posterior((4, 4), K_C, (2, 2), -1)
    with pytest.raises(InputError, match=r"\[6, inf\] for the infinite cylinder"):
        exact_window((INF, 6), K_C, (2, 2), 1)
    with pytest.raises(InputError, match="one block extent >= 1 per axis"):
        exact_window((6, 6), K_C, (2,), 1)
    with pytest.raises(InputError, match="coupling K = J/T is nan"):
        exact_window((6, 6), math.nan, (2, 2), 1)
    with pytest.raises(InputError, match="circumference is 12"):
        cylinder_posterior(12, K_C, (2, 2), 1)
    with pytest.raises(InputError, match=r"block \[5, 2\].*circumference 4"):
        cylinder_posterior(4, K_C, (5, 2), 1)
    with pytest.raises(InputError, match=r"\|K\| w <= 40"):
        adjacent_columns(8, 9.0)
    with pytest.raises(InputError, match="block of 1 to 20 spins"):
        chain_posterior(0.5, 21, 0)
