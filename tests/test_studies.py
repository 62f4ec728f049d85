"""The studies of layers: what they say on small settings, and what they are made of."""

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rsmi.errors import AnalysisError
from rsmi.information import Estimate
from rsmi.layers import Interval, LayerReport, LayerRow
from rsmi.report import read_result
from studies.averages import change, rise, signed
from studies.ising_phases.networks import Bit, block_rule, cnn, mlp
from studies.ising_phases.phases import enumerated, posterior, sampled
from studies.training import Fit, Labelled, Learners, keep_variance, train_together
from studies.twelve_bits.networks import (
    all_patterns,
    icosahedron,
    label_probability,
    network,
    power,
    read_mat,
)
from studies.twelve_bits.settings import Kind

Rsmi = Callable[..., Any]

TWELVE = """
study: studies.twelve_bits
activations: [tanh]
initial: [pytorch]
widths: [8, 6]
seeds: 3
at: [0, 20]
fit: {epochs: 20, batch_size: 256, learning_rate: 0.02}
levels: [8, 2]
kernel_rows: 256
"""
ISING = """
study: studies.ising_phases
sizes: [4]
seeds: 2
fit: {epochs: 1, batch_size: 65536, learning_rate: 1.0e-6}
"""
"""So few and small steps that all networks stay odd, and none is left out."""
DIGITS = """
study: studies.digits
levels: [2]
noise: []
seeds: 2
at: [0, 1, 2]
fit: {epochs: 2, batch_size: 64, learning_rate: 0.01}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def study(rsmi: Rsmi, here: Path, text: str) -> Any:
    (here / "study.yaml").write_text(text)
    said = rsmi("layers", "study.yaml")
    assert said.code == 0, said.err
    assert "<table" in (here / "runs" / "study" / "report.html").read_text()
    return said, read_result(here / "runs" / "study")


def test_the_twelve_bit_study_says_what_it_saw(rsmi: Rsmi, here: Path) -> None:
    said, result = study(rsmi, here, TWELVE)
    claim = result.find("layers.claim.untrained.tanh_pytorch")
    assert claim.context["verdict"] in ("seen", "not seen", "opposite")
    number = signed(Estimate(claim.value, claim.error, "estimate"))
    assert f"{number} {claim.context['verdict']}" in said.out.replace("\N{NO-BREAK SPACE}", " ")
    exact = [q for q in result.quantities() if q.name == "layers.T1.H(X|T)"]
    assert {(q.context["epoch"], q.context.get("levels")) for q in exact} == {
        (epoch, levels) for epoch in (0, 20) for levels in (None, 8, 2)
    }
    names = {q.name for q in result.quantities()}
    assert {"layers.T2.bins(0.07).I(X;T)", "layers.T2.kernel(0.1,upper).I(X;T)"} <= names
    page = (here / "runs" / "study" / "report.html").read_text()
    assert page.count("<caption>") == 4


def test_the_ising_study_shows_rg_layers_exactly(rsmi: Rsmi, here: Path) -> None:
    _, result = study(rsmi, here, ISING)
    found = {
        q.context["network"]: q
        for q in result.quantities()
        if q.name == "layers.T1.H(X|T)" and q.context["size"] == 4
    }
    assert found["decimation"].kind == "exact"
    assert found["decimation"].value == pytest.approx(2.963934, abs=1e-5)
    assert found["majority"].value > found["decimation"].value
    assert set(found) >= {"RSMI", "MLP", "CNN", "MLP untrained"}
    kept = {q.context["network"]: q for q in result.quantities() if q.name == "layers.T1.I(T;E)"}
    compared = [kept["RSMI"], kept["decimation"]]
    compared += [q for q in result.quantities() if q.name.startswith("information.exact.")]
    assert len(compared) == 6
    for quantity in compared:
        assert quantity.value == pytest.approx(quantity.reference, abs=1e-6)
    assert kept["CNN"].value <= kept["RSMI"].value + 0.01
    assert "MLP" not in kept


def test_the_digits_study_has_all_variants(rsmi: Rsmi, here: Path) -> None:
    pytest.importorskip("sklearn")
    said, result = study(rsmi, here, DIGITS)
    variants = {q.context.get("variant") for q in result.quantities()}
    assert variants >= {"as it is", "2 levels", "epoch 1", "2 levels, untrained"}
    assert "as it is" in said.out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("seeds: 1", "needs at least 2"),
        ("at: [1, 3]", "begin with 0"),
        ("at: [0, 2]", "make them equal"),
        ("levels: []", "levels is empty"),
        ("widths: [4]", "at least 2 hidden layers"),
        ("mat: none.mat", "there is no file none.mat"),
        ("mat: bits.npz", "is no readable .mat file"),
        ("steepness: -1.0", "expected a number above 0"),
    ],
)
def test_studies_refuse_settings(change: str, words: str, rsmi: Rsmi, here: Path) -> None:
    np.savez("bits.npz", x=np.zeros(3))
    key = change.split(":")[0]
    kept = [line for line in TWELVE.splitlines() if not line.startswith(key)]
    (here / "study.yaml").write_text("\n".join([*kept, change]))
    said = rsmi("layers", "study.yaml")
    assert said.code == 2, said.err
    assert words in said.err


def test_a_study_that_is_nowhere_teaches_where_they_are(rsmi: Rsmi, here: Path) -> None:
    """As with an installed wheel, whose user has no clone."""
    (here / "study.yaml").write_text("study: twelve_bits\n")
    said = rsmi("layers", "study.yaml")
    assert said.code == 2
    assert "there is no study 'twelve_bits' (No module named 'twelve_bits')" in said.err
    assert "stand beside its configs and are not installed: run them in a clone" in said.err
    (here / "studies").mkdir()
    (here / "studies" / "twelve_bits.py").touch()
    assert "did you mean 'studies.twelve_bits'?" in rsmi("layers", "study.yaml").err


def test_a_module_that_is_no_study_is_told_what_one_has(rsmi: Rsmi, here: Path) -> None:
    said = rsmi("layers", "--study", "json.decoder", "--out", "out")
    assert said.code == 2
    assert "json.decoder is no study: it has no Settings and no run" in said.err


def test_a_study_of_ones_own_is_a_module(
    rsmi: Rsmi, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(here)
    (here / "own_study.py").write_text(
        "from dataclasses import dataclass\n"
        "from rsmi.report import Page, Quantity\n"
        "@dataclass(frozen=True)\n"
        "class Settings:\n"
        "    study: str = 'own_study'\n"
        "    seed: int = 3\n"
        "class Found(Page):\n"
        "    title = 'One number'\n"
        "    def quantities(self):\n"
        "        return [Quantity('layers.study.one', 1.0, 0.1, 'estimate', '1')]\n"
        "    def figures(self, directory):\n"
        "        return []\n"
        "def run(settings, output, workers):\n"
        "    return Found()\n"
    )
    said = rsmi("layers", "--study", "own_study", "--out", "out")
    assert said.code == 0, said.err
    assert read_result(here / "out").find("layers.study.one").value == 1.0
    assert "One number" in (here / "out" / "report.html").read_text()


def test_original_data_are_read(tmp_path: Path) -> None:
    from scipy.io import savemat

    x, p = all_patterns(), label_probability(all_patterns())
    savemat(tmp_path / "u.mat", {"F": (x.numpy() + 1) / 2, "y": p.numpy()[None]})
    patterns, labels = read_mat(str(tmp_path / "u.mat"))
    assert torch.equal(patterns, x)
    assert torch.equal(labels, p)


def test_the_rule_of_the_sphere_is_invariant() -> None:
    turn = icosahedron() @ np.roll(np.eye(3), 1, axis=0)  # a rotation by 120 degrees
    order = (turn @ icosahedron().T).argmax(1)
    x = all_patterns()
    assert sorted(order) == list(range(12))
    assert torch.allclose(power(x), power(x[:, order]))
    assert not torch.allclose(power(x), power(x[:, torch.arange(12).roll(1)]))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_initial_weights_keep_the_signal_or_let_it_shrink(activation: Any) -> None:
    sizes = {}
    for initial in ("preserving", "pytorch"):
        net = network((64, 64, 64, 64), Kind(activation, initial))
        x = all_patterns()[torch.arange(0, 4096, 16)]
        # What depends on the input is what a finite resolution has to tell apart.
        sizes[initial] = [
            float(net[: 2 * layer](x).detach().std(0).square().mean().sqrt())
            for layer in range(1, 5)
        ]
    assert sizes["preserving"][-1] > 0.4 * sizes["preserving"][0]
    assert all(b < 0.7 * a for a, b in pairwise(sizes["pytorch"]))


def test_variance_is_kept_with_zero_biases() -> None:
    layer = keep_variance(nn.Sequential(nn.Linear(400, 300)), "relu")[0]
    assert isinstance(layer, nn.Linear)
    assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert not layer.bias.any()


def labelled() -> Labelled:
    x = torch.randn(512, 3, generator=torch.Generator().manual_seed(1))
    return Labelled(x, (x[:, 0] > 0).long())


def test_networks_side_by_side_learn_as_if_alone() -> None:
    data, fit = labelled(), Fit(1, 512, 1e-2)
    both = train_together(lambda: nn.Linear(3, 2), (5, 6), data, fit, (1,))[1]
    alone = train_together(lambda: nn.Linear(3, 2), (6,), data, fit, (1,))[1]
    for one, other in zip(both[1].parameters(), alone[0].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_training_that_diverges_is_named() -> None:
    data = labelled()
    broken = Labelled(data.x * torch.inf, data.y)
    with pytest.raises(AnalysisError, match=r"diverged in epoch 1 .* lower fit\.learning_rate"):
        train_together(lambda: nn.Linear(3, 2), (0,), broken, Fit(1, 64, 1e-2), (1,))


def test_only_networks_that_learned_are_averaged() -> None:
    learners = Learners([0.99, 0.52, 0.95])
    assert learners.places == [0, 2]
    assert learners.quantity(network="a").value == 2
    with pytest.raises(AnalysisError, match=r"1 of 2 networks \(a\) learned the task"):
        Learners([0.99, 0.52]).check("a")


def report(*values: float) -> LayerReport:
    rows = [
        LayerRow(f"T{place}", "deterministic", 1, {"H(X|T)": Interval.exact(value)})
        for place, value in enumerate(values, start=1)
    ]
    return LayerReport(rows, "finite", 4, None, None)


def test_changes_are_taken_seed_by_seed() -> None:
    before, after = [report(0.0, 1.0), report(5.0, 9.0)], [report(1.0, 2.0), report(6.5, 10.5)]
    moved = change(before, after, ["T1", "T2"], "H(X|T)")
    assert (moved.value, moved.error) == (pytest.approx(1.25), pytest.approx(0.25))
    risen = rise(before, "T1", "T2", "H(X|T)")
    assert (risen.value, risen.error) == (pytest.approx(2.5), pytest.approx(1.5))


def test_bits_pass_gradients_on_and_are_bits_when_measured() -> None:
    x = torch.tensor([0.3, -2.0, 0.0], requires_grad=True)
    (Bit()(x) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 2.0, 3.0]
    soft = Bit(soft=True)
    assert torch.equal(soft(x), x)
    assert soft.eval()(x).tolist() == [1.0, -1.0, 1.0]


def test_binary_networks_learn_through_their_bits() -> None:
    phases = enumerated((4, 4), (0.2, 0.6))
    kept = train_together(lambda: mlp(4), (0, 1), phases.data, Fit(1, 16384, 1e-2), (0, 1))
    first, last = (kept[epoch][1].get_submodule("first.1").weight for epoch in (0, 1))
    assert not torch.equal(first, last)


def test_the_rule_of_a_block_is_that_of_the_network() -> None:
    net = cnn(4).eval()
    table = block_rule(net, 4)
    x = torch.randn(200, 4, 4).sign()
    index = (x[:, :2, 2:].flatten(1) > 0).long() @ (2 ** torch.arange(4))
    bits = net[:3](x)
    assert torch.equal(table[index, 1] > 0.5, bits[:, 1] > 0)
    assert torch.equal(table.sum(1), torch.ones(16, dtype=torch.float64))


def test_sampled_phases_agree_with_enumeration() -> None:
    couplings = (1 / 2.0, 1 / 2.6)
    exact, found = enumerated((4, 4), couplings), sampled((4, 4), couplings, 2048, seed=3)
    for known, value in ((exact.inputs.entropy, found.inputs.entropy), (exact.best, found.best)):
        assert known is not None
        assert value is not None
        assert 0 < value.error < 0.02
        assert abs(value.value - known.value) < 5 * value.error
        assert abs(value.value + 0.1 - known.value) > 5 * value.error


def test_the_posterior_of_phases_is_that_of_boltzmann_weights() -> None:
    phases = enumerated((4, 4), (0.2, 0.6))
    weights = phases.data.weights
    assert weights is not None
    joint = weights.view(2, -1)
    p = posterior(phases.data.x[: joint.shape[1]], (4, 4), (0.2, 0.6))
    torch.testing.assert_close(p, (joint / joint.sum(0)).T)
