import numpy as np
import pytest
import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.information import entropy
from rsmi.lattice import state_index
from rsmi.layers import (
    Options,
    RGLayer,
    analyse_layers,
    drawn_inputs,
    enumerated_inputs,
    finite_inputs,
    rg_network,
    untrained,
    without_ties,
)
from rsmi.learning import decimation, majority
from rsmi.sampling import CRITICAL_COUPLING, System
from rsmi.sampling.exact import coarse_torus_distribution, kaufman
from rsmi.sampling.mazes import sample_mazes, solve
from rsmi.theory import FloodNetwork


def table(rule):
    return without_ties(rule((2, 2)).table())


@pytest.mark.parametrize("coupling", [0.2, CRITICAL_COUPLING, 0.6])
def test_entropies_of_the_torus(coupling):
    inputs = enumerated_inputs(System((4, 4), temperature=1 / coupling))
    known = kaufman((4, 4), coupling)
    closed = known.log_partition + 16 * coupling * known.energy
    assert inputs.entropy.value == pytest.approx(closed, abs=1e-9)


@pytest.mark.parametrize("rule", [majority, decimation])
@pytest.mark.parametrize("shape", [(4, 4), (2, 4), (4, 2)])
def test_row_transfer_agrees_with_enumeration(rule, shape):
    x, p = System(shape).law()
    t = state_index(RGLayer(table(rule), (2, 2))(x.float()).flatten(1))
    p_t = torch.bincount(t, p, minlength=2 ** (len(x[0].flatten()) // 4))
    found = coarse_torus_distribution(shape, CRITICAL_COUPLING, table(rule))
    torch.testing.assert_close(found, p_t, rtol=0, atol=1e-12)


def test_rg_layers_by_enumeration():
    inputs = enumerated_inputs(System((4, 4)))
    report = analyse_layers(rg_network(table(majority), (2, 2), 2), inputs)
    exact = float(entropy(coarse_torus_distribution((4, 4), CRITICAL_COUPLING, table(majority))))
    assert report["0"].interval("H(T)").middle == pytest.approx(exact, abs=1e-9)
    assert report["1"].interval("H(T)").middle <= np.log(2) + 1e-12
    assert report["1"].interval("H(X|T)").middle > report["0"].interval("H(X|T)").middle


def test_temperature_and_far_block_as_labels():
    systems = [System((2, 4), temperature=t) for t in (5.0, 1.25)]
    hot_cold = enumerated_inputs(systems, labels=[0, 1])
    report = analyse_layers(rg_network(table(majority), (2, 2), 1), hot_cold)
    assert 0 < report["0"].interval("I(T;Y)").middle < np.log(2)
    x, p = System((4, 4)).law()
    beyond = finite_inputs(x.float(), state_index(x[:, 2:, 2:].flatten(1)), p)
    row = analyse_layers(nn.Sequential(Corner()), beyond, layers="0")["0"]
    assert 0 < row.interval("I(T;Y)").middle < row.interval("H(T)").middle


class Corner(nn.Module):
    def forward(self, x):
        return x[:, :2, :2].flatten(1)


def test_samples_of_a_larger_torus_enclose_the_exact_value():
    inputs = drawn_inputs(System((6, 6)), 12800, seed=2)
    row = analyse_layers(rg_network(table(majority), (2, 2), 1), inputs)["0"]
    p = coarse_torus_distribution((6, 6), CRITICAL_COUPLING, table(majority))
    exact = inputs.entropy.value - float(entropy(p))
    assert row.interval("H(X|T)").contains(exact, 1 - 1e-6)
    assert row.interval("H(X|T)").width < 0.05 * inputs.entropy.value
    other = coarse_torus_distribution((6, 6), 0.9 * CRITICAL_COUPLING, table(majority))
    wrong = inputs.entropy.value - float(entropy(other))
    assert not row.interval("H(X|T)").contains(wrong, 1 - 1e-6)


def test_mazes_by_hand():
    way = np.zeros((1, 5, 5), dtype=bool)
    way[0, :3, 2] = True
    assert solve(way).depth.tolist() == [2]
    way[0, 1, 2] = False
    assert solve(way).depth.tolist() == [-1]


def test_mazes_depend_on_their_number_alone():
    whole = sample_mazes(20, 7, seed=9)
    part = sample_mazes(8, 7, seed=9, first=12)
    assert np.array_equal(whole.open_sites[12:], part.open_sites)
    assert np.array_equal(whole.depth[12:], part.depth)


def test_share_of_mazes_that_can_be_solved():
    found = sample_mazes(40_000, 17, seed=1).solvable.mean()
    # .861(2) is quoted; 4.9 of both errors.
    assert abs(found - 0.861) < 4.9 * np.hypot(0.002, (0.861 * 0.139 / 40_000) ** 0.5)
    assert abs(sample_mazes(40_000, 17, seed=1, probability=0.56).solvable.mean() - 0.861) > 0.02


def test_the_perfect_network_solves_every_maze():
    mazes = sample_mazes(2000, 9, seed=4)
    x = torch.from_numpy(mazes.open_sites).float()
    y = torch.from_numpy(mazes.solvable).long()
    network = FloodNetwork.perfect(36)
    counted = finite_inputs(x, y)
    two = Options(quantise=2, range=(0.0, 1.0))
    perfect = analyse_layers(network, counted, layers="centre", options=two)
    assert torch.equal(network(x)[:, 0].round().long(), y)
    assert perfect["centre"].interval("H(Y|T)").middle == 0.0
    fresh = analyse_layers(untrained(network), counted, layers="centre", options=two)
    assert fresh["centre"].interval("H(Y|T)").middle > 0.9 * perfect.entropy_y.middle


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"36 sites with 2 values .* up to 4194304"):
        enumerated_inputs(System((6, 6)))
    with pytest.raises(InputError, match="2 labels for 1 systems"):
        enumerated_inputs(System((2, 2)), labels=[0, 1])
    with pytest.raises(InputError, match=r"shapes \[2, 2\] and \[2, 3\]; expected one shape"):
        enumerated_inputs([System((2, 2)), System((2, 3))])
    with pytest.raises(InputError, match=r"numbers, 0\.\d+ GB; at most .* drawn_inputs"):
        enumerated_inputs([System((3, 7))] * 4)
    with pytest.raises(InputError, match=r"takes a lattice that ends; ising 4 x inf at"):
        enumerated_inputs(System((4, "inf")))
    with pytest.raises(InputError, match=r"the rule is random .* without_ties"):
        RGLayer(majority((2, 2)).table(), (2, 2))
    with pytest.raises(InputError, match="has 16 rows, a block of"):
        RGLayer(table(majority), (2, 1))
    with pytest.raises(InputError, match="expected multiples of the block"):
        coarse_torus_distribution((5, 4), 0.4, table(majority))
    with pytest.raises(InputError, match="100 configurations; expected a multiple of 64"):
        drawn_inputs(System((4, 4)), 100)
    with pytest.raises(InputError, match="0 levels"):
        rg_network(table(majority), (2, 2), 0)
    with pytest.raises(InputError, match="0 layers; expected at least 1"):
        FloodNetwork(0)
    with pytest.raises(InputError, match="1 mazes of size 2 from number 0"):
        sample_mazes(1, 2, seed=0)
    with pytest.raises(InputError, match=r"expected \(n, L, L\) of open sites"):
        solve(np.zeros((2, 3), dtype=bool))
