import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.known.networks import StateMap
from rsmi.layers import (
    Estimators,
    Interval,
    Options,
    Setting,
    Training,
    activation_ranges,
    analyse_layers,
    finite_inputs,
    inputs_of,
    loader_inputs,
    quantise,
    sampled_inputs,
    untrained,
    with_noise,
)

BIT = math.log(2)


def bits(n):
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=n)))


def network(seed=0, width=6):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(width, 5), nn.Tanh(), nn.Linear(5, 3), nn.Tanh())


def test_a_quantised_network_of_a_finite_set_is_exact():
    x = bits(6)
    model = quantise(network(), nn.Tanh, levels=2)
    report = analyse_layers(model, finite_inputs(x, (x.sum(1) > 0).long()), layers=["1", "3"])
    t = model(x).detach()
    patterns, inverse = t.unique(dim=0, return_inverse=True)
    p = torch.bincount(inverse) / 64
    row = report["3"]
    assert row.kind == "quantised"
    assert row.interval("H(T)").middle == pytest.approx(
        float(torch.special.entr(p).sum()), abs=1e-6
    )
    assert len(patterns) <= 8
    total = row.interval("H(T)").middle + row.interval("H(X|T)").middle
    assert total == pytest.approx(6 * BIT)
    assert row.interval("I(X;T)").middle == pytest.approx(row.interval("H(T)").middle)
    assert all(row.interval(q).is_exact for q in row.quantities)
    assert not any(f.check == "data processing" for f in report.findings)


def test_weights_enter_exactly():
    w = torch.tensor([0.5, 0.25, 0.125, 0.125])
    model = nn.Sequential(StateMap(torch.tensor([0, 1, 1, 2])))
    report = analyse_layers(model, finite_inputs(torch.arange(4), weights=w))
    assert report["0"].interval("H(T)").middle / BIT == pytest.approx(0.5 + 0.53063906 + 0.375)
    assert report.entropy_x.value == pytest.approx(1.75 * BIT)


def sampled_problem(seed, n):
    """A random map of 40 weighted states to 6, its label a map of the state to 3."""
    generator = torch.Generator().manual_seed(seed)
    p = torch.rand(40, generator=generator, dtype=torch.float64) ** 2
    p /= p.sum()
    f = torch.randint(6, (40,), generator=generator)
    y = torch.randint(3, (40,), generator=generator)
    x = torch.multinomial(p, n, True, generator=generator)
    exact = analyse_layers(StateMap(f), finite_inputs(torch.arange(40), y, p))["model"]
    return StateMap(f), x, y[x], float(torch.special.entr(p).sum()), exact


@pytest.mark.parametrize("seed", range(10))
def test_sampled_intervals_contain_the_exact_values(seed):
    model, x, y, h_x, exact = sampled_problem(seed, 8000)
    known = Estimate(h_x, 0.0, "exact")
    row = analyse_layers(model, sampled_inputs(x, y, entropy=known))["model"]
    for name, value in exact.quantities.items():
        # Sixty intervals at a false alarm of 1e-6 each.
        assert row.interval(name).contains(value.middle, 1 - 1e-6), name
        assert row.interval(name).width < 0.1 * h_x or name == "H(X|T,Y)"


def test_an_interval_of_another_network_is_rejected():
    model, x, y, h_x, exact = sampled_problem(0, 8000)
    mutant = StateMap(model.table.clone())
    mutant.table[:4] = 0
    row = analyse_layers(mutant, sampled_inputs(x, y, entropy=Estimate(h_x, 0.0, "exact")))["model"]
    assert not row.interval("H(T)").contains(exact.interval("H(T)").middle, 1 - 1e-6)


def test_samples_of_unknown_entropy_give_lower_values_only():
    model, x, y, _, _ = sampled_problem(1, 500)
    row = analyse_layers(model, sampled_inputs(x, y), options=Options(keep=0))["model"]
    assert isinstance(row.quantities["H(X|T)"], Estimate)
    assert row.quantities["H(X|T)"].kind == "lower"
    assert isinstance(row.quantities["H(Y|T)"], Interval)


def test_batches_of_any_size_give_the_same():
    x = bits(6)
    model = quantise(network(3), nn.Tanh, levels=3)
    values = [
        analyse_layers(model, finite_inputs(x), options=Options(batch_size=size))["3"].interval(
            "H(T)"
        )
        for size in (64, 7, 1000)
    ]
    assert values[0] == values[1] == values[2]


def test_loaders_files_and_tensors(tmp_path):
    model, x, y, _, _ = sampled_problem(2, 400)
    np.savez(tmp_path / "d.npz", x=x.numpy(), y=y.numpy())
    spins = np.sign(np.random.default_rng(0).normal(size=(50, 4, 4))).astype(np.int8)
    np.save(tmp_path / "s.npy", spins)
    options = Options(keep=0)
    loader = DataLoader(TensorDataset(x, y), batch_size=64)
    tensor = analyse_layers(model, x, labels=y, options=options)["model"]
    stream = analyse_layers(model, loader_inputs(loader), options=options)["model"]
    assert stream.quantities == tensor.quantities
    from_file = inputs_of(tmp_path / "d.npz")
    assert from_file.kind == "discrete"
    assert analyse_layers(nn.Flatten(), tmp_path / "s.npy")["model"].width == 16


def test_continuous_inputs_of_a_float_network():
    x = torch.randn(200, 6)
    y = (x[:, 0] > 0).long()
    report = analyse_layers(network(), x, labels=y)
    row = report["3"]
    assert set(row.quantities) == {"H(Y|T)", "I(T;Y)"}
    assert row.refused["I(X;T)"] == "is infinite"


def test_a_trained_classifier_tightens_the_label_bound():
    torch.manual_seed(0)
    x = torch.randn(2000, 4)
    y = (x[:, 0] > 0).long()
    options = Options(training=Training(hidden=16, epochs=8, rate=0.02))
    row = analyse_layers(nn.Identity(), x, labels=y, options=options)["model"]
    assert row.interval("H(Y|T)").upper.value < 0.2
    assert row.interval("I(T;Y)").lower.value > 0.4


def test_labels_are_bounded_without_being_asked():
    """The small classifier: far better than 0 <= I(T;Y) <= H(Y), and never beyond the truth."""
    x = torch.randn(3000, 8, generator=torch.Generator().manual_seed(0))
    noise = torch.rand(3000, generator=torch.Generator().manual_seed(1)) < 0.1
    y = ((x[:, 0] > 0) ^ noise).long()
    report = analyse_layers(nn.Sequential(nn.Linear(8, 2000), nn.Tanh()), x, labels=y)
    truth = -(0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    for row in report.rows:
        value = row.interval("H(Y|T)")
        assert value.contains(truth, 1 - 1e-6)
        assert value.upper.value < 0.75 * BIT
        assert row.interval("I(T;Y)").lower.value > 0.2
    assert "not given: I(X;T), H(T) is infinite (0, 1)" in report.table()
    bare = analyse_layers(nn.Identity(), x, labels=y, options=Options(keep=0))
    assert bare["model"].interval("I(T;Y)").lower.value == 0
    assert any(f.check == "open" and "training=Training()" in f.text for f in bare.findings)


def test_what_a_chain_makes_of_a_quantised_layer_is_finite():
    x = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    parts = [nn.Linear(6, 2), nn.Tanh(), nn.Sequential(nn.Linear(2, 40), nn.ReLU())]
    model = quantise(nn.Sequential(*parts), "1", levels=2)
    report = analyse_layers(model, x, layers=["0", "1", "2.0", "2.1", "2"])
    assert "H(T)" in report["0"].refused
    for name in ("1", "2.0", "2.1", "2"):
        assert report[name].interval("H(T)").upper.value <= 2 * BIT + 1e-9

    class Skips(nn.Sequential):
        def forward(self, x):
            return super().forward(x) + x[:, :1]

    around = quantise(Skips(nn.Linear(6, 2), nn.Tanh(), nn.Linear(2, 1)), "1", levels=2)
    assert "H(T)" in analyse_layers(around, x, layers="2")["2"].refused


def test_floats_are_continuous_wherever_they_come_from():
    x = torch.randn(50, 2)
    assert sampled_inputs(x).kind == analyse_layers(nn.Identity(), x).inputs == "continuous"
    assert sampled_inputs(x > 0).kind == sampled_inputs(x.long()).kind == "discrete"
    assert sampled_inputs(x.sign(), entropy=Estimate(2 * BIT, 0.0, "exact")).kind == "discrete"
    assert sampled_inputs(x, kind="discrete").kind == "discrete"


@pytest.mark.parametrize("n", [100, 300, 3000])
def test_values_that_are_rare_stay_inside(n):
    """One row in a hundred: all of 30 intervals of every quantity at 99.99 %."""
    h = -(0.01 * math.log(0.01) + 0.99 * math.log(0.99))
    for seed in range(30):
        x = torch.rand(n, 1, generator=torch.Generator().manual_seed(seed)) < 0.01
        row = analyse_layers(nn.Identity(), sampled_inputs(x, x[:, 0].long()))["model"]
        truth = {"H(T)": h, "I(X;T)": h, "I(T;Y)": h, "H(Y|T)": 0.0}
        for name, value in truth.items():
            assert row.interval(name).contains(value, 0.9999), (seed, name)


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [("I(X;T)", "is infinite"), ("H(T)", "is infinite"), ("H(X|T)", "is a folding entropy")],
)
def test_infinite_quantities_are_refused_with_the_ways_out(quantity, reason):
    with pytest.raises(InputError, match=f"of layer '1' {reason}.*quantise the network") as caught:
        analyse_layers(
            network(), torch.randn(50, 6), layers="1", options=Options(quantities=[quantity])
        )
    assert "with_noise" in str(caught.value)
    assert "folding_entropy" in str(caught.value)


def test_quantised_layers_of_continuous_inputs():
    model = quantise(network(), nn.Tanh, levels=2)
    row = analyse_layers(model, torch.randn(2000, 6), layers="3")["3"]
    assert set(row.quantities) == {"H(T)", "I(X;T)"}
    assert row.interval("H(T)").upper.value <= 3 * BIT + 1e-9
    declared = Setting("continuous", {"model": "quantised"})
    sign = analyse_layers(Sign(), torch.randn(500, 2), setting=declared)["model"]
    assert "I(X;T)" in sign.quantities


class Sign(nn.Module):
    def forward(self, x):
        return x.sign()


def test_noisy_layers():
    x = bits(4)
    torch.manual_seed(1)
    model = with_noise(nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 2)), "1", 0.5)
    row = analyse_layers(model, finite_inputs(x), layers="1")["1"]
    assert row.kind == "noisy"
    assert set(row.quantities) == {"I(X;T)", "H(X|T)"}
    assert 0 < row.interval("I(X;T)").middle < 4 * BIT
    with pytest.raises(InputError, match="layer '2' is part of a noisy network and has no noise"):
        analyse_layers(model, finite_inputs(x), layers="2")


def test_constant_layers_are_noted():
    model = nn.Sequential(nn.Linear(6, 2))
    nn.init.zeros_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    report = analyse_layers(model, finite_inputs(bits(6)))
    assert report["0"].interval("H(T)").middle == 0
    assert report["0"].interval("H(X|T)").middle == pytest.approx(6 * BIT)
    assert any(f.check == "constant" and "keeps nothing" in f.text for f in report.findings)


def test_bad_inputs_are_named():
    x = bits(3)
    with pytest.raises(InputError, match=r"labels of shape \[5\] .* for 8 inputs"):
        finite_inputs(x, torch.zeros(5, dtype=torch.int64))
    with pytest.raises(InputError, match="1 sample; entropies of sampled inputs need many"):
        sampled_inputs(x[:1])
    with pytest.raises(InputError, match="there are no inputs"):
        finite_inputs(x[:0])
    with pytest.raises(InputError, match=r"weights of shape \[8\] for 8 inputs; expected"):
        finite_inputs(x, weights=-torch.ones(8))
    with pytest.raises(InputError, match="labels were given beside inputs"):
        analyse_layers(nn.ReLU(), finite_inputs(x), labels=torch.zeros(8))
    with pytest.raises(InputError, match="continuous inputs were declared, the data are finite"):
        analyse_layers(nn.ReLU(), finite_inputs(x), setting=Setting("continuous"))
    with pytest.raises(InputError, match="declared a finite set; pass finite_inputs"):
        analyse_layers(nn.ReLU(), [x], setting=Setting("finite"))
    with pytest.raises(
        InputError, match=r"no quantity 'I\(T;X\)'; did you mean 'I\(T;Y\)'\? choose"
    ):
        analyse_layers(nn.ReLU(), finite_inputs(x), options=Options(quantities=["I(T;X)"]))
    with pytest.raises(InputError, match=r"H\(Y\|T\) of layer 'model' cannot .* needs labels"):
        analyse_layers(nn.ReLU(), finite_inputs(x), options=Options(quantities=["H(Y|T)"]))


def test_the_report_as_text_and_as_numbers():
    x = bits(4)
    options = Options(estimators=Estimators(range_bins=(2,)))
    report = analyse_layers(quantise(network(0, 4), "3", 2), finite_inputs(x), options=options)
    text = report.table()
    assert text.startswith("network: 16 rows, finite inputs, H(X) = 2.7725887, all in nats")
    assert "H(X|T)" in text.splitlines()[1]
    names = [quantity.name for quantity in report.quantities()]
    assert "layers.3.H(X|T)" in names
    assert "layers.3.range_bins(2).I(X;T)" in names
    with pytest.raises(KeyError):
        report["nothing"]


def test_a_report_is_a_result_with_its_control():
    model = quantise(network(0), nn.Tanh, 2)
    options = Options(untrained=True, seed=4)
    report = analyse_layers(model, bits(6), kind="finite", layers=nn.Tanh, options=options)
    fresh = analyse_layers(untrained(model, 4), bits(6), kind="finite", layers=nn.Tanh)
    assert report.control == fresh
    assert list(report.networks) == ["network", "untrained"]
    every = report.to_dict()["quantities"]
    assert [q["value"] for q in every] == [q.value for q in report.quantities()]
    found = {q["context"]["network"]: q["value"] for q in every if q["name"] == "layers.3.H(T)"}
    assert found == {n: r["3"].interval("H(T)").middle for n, r in report.networks.items()}
    text, page = report.table(), report._repr_html_()
    for name in report.networks:
        assert f"{name}: 64 rows, finite inputs" in text
        assert f"<caption>{name}: 64 rows, finite inputs" in page
    axes = report.plot().axes
    assert [one.get_ylabel() for one in axes] == ["H(X|T) (nats)", "I(X;T) (nats)"]
    drawn = {round(float(y), 9) for line in axes[0].lines for y in line.get_ydata()}
    last = {round(one["3"].interval("H(X|T)").middle, 9) for one in report.networks.values()}
    assert last <= drawn
    assert repr(report).startswith("LayerReport(layers.H(X) = 4.1588831 nats, ")


def test_nothing_to_draw_is_said():
    report = analyse_layers(network(), torch.randn(50, 6))
    assert not any(row.quantities for row in report.rows)
    with pytest.raises(InputError, match="no quantity of these layers is defined"):
        report.plot()
    assert "not given: I(X;T), H(T) is infinite" in report.table()


def test_options_that_exclude_each_other_are_named():
    for given, words in (
        ({"quantise": 2, "noise": 0.1}, "both quantise and noise were given"),
        ({"range": (0.0, 1.0)}, "range was given without quantise"),
        ({"batch_size": 0}, "batch_size is 0; expected a whole number of at least 1"),
        ({"keep": -1}, "keep is -1; expected a whole number of at least 0"),
        ({"keep": 0, "estimators": Estimators()}, "estimators work on rows kept, and keep is 0"),
    ):
        with pytest.raises(InputError, match=words):
            Options(**given)


def test_levels_and_noise_are_those_of_the_functions():
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    ranges = activation_ranges(network(), sampled_inputs(x), nn.Tanh)
    for options, changed in (
        (Options(quantise=3), quantise(network(), nn.Tanh, 3, ranges)),
        (Options(quantise=3, range=(-1.0, 1.0)), quantise(network(), nn.Tanh, 3)),
        (Options(noise=0.3, seed=2), with_noise(network(), nn.Tanh, 0.3, 2)),
    ):
        report = analyse_layers(network(), x, layers=nn.Tanh, options=options)
        assert report == analyse_layers(changed, x, layers=nn.Tanh)
        assert report.rows[0].quantities
