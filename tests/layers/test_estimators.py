import itertools
import math

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.information.binning import fixed_width_bins, range_bins
from rsmi.information.kernel_density import kernel_density_information
from rsmi.information.nearest_neighbour import nearest_neighbour_information
from rsmi.information.random_maps import random_map_entropies
from rsmi.information.renyi import renyi_information
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
    assert renyi_information(states, states, weights=weights) == pytest.approx(known, rel=1e-3)
    assert renyi_information(states, states) == pytest.approx(math.log(3), rel=0.2)


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
    assert 0 < renyi_information(x, normal(100, 2, 1)) < renyi_information(x, x) < math.log(100)


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
    with pytest.raises(InputError, match="10 and 5 rows with alpha"):
        renyi_information(x, x[:5])
    with pytest.raises(InputError, match="d <= 8: choose a narrower layer"):
        nearest_neighbour_information(np.zeros((500, 9)), np.zeros(500, dtype=int))
    with pytest.raises(InputError, match="at least 300 rows"):
        nearest_neighbour_information(np.zeros((50, 2)), np.zeros(50, dtype=int))
