import itertools
import math

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import (
    binned_information,
    fixed_width_bins,
    kernel_density_information,
    nearest_neighbour_information,
    range_bins,
    renyi_information,
)
from rsmi.information.random_maps import random_map_entropies
from rsmi.layers import Estimators, Options, analyse_layers, finite_inputs
from rsmi.layers.estimators import used


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kernel_bounds_enclose_the_mixture():
    """T = X + noise for X uniform on 30 points of a line, by quadrature."""
    points, sigma = normal(30, 1), 0.3
    grid = torch.linspace(-6, 6, 20001, dtype=torch.float64)
    density = torch.distributions.Normal(points, sigma).log_prob(grid).exp().mean(0)
    h_t = float(torch.trapezoid(torch.special.entr(density), grid))
    exact = h_t - 0.5 * math.log(2 * math.pi * math.e * sigma**2)
    low, high = kernel_density_information(points, sigma)
    assert low.value < exact < high.value
    assert high.value < math.log(30)


def test_weights_are_rows_that_come_more_often():
    """A row of weight 3/4 beside one of 1/4 is the same as three equal rows beside one."""
    x = torch.tensor([[0.0, 0.0], [0.3, 0.1]], dtype=torch.float64)
    weights = torch.tensor([0.75, 0.25])
    repeated = x[[0, 0, 0, 1]]
    for one, other in zip(
        kernel_density_information(x, 0.2, weights),
        kernel_density_information(repeated, 0.2),
        strict=True,
    ):
        assert one.value == pytest.approx(other.value)
        assert one.error == 0
    far = 1000 * x
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert kernel_density_information(far, 0.2, weights)[0].value == pytest.approx(entropy)


def test_weighted_renyi_of_states_far_apart_is_their_renyi_entropy():
    """The eigenvalues of the Gram matrix are then the weights, whatever the width."""
    states = torch.eye(3)
    weights = torch.tensor([0.98, 0.01, 0.01], dtype=torch.float64)
    known = math.log(float((weights**1.01).sum())) / (1 - 1.01)
    found = renyi_information(states, states, weights=weights)
    assert (found.value, found.error) == (pytest.approx(known, rel=1e-3), 0)
    equal = renyi_information(states, states, weights=torch.ones(3))
    assert equal.value == pytest.approx(math.log(3), rel=0.2)


def test_rows_are_drawn_by_their_probabilities():
    """Of 300 rows with p = 0.9 for the first, 200 draws hold it some 180 times (5 sigma)."""
    weights = np.full(300, 0.1 / 299)
    weights[0] = 0.9
    drawn = used(weights, 200)
    assert abs(int((drawn.index == 0).sum()) - 180) < 5 * math.sqrt(200 * 0.9 * 0.1)
    assert drawn.limit < math.log(200)
    every = used(weights, 300)
    assert every.limit == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1 / 299))
    assert used(np.full(300, 1 / 300), 200).limit == pytest.approx(math.log(200))


def test_neighbours_refuse_rows_with_probabilities_of_their_own():
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    y, options = (x[:, 0] > 0).long(), Options(estimators=Estimators(nearest_neighbour=True))
    equal = analyse_layers(torch.nn.Identity(), finite_inputs(x, y), options=options)["model"]
    assert "nearest_neighbour.I(T;Y)" in equal.estimators
    weights = torch.rand(400, generator=torch.Generator().manual_seed(1))
    report = analyse_layers(torch.nn.Identity(), finite_inputs(x, y, weights), options=options)
    assert not report["model"].estimators
    assert "not given: nearest_neighbour.I(T;Y) takes rows as equally likely" in report.table()


def test_bins():
    t = torch.tensor([[-1.0, 0.05, 1.0]])
    assert fixed_width_bins(t, 0.1).tolist() == [[-10, 0, 10]]
    assert range_bins(t, 4, -1.0, 1.0).tolist() == [[0, 2, 3]]
    assert range_bins(torch.ones(1, 2), 4, 1.0, 1.0).tolist() == [[0, 0]]


def test_nearest_neighbours_see_a_separation():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1500)
    apart = rng.normal(size=(1500, 2)) + 8 * y[:, None]
    mixed = rng.normal(size=(1500, 2))
    assert nearest_neighbour_information(apart, y).value == pytest.approx(math.log(2), abs=0.05)
    assert abs(nearest_neighbour_information(mixed, y).value) < 0.1


def test_renyi_is_between_nothing_and_ln_n():
    x = normal(100, 2)
    mixed, same = (renyi_information(x, t) for t in (normal(100, 2, 1), x))
    assert 0 < mixed.value < same.value < math.log(100)
    assert mixed.error > 0


def normal_pair(seed, n=2000, rho=0.75):
    """Correlated normals, .413339 nats."""
    x, e = normal(n, 1, 2 * seed), normal(n, 1, 2 * seed + 1)
    return x, rho * x + (1 - rho**2) ** 0.5 * e


NORMAL = 0.413339


def test_neighbours_and_kernels_know_the_normal_pair():
    """Ten draws: neighbours within their error, kernels on their sides of ln N-bounded truth."""
    noise = (1 / 0.75**2 - 1) ** 0.5
    found = [nearest_neighbour_information(x, y[:, 0]) for x, y in map(normal_pair, range(10))]
    mean = sum(e.value for e in found) / 10
    assert abs(mean - NORMAL) < 5 * math.hypot(*(e.error for e in found)) / 10 + 0.01
    assert all(abs(e.deviation(NORMAL)) < 6 for e in found)
    for seed in range(10):
        x, _ = normal_pair(seed)
        low, high = kernel_density_information(x, noise)
        assert low.value < NORMAL < high.value
        _, wrong = kernel_density_information(x, 2 * noise)
        assert wrong.value < NORMAL


def test_bins_miss_the_normal_pair_by_as_much_as_is_known():
    """Upwards by (K_xy - K_x - K_y + 1) / 2n: few rows in many bins see what is not there."""
    x, y = normal_pair(0, 4000)
    z = normal(4000, 1, 99)
    nothing = binned_information(x, z, 20)
    cells = [len(t.unique(dim=0)) for t in (bins(x), bins(z), torch.cat([bins(x), bins(z)], 1))]
    bias = (cells[2] - cells[0] - cells[1] + 1) / 8000
    assert 0.5 * bias < nothing.value < 2 * bias
    fine, coarse = binned_information(x, y, 1000), binned_information(x, y, 3)
    assert coarse.value + 5 * coarse.error < NORMAL < fine.value - 5 * fine.error
    assert fine.value < math.log(4000)


def bins(t):
    return range_bins(t, 20, float(t.min()), float(t.max()))


def test_bins_of_labels_are_counts():
    """A label and itself: H(Y), whatever the bins; floats and integers beside each other."""
    y = torch.tensor([0, 0, 1, 2] * 25)
    known = 0.5 * math.log(2) + 0.5 * math.log(4)
    assert binned_information(y, y).value == pytest.approx(known)
    assert binned_information(y.double(), y, bins=3).value == pytest.approx(known)


def test_random_maps_approach_one_state():
    values = random_map_entropies(16, 200)
    assert all(a < b for a, b in itertools.pairwise(values))
    assert values[-1] == pytest.approx(math.log(16), rel=1e-3)


def test_bad_input_is_named():
    x = normal(10, 2)
    with pytest.raises(InputError, match="the bin width is 0; expected a finite number > 0"):
        fixed_width_bins(x, 0)
    with pytest.raises(InputError, match="0 bins over"):
        range_bins(x, 0, 0.0, 1.0)
    with pytest.raises(InputError, match=r"sigma -1\.0; expected"):
        kernel_density_information(x, -1.0)
    with pytest.raises(InputError, match=r"1 rows of activations; .* N\^2 time"):
        kernel_density_information(x[:1], 1.0)
    with pytest.raises(InputError, match=r"10 and 5 rows with alpha 1.01; .* both, 20 to 2000"):
        renyi_information(x, x[:5])
    with pytest.raises(InputError, match="10 and 5 rows; expected as many of both"):
        binned_information(x, x[:5])
    with pytest.raises(InputError, match="d <= 8: choose a narrower layer"):
        nearest_neighbour_information(np.zeros((500, 9)), np.zeros(500, dtype=int))
    with pytest.raises(InputError, match="least 300 rows"):
        nearest_neighbour_information(np.zeros((50, 2)), np.zeros(50, dtype=int))
