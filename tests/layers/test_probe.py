import pytest
import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.layers import (
    Options,
    Probe,
    analyse_layers,
    finite_inputs,
    quantise,
    select_layers,
)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))


class Reused(nn.Module):
    """One ReLU for two places, and a tuple as output."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 4)
        self.relu, self.idle = nn.ReLU(), nn.Linear(1, 1)

    def forward(self, x):
        h = self.relu(self.first(x))
        return self.relu(self.second(h)), h


def test_layers_by_name_pattern_and_type():
    model = net()
    assert list(select_layers(model)) == ["0", "1", "2"]
    assert list(select_layers(model, ["2", "0"])) == ["0", "2"]
    assert list(select_layers(model, nn.Linear)) == list(select_layers(model, "Linear"))
    assert list(select_layers(nn.Tanh())) == ["model"]


def test_a_name_that_matches_nothing_lists_those_that_exist():
    with pytest.raises(InputError, match=r"no layer matches 'fc\*'; .* 0 \(Linear\), 1 \(ReLU\)"):
        select_layers(net(), "fc*")
    with pytest.raises(InputError, match="no layer matches the type Conv2d"):
        select_layers(net(), nn.Conv2d)


def test_wrappers_are_looked_through():
    model = nn.DataParallel(net())
    assert list(select_layers(model)) == ["0", "1", "2"]


def test_activations_are_those_of_the_moment_and_the_mode_is_restored():
    model = net()
    model.train()
    model[2].eval()
    x = torch.randn(5, 3)
    with Probe(model) as probe:
        found = probe(x)
    # The ReLU works in place on the output of the layer before it.
    torch.testing.assert_close(found["0"], model[0](x).detach())
    assert (found["0"] < 0).any()
    assert (found["1"] >= 0).all()
    assert model[0].training
    assert not model[2].training
    assert not model[0]._forward_hooks


def test_a_module_called_twice_is_recorded_twice():
    model = Reused()
    x = torch.randn(5, 3)
    with Probe(model, "relu") as probe:
        found = probe(x)
    assert list(found) == ["relu", "relu:2"]
    torch.testing.assert_close(found["relu:2"], model(x)[0].detach())


def test_a_module_that_is_never_called_is_named():
    with (
        Probe(Reused(), "idle") as probe,
        pytest.raises(InputError, match="forward pass never calls idle; choose other layers"),
    ):
        probe(torch.randn(5, 3))


def test_layers_that_return_tuples_or_dicts():
    lstm = nn.LSTM(3, 4, batch_first=True)
    x = torch.randn(5, 2, 3)
    with (
        Probe(lstm) as probe,
        pytest.raises(InputError, match=r"'model' returns a tuple of 2 .* take=\{'model': KEY\}"),
    ):
        probe(x)
    with Probe(lstm, take={"model": 0}) as probe:
        assert probe(x)["model"].shape == (5, 8)
    with (
        Probe(lstm, take={"model": "h"}) as probe,
        pytest.raises(InputError, match="which has no entry 'h'"),
    ):
        probe(x)


class Log(nn.Module):
    def forward(self, x):
        return x.log()


class Above(nn.Module):
    """Turns NaN into a number, as comparisons do."""

    def forward(self, x):
        return (x > 0).float()


def test_nan_names_the_layer():
    with (
        Probe(nn.Sequential(Log()), "0") as probe,
        pytest.raises(InputError, match="layer '0' has NaN or infinite activations for 5 of 5"),
    ):
        probe(-torch.ones(5, 3))


@pytest.mark.parametrize("last", [Above(), nn.Identity()])
def test_nan_never_becomes_a_number(last):
    """Whether levels, a comparison or a diverged weight would hide it."""
    x = torch.linspace(-1, 1, 8)[:, None]
    model = quantise(nn.Sequential(Log(), nn.Tanh(), last), "1", levels=4)
    for layers in ("1", "2", None):
        with pytest.raises(InputError, match=r"layer '0' has NaN .* a training that diverged"):
            analyse_layers(model, finite_inputs(x), layers=layers)
    # Infinity is not put on the last level either.
    zero = finite_inputs(torch.arange(8.0)[:, None])
    with pytest.raises(InputError, match="layer '0' has NaN or infinite activations for 1 of 8"):
        analyse_layers(quantise(nn.Sequential(Log()), "0", 4), zero)
    diverged = nn.Sequential(nn.Linear(1, 2), last)
    nn.init.constant_(diverged[0].weight, float("nan"))
    with pytest.raises(InputError, match=r"the weights '0\.weight' have NaN: the training"):
        analyse_layers(quantise(diverged, "1", 4), finite_inputs(x), layers="1")
    x[3] = float("nan")
    with pytest.raises(InputError, match="1 of 8 inputs have NaN; leave these rows out"):
        analyse_layers(nn.Sequential(last), finite_inputs(x))


def test_a_layer_without_a_row_per_input():
    class Mean(nn.Module):
        def forward(self, x):
            return x.mean(0)

    with (
        Probe(nn.Sequential(Mean()), "0") as probe,
        pytest.raises(InputError, match="expected one row per input"),
    ):
        probe(torch.randn(5, 3))


def test_calls_that_change_from_batch_to_batch():
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(x) if x.sum() > 0 else self.relu(self.relu(x))

    with Probe(Sometimes(), "relu") as probe:
        probe(torch.ones(2, 2))
        with pytest.raises(InputError, match="for one batch and"):
            probe(-torch.ones(2, 2))


def test_autocast():
    """Half precision has fewer values, and the entropies are those of the network that uses it."""
    model, x = net(), torch.randn(2000, 3)
    with Probe(model, autocast=torch.bfloat16) as probe:
        found = probe(x)["2"]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = model(x)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, expected)
    inputs, half = finite_inputs(x), Options(autocast=torch.bfloat16)
    report = analyse_layers(model, inputs, layers="2", options=half)
    distinct, times = expected.unique(dim=0, return_counts=True)
    assert len(distinct) < 2000
    by_hand = float(torch.special.entr(times / 2000.0).sum())
    assert report["2"].interval("H(T)").middle == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu():
    with Probe(net().cuda()) as probe:
        assert probe(torch.randn(5, 3))["0"].device.type == "cuda"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_entropies_on_a_gpu_are_those_of_the_cpu():
    """Quantised to few levels, so that another order of sums changes no value."""
    x = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    model = quantise(net(), "2", levels=3)
    here = analyse_layers(model, finite_inputs(x), layers="2")["2"]
    there = analyse_layers(model.cuda(), finite_inputs(x), layers="2")["2"]
    half = Options(autocast=torch.float16)
    assert there.quantities == here.quantities
    assert analyse_layers(model, finite_inputs(x), layers="2", options=half)["2"].quantities
