"""Quantities within what is certain: ends are cut, ordered, and never made to agree."""

import math

import pytest
import torch
from torch import nn

from rsmi.information import Estimate
from rsmi.known.networks import StateMap
from rsmi.layers import (
    Interval,
    LayerRow,
    Options,
    Training,
    analyse_layers,
    finite_inputs,
    sampled_inputs,
    with_noise,
)
from rsmi.layers.audit import disagreement_findings
from rsmi.layers.interval import Known, better, certain_quantities

BIT = math.log(2)


def between(low, high, error=0.01):
    return Interval(Estimate(low, error, "lower"), Estimate(high, error, "upper"))


def exact(value):
    return Estimate(value, 0.0, "exact")


def test_a_noisy_layer_is_cut_at_zero_and_at_what_x_has():
    found = certain_quantities({"I(X;T)": between(-0.2, 3.0)}, Known(exact(2.0), noisy=True))
    assert found["I(X;T)"] == Interval(Estimate(0, 0, "lower"), Estimate(2.0, 0, "upper"))
    assert (found["H(X|T)"].lower.value, found["H(X|T)"].upper.value) == (0.0, 2.0)
    assert "H(T)" not in found


def test_a_quantised_layer_is_cut_at_its_capacity():
    measured = {"H(T)": Estimate(1.0, 0.01, "lower"), "H(X|T)": Estimate(0.5, 0.01, "lower")}
    found = certain_quantities(measured, Known(log_capacity=2 * BIT))
    assert found["H(T)"].upper == found["I(X;T)"].upper == Estimate(2 * BIT, 0, "upper")
    assert isinstance(found["H(X|T)"], Estimate)


def test_what_is_known_of_one_quantity_bounds_the_others():
    """H(X|T) = H(X) - I(X;T), and I(T;Y) <= I(X;T), with the errors added."""
    measured = {
        "H(T)": Estimate(1.0, 0.02, "lower"),
        "H(X|T)": Interval(Estimate(0.0, 0.0, "lower"), Estimate(2.5, 0.02, "upper")),
        "H(Y|T)": between(0.0, 3.0),
        "H(X|T,Y)": Estimate(0.0, 0.0, "lower"),
    }
    known = Known(Estimate(4.0, 0.05, "estimate"), Interval(exact(5.0), exact(5.0)))
    found = certain_quantities(measured, known)
    assert found["I(X;T)"].lower.value == pytest.approx(1.5)
    assert found["I(X;T)"].lower.error == pytest.approx(0.07)
    assert found["I(X;T)"].upper == Estimate(4.0, 0.05, "upper")
    assert found["H(T)"] == found["I(X;T)"]
    assert found["I(T;Y)"].upper.value == pytest.approx(4.0)
    assert found["I(T;Y)"].lower.value == pytest.approx(2.0)
    assert found["H(Y|T)"].lower.value == pytest.approx(1.0)
    assert found["H(X|T,Y)"].upper == found["H(X|T)"].upper


def test_ends_that_scatter_are_ordered():
    crossed = between(1.01, 1.0)
    assert crossed.disagreement() == pytest.approx(0.01 / math.hypot(0.01, 0.01))
    assert (crossed.ordered().lower.value, crossed.ordered().upper.value) == (1.0, 1.01)
    above_certain = Interval(Estimate(1.01, 0.01, "lower"), Estimate(1.0, 0.0, "upper"))
    assert above_certain.ordered().lower == Estimate(1.0, 0.01, "lower")
    below_certain = Interval(Estimate(0.0, 0.0, "lower"), Estimate(-0.01, 0.01, "upper"))
    assert below_certain.ordered().upper == Estimate(0.0, 0.01, "upper")


def test_ends_that_disagree_stay_and_are_named():
    wrong = between(1.2, 1.0)
    assert wrong.ordered() == wrong
    rows = [LayerRow("a", "deterministic", 1, {"H(T)": wrong, "H(X|T)": between(0.0, 1.0)})]
    found = disagreement_findings(rows)
    assert [(f.check, f.layer) for f in found] == [("disagreement", "a")]
    assert "the lower value of H(T), 1.200(10) nats (lower bound), exceeds" in found[0].text
    crossed = LayerRow("a", "deterministic", 1, {"H(T)": between(1.01, 1.0)})
    assert not disagreement_findings([crossed])
    certain = Interval(Estimate(1.0, 0.0, "lower"), Estimate(0.9, 0.0, "upper"))
    assert certain.disagreement() == math.inf


def test_a_limit_without_error_is_used_as_it_is_and_others_only_if_they_surely_lead():
    low = Estimate(0.1, 0.1, "lower")
    assert better(low, exact(0.0), 1) == low
    assert better(low, exact(0.2), 1) == exact(0.2)
    precise, lucky = Estimate(1.0, 0.01, "upper"), Estimate(0.9, 0.1, "upper")
    assert better(precise, lucky, -1) == better(lucky, precise, -1) == precise
    assert better(precise, Estimate(0.5, 0.1, "upper"), -1).value == 0.5
    assert better(None, low, 1) == low


def test_a_wrong_entropy_of_x_is_a_finding():
    """The mutant: H(X) too small, so that the counted H(T) cannot be."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(64, (4000,), generator=generator)
    model = StateMap(torch.arange(64) // 2)
    right = analyse_layers(model, sampled_inputs(x, entropy=exact(6 * BIT)))
    wrong = analyse_layers(model, sampled_inputs(x, entropy=exact(4 * BIT)))
    assert not [f for f in right.findings if f.check == "disagreement"]
    named = [f.text for f in wrong.findings if f.check == "disagreement"]
    assert any("the lower value of H(T)" in text for text in named)
    row = wrong["model"].interval("H(T)")
    assert row.lower.value > row.upper.value


def test_labels_of_a_noisy_layer_know_the_probabilities_of_a_finite_set():
    """Nearly always the first of two inputs: Y is almost certain without looking at T."""
    x, labels = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
    model = with_noise(nn.Sequential(nn.Identity()), "0", 50.0)
    inputs = finite_inputs(x, labels, torch.tensor([0.99, 0.01]))
    options = Options(training=Training(hidden=4, epochs=2))
    row = analyse_layers(model, inputs, layers="0", options=options)["0"]
    h_y = float(torch.special.entr(torch.tensor([0.99, 0.01])).sum())
    assert row.interval("H(Y|T)").upper.value <= h_y + 1e-6
    assert row.interval("H(Y|T)").contains(h_y, 1 - 1e-6)


def test_noisy_layers_of_a_network_stay_within_what_x_has():
    torch.manual_seed(2)
    x = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    model = with_noise(nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 1)), nn.Linear, 0.02)
    with torch.no_grad():
        model[1].weight.mul_(1e-3)
    inputs = finite_inputs(x, (x.sum(1) > 0).long())
    options = Options(training=Training(hidden=8, epochs=2))
    report = analyse_layers(model, inputs, layers=["0", "1"], options=options)
    for row in report.rows:
        for name, value in row.quantities.items():
            assert 0 <= value.lower.value <= value.upper.value, (row.name, name)
        assert row.interval("I(X;T)").upper.value <= 3 * BIT
        assert row.interval("H(Y|T)").upper.value <= report.entropy_y.upper.value
    assert any("samples of a batch" in f.text for f in report.findings) is False
    assert report["0"].interval("I(X;T)").contains(3 * BIT, 1 - 1e-6)
