import math

import pytest
import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.layers import (
    Abs,
    Estimators,
    Options,
    analyse_layers,
    finite_inputs,
    folding_entropy,
    folding_entropy_1d,
    mean_log_jacobian,
    sawtooth,
)

BIT = math.log(2)


def gauss(x):
    return -0.5 * x.square().sum(-1)


def test_sawtooth_networks_forget_a_bit_per_tent():
    found = folding_entropy_1d(sawtooth(8))
    assert [e.value / BIT for e in found[2::3]] == pytest.approx(range(1, 9), abs=1e-9)
    # Two ReLUs side by side keep everything.
    assert found[1].value == pytest.approx(0, abs=1e-12)
    assert all(e.kind == "exact" for e in found)


def test_bins_hide_the_increase_and_the_audit_says_so():
    """What 10 - log2 b bins print: the larger of l and 10 - log2 b."""
    grid = (torch.arange(1024, dtype=torch.float64) + 0.5)[:, None] / 1024
    options = Options(estimators=Estimators(range_bins=(16,)))
    report = analyse_layers(nn.Sequential(*sawtooth(8)), finite_inputs(grid), options=options)
    for level in range(1, 9):
        row = report[str(3 * level - 1)]
        binned = row.estimators["range_bins(16).H(X|T)"].value / BIT
        assert binned == pytest.approx(max(level, 6), abs=0.02)
        assert row.interval("H(X|T)").middle / BIT == pytest.approx(level)
    flagged = {f.layer for f in report.findings if "range_bins(16).H(T)" in f.text}
    assert {"2", "5", "8"} <= flagged


def test_unequal_slopes():
    """A tent with its top at 1/4: p = 1/4, 3/4 for every t."""
    first, second = nn.Linear(1, 2).double(), nn.Linear(2, 1, bias=False).double()
    with torch.no_grad():
        first.weight.fill_(1.0)
        first.bias.copy_(torch.tensor([0.0, -0.25]))
        second.weight.copy_(torch.tensor([[4.0, -4 - 4 / 3]]))
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert folding_entropy_1d([first, nn.ReLU(), second])[-1].value == pytest.approx(expected)


def test_the_absolute_value_forgets_the_signs():
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    assert folding_entropy([Abs()], x, gauss).value / BIT == pytest.approx(6)


def test_invertible_layers_forget_nothing():
    torch.manual_seed(0)
    layers = [nn.Linear(5, 5), nn.LeakyReLU(0.1), nn.Linear(5, 5), nn.Tanh()]
    found = folding_entropy(layers, torch.randn(20, 5), gauss)
    assert (found.value, found.kind) == (0.0, "exact")
    assert next(layers[0].parameters()).dtype == torch.float32


def test_preimages_and_jacobians_agree():
    """H(X|T) = h(X) - h(T) + E ln|det J|, on a shifted |x| whose h(T) is computed on a grid."""
    shift = nn.Linear(1, 1).double()
    with torch.no_grad():
        shift.weight.fill_(2.0)
        shift.bias.fill_(0.7)
    layers = [shift, Abs()]
    x = torch.randn(20000, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = folding_entropy(layers, x, gauss)
    t = torch.linspace(1e-9, 14, 200001, dtype=torch.float64)
    normal = torch.distributions.Normal(0.7, 2.0)
    density = normal.log_prob(t).exp() + normal.log_prob(-t).exp()
    h_t = float(torch.trapezoid(torch.special.entr(density), t))
    h_x = 0.5 * math.log(2 * math.pi * math.e)
    jacobian = mean_log_jacobian(nn.Sequential(*layers), x[:100])
    assert jacobian.value == pytest.approx(BIT)
    assert abs(found.value - (h_x - h_t + jacobian.value)) < 4.9 * found.error


def test_what_forgets_a_continuum_is_refused():
    with pytest.raises(InputError, match=r"constant on 50.0% of the inputs.*is infinite"):
        folding_entropy_1d([nn.ReLU()], -1.0, 1.0)
    x = torch.randn(5, 3)
    with pytest.raises(InputError, match="ReLU sends a continuum of inputs"):
        folding_entropy([nn.ReLU()], x, gauss)
    with pytest.raises(InputError, match="linear layer from 3 to 2 units is not square"):
        folding_entropy([nn.Linear(3, 2)], x, gauss)
    flat = nn.Linear(3, 3)
    nn.init.ones_(flat.weight)
    with pytest.raises(InputError, match="singular matrix"):
        folding_entropy([flat], x, gauss)
    with pytest.raises(InputError, match="Tanh is not piecewise linear"):
        folding_entropy_1d([nn.Tanh()])
    with pytest.raises(InputError, match=r"1 x 2\^20 preimages; at most 65536"):
        folding_entropy([Abs()], torch.randn(2, 20), gauss)
    with pytest.raises(InputError, match=r"the input runs from 1.0 to 0.0"):
        folding_entropy_1d([], 1.0, 0.0)
    with pytest.raises(InputError, match="the network maps 3 numbers to 2"):
        mean_log_jacobian(nn.Linear(3, 2), x)
    with pytest.raises(InputError, match=r"samples have shape \[5\]; expected"):
        folding_entropy([Abs()], torch.randn(5), gauss)
