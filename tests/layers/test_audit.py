import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers import (
    Estimators,
    LayerRow,
    Options,
    analyse_layers,
    finite_inputs,
    independent_labels,
    over_seeds,
    quantise,
    sampled_inputs,
    scale_sweep,
    scale_verdict,
    shuffled_labels,
    untrained,
)
from rsmi.layers.audit import Ceiling, beyond_findings, ceiling_findings, data_processing_findings
from rsmi.layers.estimators import estimator_limits
from rsmi.layers.functions import check_functions
from rsmi.layers.interval import Interval
from rsmi.layers.probe import Probe

BIT = math.log(2)


def bits(n):
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=n)))


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2), nn.Tanh())


def test_ceilings_are_flagged():
    x = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0))
    fine = Options(estimators=Estimators(fixed_widths=(1e-6,)))
    report = analyse_layers(quantise(nn.Identity(), None, levels=2), x, options=fine)
    assert "width x ln(levels) of the 2 units" in report.findings[0].text
    report = analyse_layers(nn.Identity(), x, options=fine)
    texts = [f.text for f in report.findings if f.check == "ceiling"]
    assert any(t.startswith("bins(1e-06).I(X;T)") and "N = 2000 rows used" in t for t in texts)
    coarse = Options(estimators=Estimators(fixed_widths=(1.0,)))
    assert not analyse_layers(nn.Identity(), x, options=coarse).findings


def test_label_ceiling():
    """A number of samples may be stopped by ln K; an exact one is what it is."""
    x = bits(6)
    inputs = finite_inputs(x, (x[:, 0] > 0).long())
    assert not analyse_layers(nn.Identity(), inputs).findings
    binned = Options(estimators=Estimators(range_bins=(2,)))
    texts = [f.text for f in analyse_layers(nn.Identity(), inputs, options=binned).findings]
    assert any("(2).I(T;Y)" in t and "ln K (K = 2 labels)" in t for t in texts)


def test_estimators_stop_at_the_rows_that_they_use():
    """Kernels use 2000 of 3000 rows and Renyi 500, and so are stopped by ln 2000 and ln 500."""
    x = torch.randn(3000, 8, generator=torch.Generator().manual_seed(0))
    fine = Options(estimators=Estimators(kernel_sigmas=(1e-4,), renyi=True))
    report = analyse_layers(nn.Identity(), finite_inputs(x), options=fine)
    texts = [f.text for f in report.findings if f.check == "ceiling"]
    assert any(t.startswith("kernel") and "N = 2000 rows used" in t for t in texts)
    values = report["model"].estimators
    assert values["kernel(0.0001,upper).I(X;T)"].value == pytest.approx(math.log(2000))
    assert values["renyi.I(X;T)"].value < math.log(500)
    near = LayerRow("a", "deterministic", 1, {}, {}, {"renyi.I(X;T)": estimate(math.log(500))})
    ceilings = estimator_limits(np.full(3000, 1 / 3000), fine.estimators)
    limits = [Ceiling(text, limit, (name,)) for name, (text, limit) in ceilings.items()]
    assert "N = 500 rows used" in ceiling_findings([near], limits)[0].text


def estimate(value, error=0.0):
    return Estimate(value, error, "estimate")


def test_estimates_beyond_the_entropies_are_named():
    names = {"bins(1).I(X;T)": 2.0, "renyi.I(X;T)": 1.1, "nearest_neighbour.I(T;Y)": 0.9}
    values = {name: estimate(value, 0.01) for name, value in names.items()}
    row = LayerRow("a", "deterministic", 1, {}, {}, values)
    found = beyond_findings([row], Estimate(1.09, 0.0, "exact"), Interval.exact(0.7))
    assert [f.text.split(" = ")[0] for f in found] == ["bins(1).I(X;T)", "nearest_neighbour.I(T;Y)"]
    assert "exceeds H(X) = 1.09, as no layer can" in found[0].text
    assert not beyond_findings([row], None, None)
    noisy = LayerRow("a", "noisy", 1, {}, {}, {"bins(1).H(T)": estimate(2.0)})
    assert not beyond_findings([noisy], Estimate(1.0, 0.0, "exact"), None)


def row(name, value, **estimators):
    return LayerRow(name, "deterministic", 1, {"I(X;T)": value}, {}, estimators)


def test_information_that_comes_back_is_counted():
    sure = [row("a", Interval.exact(1.0)), row("b", Interval.exact(2.0))]
    found = data_processing_findings(sure)
    assert len(found) == 1
    assert found[0].layer == "b"
    assert "I(X;T) rises by 1 nats after 'a'" in found[0].text
    assert not data_processing_findings(sure[::-1])
    wide = Interval(Estimate(0.5, 0.1, "lower"), Estimate(2.5, 0.1, "upper"))
    assert not data_processing_findings([row("a", Interval.exact(1.0)), row("b", wide)])


def test_estimators_break_data_processing_and_exact_values_do_not():
    """A layer that only multiplies gains entropy in bins of fixed width."""
    x = torch.randn(500, 2)
    wider = nn.Linear(2, 2, bias=False)  # a bias per unit would move the common range of the bins
    with torch.no_grad():
        wider.weight.copy_(4 * torch.eye(2))  # a power of two moves no value across an edge
    model = nn.Sequential(nn.Tanh(), wider)
    options = Options(estimators=Estimators(fixed_widths=(0.5,), range_bins=(8,)))
    found = analyse_layers(model, finite_inputs(x), options=options).findings
    texts = [f.text for f in found if f.check == "data processing"]
    assert any(text.startswith("bins(0.5).I(X;T) rises") for text in texts)
    assert not any(text.startswith(("H(", "I(", "range_bins")) for text in texts)


def test_a_sweep_decides_only_if_all_scales_agree():
    up, down = Estimate(0.5, 0.1, "estimate"), Estimate(-0.5, 0.1, "estimate")
    flat = Estimate(0.1, 0.1, "estimate")
    assert scale_verdict({1: down, 2: down}) == "compresses"
    assert scale_verdict({1: up, 2: up}) == "expands"
    assert scale_verdict({1: flat, 2: flat}) == "unchanged"
    assert scale_verdict({1: down, 2: flat}) == "depends on the scale"
    with pytest.raises(InputError, match="a sweep over 1 scale; give at least 2"):
        scale_verdict({1: up})


def test_a_sweep_over_bins_of_a_saturating_layer():
    """Tanh units driven to +-1 lose entropy in coarse bins and gain it in none."""
    x = torch.randn(400, 2)
    soft, hard = nn.Tanh(), nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    with torch.no_grad():
        hard[0].weight.copy_(50 * torch.eye(2))
        hard[0].bias.zero_()
    options = Options(estimators=Estimators(fixed_widths=(0.05, 0.5), kernel_sigmas=(0.05, 0.5)))
    early = analyse_layers(soft, finite_inputs(x), options=options)["model"]
    late = analyse_layers(hard, finite_inputs(x), layers="1", options=options)["1"]
    assert set(scale_sweep(early, late, "bins")) == {0.05, 0.5}
    assert scale_verdict(scale_sweep(early, late, "kernel")) == "compresses"
    with pytest.raises(InputError, match="share no estimator of the family 'range_bins'"):
        scale_sweep(early, late, "range_bins")


def test_seed_error_and_estimator_error_stay_apart():
    average = over_seeds([Interval.exact(1.0), Interval.exact(3.0)])
    assert (average.mean, average.estimator_error, average.seed_error) == (2.0, 0.0, 1.0)
    (told,) = average.quantities()
    assert (told.value, told.error, told.context["n"], told.kind) == (2.0, 1.0, 2, "estimate")
    assert "layers.seeds.mean" in average.table()
    wide = Interval(Estimate(1.0, 0.0, "lower"), Estimate(2.0, 0.0, "upper"))
    assert over_seeds([wide, wide]).half_width == 0.5
    with pytest.raises(InputError, match="1 seed; the spread between seeds needs at least 2"):
        over_seeds([wide])


def test_shuffled_labels_give_nothing():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(8, (20_000,), generator=generator)
    inputs = sampled_inputs(x, x // 2)
    honest = analyse_layers(nn.Identity(), inputs)["model"].interval("I(T;Y)")
    null = analyse_layers(nn.Identity(), shuffled_labels(inputs))["model"].interval("I(T;Y)")
    assert honest.contains(2 * BIT, 1 - 1e-6)
    assert not honest.contains(0.0, 1 - 1e-6)
    assert null.contains(0.0, 1 - 1e-6)
    assert null.upper.value < 0.01


def test_independent_labels_give_exactly_nothing():
    x = bits(4)
    inputs = independent_labels(finite_inputs(x, (x.sum(1) > 0).long()))
    found = analyse_layers(nn.Identity(), inputs)["model"]
    assert found.interval("I(T;Y)").middle == pytest.approx(0, abs=1e-12)
    assert found.interval("H(X|T)").middle == 0


def test_controls_refuse_what_they_cannot_do():
    x = bits(3)
    with pytest.raises(InputError, match="use independent_labels"):
        shuffled_labels(finite_inputs(x, torch.zeros(8, dtype=torch.int64)))
    with pytest.raises(InputError, match="use shuffled_labels"):
        independent_labels(sampled_inputs(x))
    with pytest.raises(InputError, match="the inputs have no labels"):
        shuffled_labels(sampled_inputs(x))

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

    with pytest.raises(InputError, match=r"module '0' has weights \(weight\) that no reset"):
        untrained(nn.Sequential(Own()))


def test_an_untrained_network_depends_on_its_seed_alone():
    model = network()
    one, same, other = untrained(model, 1), untrained(model, 1), untrained(model, 2)
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)
    assert not torch.equal(one[0].weight, model[0].weight)


def test_rounding_that_depends_on_the_batch_is_seen():
    class Rank(nn.Module):
        """A layer that adds a trace of the place in the batch."""

        def forward(self, x):
            return x + 1e-6 * torch.arange(len(x))[:, None]

    x = bits(3)
    with Probe(Rank()) as probe:
        assert check_functions(probe, x)["model"] > 0.9
    report = analyse_layers(Rank(), finite_inputs(x))
    text = next(f.text for f in report.findings if "rows change in their last digits" in f.text)
    assert "network.double() and inputs in float64; --dtype float64 in the command" in text


def test_intervals():
    a = Interval(Estimate(1.0, 0.1, "lower"), Estimate(2.0, 0.1, "upper"))
    cut = a.above(Estimate(1.5, 0.0, "exact")).below(Estimate(1.8, 0.0, "exact"))
    assert (cut.lower.value, cut.upper.value) == (1.5, 1.8)
    assert Interval.around(Estimate(1.0, 0.0, "exact")).is_exact
    assert str(Interval.exact(2.0)) == "2 nats (exact)"
    with pytest.raises(InputError, match="expected a lower"):
        Interval(Estimate(1.0, 0.1, "upper"), Estimate(2.0, 0.1, "upper"))
    with pytest.raises(InputError, match="an interval from nats to bits"):
        Interval(Estimate(1.0, 0.1, "lower"), Estimate(2.0, 0.1, "upper", "bits"))
    with pytest.raises(InputError, match="expected a probability"):
        a.at(1.5)
