import math

import pytest
import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.information import infonce, leave_one_out
from rsmi.layers import (
    GaussianNoise,
    Quantise,
    linear_gaussian_information,
    noisy,
    noisy_information,
    quantise,
    with_noise,
)


def gaussian(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def linear(weight):
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    with torch.no_grad():
        layer.weight.copy_(weight)
    return layer


def test_a_linear_gaussian_layer_is_enclosed_within_a_percent():
    weight = torch.tensor([[1.0, 0.5], [0.0, 1.0]])
    model = with_noise(nn.Sequential(linear(weight)), "0", 1.0, seed=3)
    found = noisy_information(model, gaussian(8192, 2), batch=1024)["0"]
    expected = linear_gaussian_information(weight, 1.0, torch.eye(2))
    assert found.contains(expected, 1 - 1e-6)
    assert found.width < 0.01 * expected
    assert found.middle == pytest.approx(expected, rel=0.02)


def test_a_chain_of_linear_gaussian_layers():
    """T1 = X + noise, T2 = T1 + noise: I(X;T2) = ln(1 + 1/2) / 2 for unit variances."""
    one = torch.eye(1)
    model = with_noise(nn.Sequential(linear(one), linear(one)), nn.Linear, 1.0, seed=5)
    found = noisy_information(model, gaussian(4096, 1, 2), batch=512, draws=16, chain=True)
    exact = {"0": 0.5 * math.log(2), "1": 0.5 * math.log(1.5)}
    for name, value in exact.items():
        assert found[name].contains(value, 1 - 1e-6)
    # The second layer is bounded above by what its mean tells, ln(3)/2, or the first layer's.
    assert found["1"].upper.value <= found["0"].upper.value
    assert found["1"].lower.value == pytest.approx(exact["1"], abs=0.05)


def test_lower_value_of_the_wrong_noise_is_rejected():
    model = with_noise(nn.Sequential(linear(torch.eye(1))), "0", 0.5, seed=1)
    found = noisy_information(model, gaussian(8192, 1), batch=512)["0"]
    assert not found.contains(
        linear_gaussian_information(torch.eye(1), 1.0, torch.eye(1)), 1 - 1e-6
    )


def test_noise_repeats_with_its_seed():
    noise, x = GaussianNoise(1.0, seed=4), torch.zeros(3)
    first = noise(x)
    noise.reseed(4)
    assert torch.equal(noise(x), first)
    assert not torch.equal(noise(x), first)


def test_the_original_network_is_left_alone():
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    x = gaussian(5, 2)
    before = model(x)
    changed = quantise(model, "1", levels=3)
    assert set(changed(x).unique().tolist()) <= {-1.0, 0.0, 1.0}
    assert torch.equal(model(x), before)
    whole = quantise(nn.Tanh(), None, levels=3)
    assert len(whole(gaussian(50, 2)).unique()) <= 3


def test_quantised_networks_can_be_trained():
    model = quantise(nn.Sequential(nn.Linear(2, 1), nn.Tanh()), "1", levels=5)
    model(gaussian(4, 2)).sum().backward()
    assert (next(model.parameters()).grad != 0).any()


def test_ranges_by_layer():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    assert quantise(model, "1", 3, {"1": (0.0, 2.0)})(gaussian(9, 2)).max() <= 2
    with pytest.raises(InputError, match="no range for layer '1'; ranges are known for 0"):
        quantise(model, "1", 3, {"0": (0.0, 1.0)})


def test_bad_input_is_named():
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(InputError, match="no layer of this network carries noise"):
        noisy_information(model, gaussian(10, 2))
    with pytest.raises(InputError, match=r"sigma 0.0; expected a finite number > 0"):
        with_noise(model, "0.0", 0.0)
    with pytest.raises(InputError, match=r"layer '0.0' lies inside another chosen layer"):
        with_noise(model, ["0", "0.0"], 1.0)
    noisy = with_noise(model, "0.0", 1.0)
    with pytest.raises(InputError, match=r"10 samples in batches of 8; .* at least two batches"):
        noisy_information(noisy, gaussian(10, 2), batch=8)
    with pytest.raises(InputError, match="0 draws of the earlier noise"):
        noisy_information(noisy, gaussian(10, 2), batch=2, draws=0)
    with pytest.raises(InputError, match=r"1 levels from 0.0 to 1.0; expected at least 2"):
        Quantise(1, 0.0, 1.0)
    with pytest.raises(InputError, match="a constant layer needs no quantisation"):
        Quantise(2, 1.0, 1.0)


def missed_rare_inputs(cases=40):
    """Intervals at 99.99 % of I(X;T) = H(X) of an input that is 1 with p = 0.01 or 0.1, else 0."""
    misses = 0
    for seed in range(cases):
        p = (0.01, 0.1)[seed % 2]
        x = torch.rand(300, 1, generator=torch.Generator().manual_seed(seed)) < p
        model = with_noise(nn.Sequential(nn.Identity()), "0", 0.02, seed)
        found = noisy_information(model, x.float(), batch=100, draws=1)["0"]
        misses += not found.contains(-p * math.log(p) - (1 - p) * math.log(1 - p), 0.9999)
    return misses


def test_inputs_that_are_rare_stay_inside():
    assert missed_rare_inputs() == 0


def test_errors_of_a_few_batches_miss_inputs_that_are_rare(monkeypatch):
    """The mutant: the spread of three batches, of which often none holds a rare input."""
    monkeypatch.setattr(noisy, "_lower", infonce)
    monkeypatch.setattr(noisy, "_upper", leave_one_out)
    assert missed_rare_inputs() > 2
