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
