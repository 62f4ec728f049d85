import math

import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import entropy, mutual_information
from rsmi.lattice import Hypercubic, states, words
from rsmi.learning.classical import decimation_table, plurality_table
from rsmi.sampling import Ising
from rsmi.sampling.exact import (
    adjacent_columns,
    chain_posterior,
    cylinder_posterior,
    exact_window,
    marginal,
    torus_posterior,
)
from rsmi.sampling.pair import PairInteraction, transfer_matrix
from rsmi.sampling.potts import BlumeCapel, Potts

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


POTTS = Potts((4, 4), 3, math.log(1 + math.sqrt(3)))
BLUME_CAPEL = BlumeCapel((4, 4), 1 / 0.60858, 1.96582)


@pytest.mark.parametrize(
    ("model", "width", "buffer", "full", "first", "most", "best"),
    [
        (POTTS, 3, 1, 0.48061752, 0.30374315, 0.34810073, 0.35094589),
        (POTTS, 4, 1, 0.61033871, 0.38942999, 0.46034132, 0.46380053),
        (POTTS, 4, 2, 0.40551333, 0.26873037, 0.31600726, 0.31792256),
        (BLUME_CAPEL, 3, 1, 0.56150857, 0.38766125, 0.42880481, 0.44360294),
        (BLUME_CAPEL, 4, 1, 0.65420013, 0.45042121, 0.51088744, 0.52814224),
    ],
)
def test_infinite_cylinders_of_three_letters(model, width, buffer, full, first, most, best):
    window = exact_window((width, INF), model.interaction(), (2, 2), buffer)
    found = [
        window.full(),
        window.rule(decimation_table(3, 4)),
        window.rule(plurality_table(3, 4)),
        window.optimum(3, "allow")[1],
    ]
    assert [e.value for e in found] == pytest.approx([full, first, most, best], abs=1e-8)
    assert [e.kind for e in found] == ["exact", "exact", "exact", "lower"]
    warmer = PairInteraction(0.99 * model.interaction().bond, 0.99 * model.interaction().site)
    assert abs(exact_window((width, INF), warmer, (2, 2), buffer).full().value - full) > 1e-4


@pytest.mark.parametrize(
    "model", [Ising((3, 3), 0.4), Potts((3, 3), 3, 0.9), BlumeCapel((3, 3), 0.7, 1.3)]
)
def test_energies_of_the_tables_are_those_of_the_model(model):
    """The tables, summed over bonds and sites, are the model's own energy over its temperature."""
    interaction = model.interaction()
    letters = words(interaction.n_letters, 9)[:: 1 if interaction.n_letters == 2 else 97]
    values = {2: torch.tensor([-1, 1]), 3: torch.arange(3) - int(isinstance(model, BlumeCapel))}
    shown = values[interaction.n_letters][letters].to(torch.int8).reshape(-1, 3, 3)
    left, right = Hypercubic((3, 3)).bonds().T
    exponent = interaction.bond[letters[:, left], letters[:, right]].sum(1)
    exponent += interaction.site[letters].sum(1)
    torch.testing.assert_close(exponent, -model.coupling * model.energy(shown).double())


@pytest.mark.parametrize("model", [Potts((3, 3), 3, 0.9), BlumeCapel((3, 3), 0.7, 1.3)])
def test_torus_of_three_letters_equals_brute_force(model):
    interaction, letters = model.interaction(), words(3, 9)
    left, right = Hypercubic((3, 3)).bonds().T
    exponent = interaction.bond[letters[:, left], letters[:, right]].sum(1)
    weight = (exponent + interaction.site[letters].sum(1)).exp()
    block, rest = letters[:, [0, 1]], letters[:, 2:]
    visible = (block * 3 ** torch.arange(2)).sum(1)
    environment = (rest * 3 ** torch.arange(7)).sum(1)
    joint = torch.zeros(3**7 * 9, dtype=torch.float64)
    joint = joint.index_add_(0, environment * 9 + visible, weight).reshape(-1, 9)
    window = exact_window((3, 3), interaction, (1, 2), 0)
    assert window.full().value == pytest.approx(mutual_information(joint).item(), abs=1e-12)
    torch.testing.assert_close(window.weights @ window.posterior, joint.sum(0) / joint.sum())


def test_long_rings_of_three_letters_approach_the_infinite_chain():
    for model in (Potts((4,), 3, 0.9), BlumeCapel((4,), 0.7, 1.3)):
        chain = exact_window((INF,), model.interaction(), (3,), 1).full().value
        ring = exact_window((60,), model.interaction(), (3,), 1).full().value
        assert ring == pytest.approx(chain, rel=1e-9)


def test_two_states_of_potts_are_ising_spins():
    potts = exact_window((4, INF), Potts((4, 4), 2, 2 * K_C).interaction(), (2, 2), 1)
    assert potts.full().value == pytest.approx(0.38665762, abs=6e-9)


def test_the_chain_has_the_known_magnetic_correlations():
    """tanh^d K between Ising spins at distance d, from the transfer matrix of one site."""
    transfer, psi = transfer_matrix(1, PairInteraction.ising(0.5))
    spin = torch.tensor([-1.0, 1.0]).double() * psi
    for distance in (1, 2, 5):
        correlation = spin @ torch.linalg.matrix_power(transfer, distance) @ spin
        assert correlation.item() == pytest.approx(math.tanh(0.5) ** distance, abs=1e-14)


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
    with pytest.raises(InputError, match="coupling K = J/T is not finite"):
        exact_window((6, 6), math.nan, (2, 2), 1)
    with pytest.raises(InputError, match=r"12 sites has 2\*\*12 states; expected 1 to 8"):
        cylinder_posterior(12, K_C, (2, 2), 1)
    with pytest.raises(InputError, match=r"bond has shape \[2, 3\].*symmetric \(q, q\)"):
        PairInteraction(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(InputError, match=r"3\*\*20 entries; at most 2\*\*24"):
        exact_window((6, 6), POTTS.interaction(), (2, 2), 1)
    with pytest.raises(InputError, match=r"6 sites has 3\*\*6 states; expected 1 to 5 sites"):
        exact_window((6, INF), POTTS.interaction(), (2, 2), 1)
    with pytest.raises(InputError, match=r"block \[5, 2\].*circumference 4"):
        cylinder_posterior(4, K_C, (5, 2), 1)
    with pytest.raises(InputError, match=r"differ in weight by a factor exp\(288\)"):
        adjacent_columns(8, 9.0)
    with pytest.raises(InputError, match=r"21 sites has 2\*\*21 states; expected 1 to 20 sites"):
        chain_posterior(0.5, 21, 0)
