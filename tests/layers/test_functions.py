"""What is measured is a function of the input: nothing else decides it, and nothing is changed."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rsmi.errors import InputError
from rsmi.layers import (
    Inputs,
    Options,
    Probe,
    analyse_layers,
    finite_inputs,
    quantise,
    with_noise,
)
from rsmi.layers.noisy import is_chain


def grid(values, n):
    return torch.tensor(list(itertools.product(values, repeat=n)))


class Dropped(nn.Module):
    """Dropout that nobody switched off."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x):
        return self.b(F.dropout(self.a(x), 0.5))


class Positions(nn.Module):
    """Adds what belongs to the first axis, as if that were time."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return x + self.size * torch.arange(len(x))[:, None]


def test_a_first_module_that_works_in_place_leaves_the_data_alone():
    """ReLU merges -2 and -1: one bit with probability 2/3 in each of eight places."""
    x = grid([-2.0, -1.0, 1.0], 8)
    before = x.clone()
    torch.manual_seed(0)
    report = analyse_layers(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(8, 4)), finite_inputs(x))
    assert torch.equal(x, before)
    for row in report.rows:
        forgotten, kept = row.interval("H(X|T)").middle, row.interval("I(X;T)").middle
        assert forgotten == pytest.approx(8 * 2 / 3 * math.log(2), abs=1e-9)
        assert forgotten + kept == pytest.approx(8 * math.log(3), abs=1e-9)


def test_in_place_layers_see_and_give_what_they_do_in_training():
    x = torch.randn(50, 3)
    linear = nn.Linear(3, 3)
    found = {}
    for name, inplace in (("in place", True), ("apart", False)):
        with Probe(nn.Sequential(linear, nn.ReLU(inplace), nn.Tanh())) as probe:
            found[name] = probe(x)
    for layer in ("0", "1", "2"):
        assert torch.equal(found["in place"][layer], found["apart"][layer])


def test_rows_that_are_not_those_of_their_entropy_are_refused():
    x = grid([0.0, 1.0], 3)
    whole = finite_inputs(x)
    changed = Inputs("finite", whole.stream, finite_inputs(x[:4]).entropy, None, 8)
    with pytest.raises(InputError, match=r"said to have H\(X\) = 1.386.* their rows have 2.079"):
        analyse_layers(nn.Identity(), changed)
    single = finite_inputs(x[:3], weights=torch.tensor([0.9, 0.09, 0.01]))
    assert float(next(single.stream(9)).weights.sum()) == pytest.approx(1, abs=1e-15)


def test_dropout_that_is_never_switched_off_is_named():
    with pytest.raises(InputError) as caught:
        analyse_layers(Dropped(), finite_inputs(grid([-1.0, 1.0], 4)))
    assert "layer 'b' is no function of the input" in str(caught.value)
    assert "what the forward pass does before Linear 'b' is random" in str(caught.value)
    assert "F.dropout takes training=self.training" in str(caught.value)
    before = analyse_layers(Dropped(), finite_inputs(grid([-1.0, 1.0], 4)), layers="a")
    assert before["a"].interval("H(X|T)").middle == 0


class Faint(nn.Module):
    def forward(self, x):
        return x + 1e-6 * torch.rand_like(x)


def test_chance_is_never_called_rounding():
    with pytest.raises(InputError, match="Faint '0' is random in evaluation mode"):
        analyse_layers(nn.Sequential(Faint()), finite_inputs(grid([-1.0, 1.0], 4)))


@pytest.mark.parametrize("size", [4, 7, 1024])
@pytest.mark.parametrize("levels", [2, 256])
def test_statistics_of_the_batch_are_named(size, levels):
    torch.manual_seed(1)
    norm = nn.BatchNorm1d(3, track_running_stats=False)
    model = quantise(nn.Sequential(nn.Linear(4, 3), norm, nn.Tanh()), "2", levels)
    inputs, options = finite_inputs(grid([-1.0, 1.0], 4)), Options(batch_size=size)
    with pytest.raises(InputError, match=r"BatchNorm1d '1'.*\(track_running_stats=False\)"):
        analyse_layers(model, inputs, layers="2", options=options)
    tracked = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    assert not [
        f for f in analyse_layers(tracked, inputs, options=options).findings if f.check != "ceiling"
    ]


def test_rows_that_are_alike_in_the_first_batch_hide_nothing():
    """Ordered samples: the first batch is one configuration, whose companions are no others."""
    x = torch.cat([torch.ones(64, 4), torch.randn(64, 4).sign()])
    model = nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False))
    with pytest.raises(InputError, match=r"BatchNorm1d '0'.*other inputs of the batch"):
        analyse_layers(model, finite_inputs(x), options=Options(batch_size=64))


def test_places_in_the_batch_are_no_rounding():
    x = finite_inputs(grid([-1.0, 1.0], 4))
    with pytest.raises(InputError, match="layer '0' depends on the place of an input"):
        analyse_layers(nn.Sequential(Positions(1.0)), x, layers="0")
    lstm = nn.Sequential(nn.LSTM(2, 3))
    with pytest.raises(InputError, match=r"LSTM '0', whose first axis is time \(batch_first"):
        analyse_layers(lstm, finite_inputs(torch.randn(5, 5, 2)), options=Options(take={"0": 0}))
    faint = analyse_layers(nn.Sequential(Positions(1e-6)), x)
    assert [f.check for f in faint.findings if f.check != "ceiling"] == ["rounding"]


def test_rounding_in_front_of_few_levels_is_rounding():
    """Half precision rounds by place; levels make a full step of it for some rows."""

    class Coarse(nn.Module):
        def forward(self, x):
            return x + 1e-7 * torch.arange(len(x))[:, None]

    x = torch.rand(1000, 1) * 2 - 1
    model = quantise(nn.Sequential(Coarse(), nn.Identity()), "1", levels=3)
    found = analyse_layers(model, finite_inputs(x), layers="1").findings
    assert not [f for f in found if f.check == "left out"]


def test_one_object_at_several_places_is_changed_at_all_of_them():
    act, wide = nn.Tanh(), [nn.Linear(1, 1), nn.Linear(1, 1)]
    for linear in wide:
        nn.init.constant_(linear.weight, 2.0)
        nn.init.zeros_(linear.bias)
    model = nn.Sequential(wide[0], act, wide[1], act)
    x = torch.linspace(-3, 3, 400)[:, None]
    for selector in ("1", "3", nn.Tanh):
        changed = quantise(model, selector, levels=3)
        assert len(changed(x).unique()) == 3
        report = analyse_layers(changed, finite_inputs(x), layers=selector)
        assert [row.name for row in report.rows] == ["1", "1:2"]
        assert all(row.interval("H(T)").middle <= math.log(3) for row in report.rows)
    assert len(model(x).unique()) > 100
    noisy = with_noise(model, "1", 0.1)
    with pytest.raises(InputError, match="carries noise and is called more than once"):
        analyse_layers(noisy, finite_inputs(x), layers="1")


class Tied(nn.Module):
    """Reads a weight of the first layer in its head, and holds an activation in a list too."""

    def __init__(self):
        super().__init__()
        self.first, self.act = nn.Linear(3, 2, bias=False), nn.Tanh()
        self.again = [self.act]

    def forward(self, x):
        h = self.again[0](self.act(self.first(x)))
        return F.linear(h, self.first.weight.T)


def test_weights_can_be_read_and_layers_called_from_anywhere():
    model = Tied()
    changed = quantise(model, ["first", "act"], levels=3)
    x = grid([-1.0, 0.0, 1.0], 3)
    assert set(changed.state_dict()) == set(model.state_dict())
    report = analyse_layers(changed, finite_inputs(x), layers=["first", "act"])
    assert [row.name for row in report.rows] == ["first", "act", "act:2"]
    assert all(row.interval("H(T)").middle <= 2 * math.log(3) + 1e-9 for row in report.rows)


class Dense(nn.Sequential):
    """Every layer sees all that came before, as in a DenseNet."""

    def forward(self, x):
        seen = [x]
        for module in self:
            seen.append(module(torch.cat(seen, 1)))
        return torch.cat(seen, 1)


def test_a_sequential_with_a_forward_pass_of_its_own_is_no_chain():
    """The second layer sees X itself and knows more than the first, which is nearly all noise."""
    first, second = nn.Linear(2, 1, bias=False), nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[0.01, 0.0]]))
        second.weight.copy_(torch.tensor([[0.7, 0.0, 0.0]]))
    model = with_noise(Dense(first, second), nn.Linear, 1.0)
    assert not is_chain(model)
    assert is_chain(with_noise(nn.Sequential(nn.Linear(2, 1)), nn.Linear, 1.0))
    x = torch.randn(8192, 2, generator=torch.Generator().manual_seed(0))
    row = analyse_layers(model, x, layers=nn.Linear)["1"]
    assert row.interval("I(X;T)").contains(0.5 * math.log(1 + 0.49), 1 - 1e-6)


@pytest.mark.parametrize("levels", [None, 3])
def test_outputs_that_are_no_tensor(levels):
    lstm, x = nn.Sequential(nn.LSTM(3, 4, batch_first=True)), finite_inputs(torch.randn(5, 2, 3))
    with pytest.raises(InputError, match=r"layer '0' \(LSTM\) returns a tuple, to which Quantise"):
        analyse_layers(quantise(lstm, "0", 3), x)
    with pytest.raises(InputError, match="no layer of this network can be measured: layer '0'"):
        analyse_layers(lstm if levels is None else quantise(lstm, None, levels), x)
