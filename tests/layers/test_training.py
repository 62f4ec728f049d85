"""Layers trained toward an entropy: what is promised, against enumeration; and other ways."""

import math
from dataclasses import replace
from itertools import product

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch import nn

from rsmi.cli.main import main
from rsmi.errors import AnalysisError, InputError
from rsmi.information import entropy
from rsmi.lattice import Window
from rsmi.layers import (
    TRAININGS,
    Fit,
    Goal,
    LayerCallback,
    LayerReport,
    LayerwiseEntropy,
    Quantise,
    build_network,
    coded_network,
    compare_trainings,
    finite_inputs,
    phase_blocks,
    quantise,
    train_layers,
    untrained,
    window_inputs,
    with_noise,
)
from rsmi.layers.training import fit as fitting
from rsmi.layers.training import read_parts
from rsmi.layers.training.objectives import (
    EntropyGoal,
    Objective,
    code_values,
    left_out_error,
    pairwise_information,
    soft_codes,
)
from rsmi.learning.boltzmann import Boltzmann
from rsmi.learning.exact import solve_rules
from rsmi.learning.learn import quiet_lightning
from rsmi.report import read_result
from rsmi.runs.training import Architecture
from rsmi.sampling.families import System

QUICK = Fit(epochs=12, steps=16, batch_size=64, patience=20, learning_rate=0.02, restarts=1)
BITS = math.log(2)


def patterns(n=6):
    """All patterns of n spins; the label is whether an odd number of the first two is up."""
    x = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * n)
    return x, (x[:, 0] * x[:, 1] > 0).long()


def network(seed=0, units=(2, 1), inputs=6, **options):
    made = coded_network(inputs, units, **{"hidden": 16, **options})
    return untrained(made, seed)


def forgotten(found, layer, name="H(X|T)"):
    return found.report[layer].quantities[name].middle


def test_the_goal_forgets_all_but_the_label():
    x, y = patterns()
    found = train_layers(network(), x, y, kind="finite", fit=QUICK)
    for layer in ("T1", "T2"):
        assert forgotten(found, layer, "H(Y|T)") <= 0.02 * BITS
        assert forgotten(found, layer) >= 0.99 * 5 * BITS
    assert found.accuracy.value == 1
    assert found.accuracy.kind == "exact"


def test_without_the_price_of_information_a_layer_keeps_more(monkeypatch):
    def mutant(self, view, rate, unknown):
        return self.multiplier * (unknown - self.goal.slack)

    monkeypatch.setattr(EntropyGoal, "loss", mutant)
    x, y = patterns()
    found = train_layers(network(units=(4,)), x, y, kind="finite", fit=QUICK)
    assert forgotten(found, "T1", "H(Y|T)") <= 0.02 * BITS
    assert forgotten(found, "T1") < 0.95 * 5 * BITS


@pytest.mark.parametrize(
    ("method", "order"),
    [
        *((method, "greedy") for method in sorted(set(TRAININGS) - {"boltzmann", "untrained"})),
        ("entropy", "joint"),
        ("rsmi", "joint"),
    ],
)
def test_every_way_learns_what_fixes_the_label(method, order):
    x, _ = patterns(3)
    y = (x[:, 0] > 0).long()
    start = network(inputs=3, units=(2, 1))
    fresh = {name: value.clone() for name, value in start.state_dict().items()}
    quick = Fit(order=order, epochs=8, steps=12, batch_size=8, learning_rate=0.03, restarts=1)
    found = train_layers(start, x, y, kind="finite", method=method, fit=quick)
    assert forgotten(found, "T2", "H(Y|T)") < 0.02
    assert all(torch.equal(start.state_dict()[name], value) for name, value in fresh.items())
    assert list(found.network.state_dict()) == list(fresh)  # heads are gone
    assert found.report.control["T2"].quantities["H(Y|T)"].middle > 0.02
    assert found.method == method


def test_joint_training_is_one_training_and_greedy_one_for_each_layer():
    x, y = patterns(3)
    quick = Fit(epochs=2, steps=2, batch_size=8, restarts=1)
    names = {
        order: list(
            train_layers(
                network(inputs=3), x, y, kind="finite", fit=replace(quick, order=order)
            ).curves
        )
        for order in ("greedy", "joint")
    }
    assert names == {"greedy": ["T1.0", "T2.0"], "joint": ["T1_T2.0"]}


def test_greedy_training_leaves_the_layers_before_alone():
    x, y = patterns(4)
    rows = read_parts(x, y, kind="finite").learn
    net = network(inputs=4)
    module = LayerwiseEntropy(net, rows, ["T2"], fit=QUICK, frozen="T1")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    trainer_of(epochs=1).fit(module, rows.batches(QUICK, 0), rows.once())
    changed = {
        name for name, value in net.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed
    assert all(name.startswith("map2") for name in changed)


def trainer_of(epochs, *callbacks, directory=None):
    with quiet_lightning():
        return pl.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            callbacks=list(callbacks),
            enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=directory,
            log_every_n_steps=1,
        )


def test_a_trainer_of_ones_own_takes_the_module(tmp_path):
    x, y = patterns(4)
    rows = read_parts(x, y, kind="finite").learn
    module = LayerwiseEntropy(network(inputs=4), rows, fit=QUICK)
    keeper = ModelCheckpoint(tmp_path, monitor="held/merit")
    watched = LayerCallback(finite_inputs(x, y), epochs=[0, 2], attribute="network", layers="T*")
    trainer = trainer_of(2, EarlyStopping("held/merit"), keeper, watched, directory=tmp_path)
    trainer.fit(module, rows.batches(QUICK, 0), rows.once())
    assert keeper.best_model_path
    assert {"held/T1/H(T)", "held/T2/H(Y|T)", "train/T1/H(T)"} <= set(trainer.callback_metrics)
    assert [epoch for epoch, _ in watched.reports] == [0, 2]
    held = float(trainer.callback_metrics["held/T2/H(T)"])
    exact = watched.reports[-1][1]["T2"].quantities["H(T)"].middle
    assert held == pytest.approx(exact, abs=1e-5)


class _Interrupt(Callback):
    def on_validation_end(self, trainer, pl_module):
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("noise", [None, 0.3])
def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path, noise, monkeypatch):
    unmeasured = LayerReport([], "finite", 0, None, None)
    monkeypatch.setattr(fitting, "analyse_layers", lambda *given, **options: unmeasured)
    x, y = patterns(4)
    quick = Fit(epochs=4, steps=4, batch_size=8, patience=20, restarts=1)
    net = network(inputs=4, units=(2,), noise=noise)

    def train(directory, *callbacks):
        return train_layers(
            net, x, y, kind="finite", fit=quick, directory=directory, callbacks=callbacks
        )

    whole = train(tmp_path / "whole").network.state_dict()
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(tmp_path / "parts", _Interrupt())
    resumed = train(tmp_path / "parts").network.state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    again = train(tmp_path / "parts").network.state_dict()  # of a finished one nothing is done
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    with pytest.raises(InputError, match="holds a training with other settings"):
        train_layers(net, x, 1 - y, kind="finite", fit=quick, directory=tmp_path / "parts")


def test_training_stops_where_held_out_rows_gain_nothing():
    x, y = patterns(3)
    quick = Fit(epochs=50, steps=1, batch_size=8, patience=2, learning_rate=1e-12, restarts=1)
    found = train_layers(network(inputs=3, units=(1,)), x, y, kind="finite", fit=quick)
    assert len(found.curves["T1.0"]) < 10


def test_the_best_of_several_restarts_is_kept():
    x, y = patterns(4)
    quick = Fit(epochs=6, steps=8, batch_size=16, restarts=3)
    found = train_layers(network(inputs=4, units=(2,)), x, y, kind="finite", fit=quick)
    merits = [min(point["held/merit"] for point in curve) for curve in found.curves.values()]
    assert len(merits) == 3
    kept = 20 * max(forgotten(found, "T1", "H(Y|T)") - 0.01, 0) + forgotten(found, "T1", "H(T)")
    assert kept == pytest.approx(min(merits), abs=0.05)


def test_soft_codes_become_hard_ones():
    layer = Quantise(3, -1.0, 1.0)
    before = torch.linspace(-1.2, 1.2, 12).view(6, 2)
    hard, soft = (soft_codes(layer, before, s)[0] for s in (0.0, 0.02))
    assert torch.allclose(hard, soft, atol=1e-6)
    assert torch.equal(hard @ code_values(layer, 2), layer(before))
    assert torch.allclose(soft_codes(layer, before, 0.7)[0].sum(1), torch.ones(6))


def test_a_layer_of_many_codes_is_taken_in_groups():
    before = torch.randn(64, 12)
    layer = Quantise(2, -1.0, 1.0)
    groups = soft_codes(layer, before, 0.0)
    assert [g.shape[1] for g in groups] == [1024, 4]
    joint = layer(before).unique(dim=0, return_counts=True)[1] / 64
    bound = sum(float(entropy(g.mean(0).double())) for g in groups)
    assert bound >= float(entropy(joint.double()))


def test_a_layer_of_more_codes_than_can_be_listed_is_trained_through_its_head():
    x, y = patterns(4)
    quick = replace(QUICK, batch_size=16)
    wide = network(inputs=4, units=(11,))
    found = train_layers(wide, x, y, kind="finite", method="layerwise", fit=quick)
    assert forgotten(found, "T1", "H(Y|T)") < 0.02
    with pytest.raises(InputError, match="more than 1024"):
        train_layers(wide, x, y, kind="finite", method="rsmi", fit=quick)


def test_pairwise_information_bounds_that_of_a_mixture():
    f, sigma = torch.tensor([[0.0], [1.0], [1.0], [3.0]]), 0.5
    w = torch.tensor([0.1, 0.2, 0.3, 0.4])
    t = torch.linspace(-6, 9, 20001, dtype=torch.float64)[:, None]
    density = (
        torch.exp(-((t - f.T) ** 2) / (2 * sigma**2)) / math.sqrt(2 * math.pi) / sigma
    ) @ w.double()
    entropy_t = float(torch.special.entr(density).sum() * (t[1] - t[0]))
    exact = entropy_t - 0.5 * math.log(2 * math.pi * math.e * sigma**2)
    bound = float(pairwise_information(f, sigma, w))
    assert exact <= bound <= exact + 0.2
    assert bound <= float(entropy(torch.tensor([0.1, 0.5, 0.4])))


def test_leaving_out_in_closed_form_is_leaving_out():
    torch.manual_seed(1)
    t, y = torch.randn(7, 2).double(), torch.rand(7, 3).double()
    w = torch.rand(7).double()
    w = w / w.sum()
    y0 = y - w @ y
    errors = []
    for i in range(7):
        rest = [j for j in range(7) if j != i]
        k = torch.exp(-torch.cdist(t, t).square() / 4)
        noise = torch.diag(0.3**2 / (w[rest] * 7))
        mean = k[i, rest] @ torch.linalg.solve(k[rest][:, rest] + noise, y0[rest])
        errors.append((y0[i] - mean).square().sum())
    assert float(left_out_error(t, y, w, 0.3)) == pytest.approx(float(w @ torch.stack(errors)))


def test_a_machine_is_copied_into_its_layer(monkeypatch):
    kept = []

    def skip(machine, x, lesson):
        torch.manual_seed(0)
        machine.weight.data.normal_()
        machine.hidden_bias.data.normal_()
        kept.append(machine)

    monkeypatch.setattr(fitting, "_diverge", skip)
    x, y = patterns(4)
    found = train_layers(
        network(inputs=4, units=(3,), hidden=0), x, y, kind="finite", method="boltzmann"
    )
    (machine,) = kept
    assert isinstance(machine, Boltzmann)
    up = machine.seen((x > 0).to(torch.int8)) @ machine.weight + machine.hidden_bias > 0
    assert torch.equal(found.network(x) > 0, up)


def test_a_machine_learns_the_copies_in_its_input():
    bit = torch.tensor([[-1.0], [1.0]]).repeat(8, 1)
    noise = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 4)
    x = torch.cat([bit.repeat(1, 6), noise[:, :1]], 1)
    quick = Fit(epochs=20, steps=16, batch_size=64, restarts=1)
    net = network(inputs=7, units=(1,), hidden=0)
    found = train_layers(
        net, x, (bit[:, 0] > 0).long(), kind="finite", method="boltzmann", fit=quick
    )
    assert forgotten(found, "T1", "H(Y|T)") == 0


def test_a_block_spin_of_a_lattice_keeps_what_the_best_one_does():
    system = System((4, 4))
    inputs = window_inputs(system, (2, 2), 0)
    best = float(solve_rules(system, Window((2, 2), 0, None), ["optimum"], z2="allow").values[
        "optimum_any"
    ].value)  # fmt: skip
    quick = Fit(epochs=15, steps=8, restarts=4)
    net = network(inputs=4, units=(1,))
    found = train_layers(net, inputs, method="rsmi", fit=quick)
    assert forgotten(found, "T1", "I(T;Y)") >= 0.99 * best
    assert forgotten(found, "T1", "I(T;Y)") <= best + 1e-9


def test_the_environment_may_be_a_configuration():
    torch.manual_seed(2)
    x = torch.randint(0, 2, (4000, 3)).float() * 2 - 1
    environment = torch.cat([x[:, 1:2], torch.randn(4000, 2)], 1)
    with pytest.raises(InputError, match="only the method rsmi can use"):
        train_layers(network(inputs=3), x, environment, kind="discrete")
    quick = Fit(epochs=10, steps=16, batch_size=256, restarts=1)
    net = network(inputs=3, units=(1,))
    found = train_layers(net, x, environment, kind="discrete", method="rsmi", fit=quick)
    t = found.network(x)[:, 0].detach()
    assert abs(float((t * x[:, 1]).mean())) == 1
    assert found.accuracy is None


def test_phases_of_a_lattice_teach_a_layer_that_is_measured_on_blocks():
    systems = [{"shape": [4, 4], "temperature": t} for t in (1.5, 4.0)]
    phases = phase_blocks(systems, 1024)
    quick = Fit(epochs=6, steps=12, batch_size=128, learning_rate=0.02, restarts=1)
    inputs = window_inputs({"shape": [4, 4]}, (2, 2), 0)
    net = network(inputs=4, units=(1,))
    found = train_layers(net, phases, method="end_to_end", measured=inputs, fit=quick)
    assert found.accuracy.value > 0.8
    assert found.report.inputs == "finite"
    assert 0 <= forgotten(found, "T1", "I(T;Y)") < 0.61


@pytest.mark.parametrize("chains", ["independent", 2, 8])
def test_what_is_measured_was_never_seen(chains):
    x = torch.arange(400.0)[:, None].repeat(1, 2)
    y = torch.arange(400) % 2
    parts = read_parts(x, y, kind="discrete", chains=chains)
    seen = [set(rows.x[:, 0].tolist()) for rows in (parts.learn, parts.held, parts.judged)]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 400
    batch = next(parts.measured.stream(400))
    assert set(batch.x[:, 0].tolist()) == seen[2]
    assert torch.equal(batch.y, batch.x[:, 0].long() % 2)
    if chains == 8:
        assert parts.measured.chains == len({v % 8 for v in seen[2]})
        assert not {v % 8 for v in seen[2]} & {v % 8 for v in seen[0] | seen[1]}


def test_rows_by_heart_are_no_knowledge():
    torch.manual_seed(3)
    x = torch.randint(0, 2, (600, 12)).float() * 2 - 1
    y = torch.randint(0, 2, (600,))
    net = network(inputs=12, units=(4,), hidden=64)
    found = train_layers(
        net, x, y, kind="discrete", chains="independent", method="layerwise",
        fit=Fit(epochs=12, steps=10, batch_size=360, restarts=1),
    )  # fmt: skip
    assert abs(found.accuracy.value - 0.5) < 5 * found.accuracy.error
    assert found.report.n == 120


def test_certified_values_of_samples_contain_the_enumerated_ones():
    x, y = patterns()
    trained = train_layers(network(units=(3, 1)), x, y, kind="finite", fit=QUICK)
    rows = torch.randint(0, 64, (4000,), generator=torch.Generator().manual_seed(4))
    sampled = fitting.analyse_layers(
        trained.network, x[rows], labels=y[rows], kind="discrete", entropy=6 * BITS,
        layers=["T1", "T2"],
    )  # fmt: skip
    for layer, name in product(("T1", "T2"), ("H(X|T)", "H(Y|T)", "H(X|T,Y)")):
        value = sampled[layer].interval(name)
        assert value.contains(forgotten(trained, layer, name), 1 - 1e-6)


def test_a_noisy_layer_is_trained_toward_the_same_goal():
    x, _ = patterns(4)
    y = (x[:, 0] > 0).long()
    net = with_noise(
        nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1), nn.Tanh()), "3", 0.2
    )
    quick = Fit(epochs=12, steps=12, batch_size=16, learning_rate=0.02, restarts=1)
    found = train_layers(net, x, y, kind="finite", fit=quick, goal=Goal(slack=0.05))
    assert found.accuracy.value > 0.95
    known = found.report["3"].quantities["I(X;T)"]
    assert known.lower.value < 1.3 * BITS


def test_what_stands_behind_the_last_layer_is_its_head_and_stays():
    x, _ = patterns(4)
    y = (x[:, 0] > 0).long()
    body = network(inputs=4, units=(1,))
    whole = nn.Sequential(*body, nn.Linear(1, 2))
    for batch_size in (8, 16):
        quick = Fit(epochs=8, steps=12, batch_size=batch_size, learning_rate=0.03, restarts=1)
        found = train_layers(whole, x, y, kind="finite", method="end_to_end", fit=quick)
        assert torch.equal(found.network(x).argmax(1), y)


def test_users_networks_are_quantised_first():
    x, y = patterns(4)
    plain = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2), nn.Tanh())
    cases = [
        (plain, {}, "no layer of the network is quantised or noisy"),
        (nn.Linear(4, 2), {}, "put its parts into one"),
        (quantise(plain, "3", 2), {"layers": ["1"]}, "'1' is neither quantised nor noisy"),
        (quantise(plain, "3", 2), {"layers": ["9"]}, "'9' is not there"),
        (quantise(plain, "3", 2), {"method": "entropi"}, "did you mean 'entropy'"),
        (quantise(plain, "3", 2), {"method": "boltzmann"}, "one Linear with a bias"),
        (quantise(plain, "3", 2), {"seed": -1}, "seed is -1"),
    ]
    for net, options, words in cases:
        with pytest.raises(InputError, match=words):
            train_layers(net, x, y, kind="finite", **options)


@pytest.mark.parametrize(
    ("data", "labels", "words"),
    [
        (torch.ones(9, 4), None, "the data have no labels"),
        (torch.ones(3, 4), torch.tensor([0, 1, 0]), "leave 0 for one of the parts"),
        ((torch.ones(9, 2), torch.ones(9, 2)), torch.zeros(9).long(), "several tensors"),
        (torch.ones(9, 4), torch.full((9, 2), math.nan), "not finite"),
        (torch.ones(9, 4), torch.ones(8, 2), "8 environments for 9 inputs"),
    ],
)
def test_data_that_teach_nothing_are_refused(data, labels, words):
    with pytest.raises(InputError, match=words):
        train_layers(network(inputs=4), data, labels, kind="discrete", chains="independent")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Goal(slack=0.0), "goal.slack is 0.0; expected a number above 0"),
        (lambda: Goal(beta=1.0), "a layer that tells nothing is the best one"),
        (lambda: Goal(sigma=math.nan), "goal.sigma is nan"),
        (lambda: Fit(epochs=0), "fit.epochs is 0"),
        (lambda: Fit(learning_rate=-1.0), "numbers above 0"),
        (lambda: Fit(order="greedi"), "did you mean 'greedy'"),
        (lambda: coded_network(0, [1]), "0 inputs"),
        (lambda: coded_network(2, []), r"units \[\]"),
        (lambda: compare_trainings(network, None, seeds=[1]), r"seeds are \[1\]"),
        (lambda: compare_trainings(network, None, ways=["x"]), "no method 'x'"),
        (
            lambda: compare_trainings(network, None, ways=["entropy"], reference="rsmi"),
            "no way 'rsmi' to compare with",
        ),
    ],
)
def test_numbers_out_of_range_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: phase_blocks([], 64), "there are no systems"),
        (lambda: phase_blocks([{"shape": [5, 5]}], 64), "cannot be tiled"),
        (lambda: window_inputs({"shap": [4, 4]}), "expected shape, and if need be model"),
        (lambda: window_inputs({"shape": [4, 4]}, (2, 2), 3), "covers the whole torus"),
        (lambda: window_inputs({"shape": [64, 64]}), "take a smaller lattice"),
    ],
)
def test_lattices_that_teach_nothing_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_a_training_that_diverges_says_so(monkeypatch):
    monkeypatch.setattr(Objective, "loss", lambda self, view, rate, unknown: unknown * math.nan)
    x, y = patterns(3)
    with pytest.raises(AnalysisError, match=r"the loss is nan; lower fit\.learning_rate"):
        train_layers(network(inputs=3), x, y, kind="finite", method="layerwise")


@pytest.fixture(scope="module")
def compared():
    x, y = patterns(4)
    quick = Fit(epochs=4, steps=8, batch_size=16, restarts=1)
    return compare_trainings(
        lambda seed: network(seed, inputs=4, units=(3, 1)), x, y, kind="finite",
        ways=["untrained", "layerwise", "boltzmann", "entropy"], seeds=[0, 1], fit=quick,
        reference="layerwise",
    )  # fmt: skip


def test_ways_stand_beside_each_other(compared):
    assert list(compared.trained) == ["untrained", "layerwise", "entropy"]
    assert "one Linear" in compared.refused["boltzmann"]
    change = compared.difference("entropy", "T1", "H(X|T)")
    own = [forgotten(run, "T1") for run in compared.trained["entropy"]]
    other = [forgotten(run, "T1") for run in compared.trained["layerwise"]]
    assert change.value == pytest.approx(sum(own) / 2 - sum(other) / 2)
    spread = math.hypot(abs(own[0] - own[1]) / 2, abs(other[0] - other[1]) / 2)
    assert change.error == pytest.approx(spread, abs=1e-9)
    text = compared.table(120)
    assert "left out" in text
    assert "What changes against layerwise" in text
    assert f"H(X) = {4 * BITS:.5g}" in text


def test_rows_and_figure_hold_every_way(compared):
    rows = compared.rows()
    assert len(rows) == 3 * 2 * 2
    assert rows[-1]["way"] == "entropy"
    assert rows[-1]["H(X|T)"] == pytest.approx(forgotten(compared.trained["entropy"][1], "T2"))
    assert compared.csv().startswith("way,method,seed,layer,")
    drawn = compared.plot()
    labels = {text.get_text() for text in drawn.legends[0].get_texts()}
    assert labels == {"untrained", "layerwise", "entropy"}
    assert {q.name for q in compared.quantities()} >= {"layers.T1.H(X|T)", "layers.T2.accuracy"}


COMPARE = """
network: {arguments: {inputs: 4, units: [1], hidden: 8}}
lessons: {source: lessons.rows, arguments: {spins: 4}}
inputs: finite
ways:
  untrained: {method: untrained}
  goal: {method: entropy, goal: {slack: 0.02}}
  machine: {method: boltzmann}
seeds: [0, 1]
fit: {epochs: 4, steps: 8, batch_size: 16, learning_rate: 0.03, restarts: 1}
"""
LESSONS = """
import torch
from rsmi.layers import finite_inputs

def rows(spins):
    x = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * spins)
    return finite_inputs(x, (x[:, 0] > 0).long())
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lessons.py").write_text(LESSONS)
    (tmp_path / "few.yaml").write_text(COMPARE)
    return tmp_path


def test_the_command_compares_and_goes_on(here, capsys):
    assert main(["layers", "compare", "few.yaml"]) == 0
    said = capsys.readouterr().out
    assert "What layers forget, by way of training (H(X) = 2.7726, H(Y) = 0.69315)" in said
    assert "machine, left out: layer 'T1' is no layer of a Boltzmann machine" in said
    out = here / "runs" / "few"
    assert (out / "figures" / "compare.png").stat().st_size > 1000
    assert (out / "report.html").is_file()
    lines = (out / "table.csv").read_text().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("way,method,seed,layer,H(X|T)")
    names = {q.name for q in read_result(out).quantities()}
    assert {"layers.T1.optimum", "layers.T1.accuracy", "layers.T1.H(X|T,Y)"} <= names
    states = {path: path.stat().st_mtime_ns for path in out.rglob("trained.pt")}
    assert len(states) == 2
    assert main(["layers", "compare", "few.yaml", "--resume"]) == 0
    assert capsys.readouterr().out == said
    assert states == {path: path.stat().st_mtime_ns for path in out.rglob("trained.pt")}


def test_the_command_trains_what_the_library_does(here, capsys):
    settings = {"epochs": 3, "steps": 8, "batch_size": 16}
    options = [f"--fit.{name}={value}" for name, value in settings.items()]
    arguments = ["--lessons.source=lessons.rows", "--lessons.arguments.spins=4", "--seed=3"]
    shape = ["--network.arguments={inputs: 4, units: [1], hidden: 8}"]
    assert main(["layers", "train", *arguments, *shape, *options, "--out=one"]) == 0
    assert "accuracy" in capsys.readouterr().out
    x = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 4)
    net = build_network(
        "rsmi.layers.coded_network", {"inputs": 4, "units": [1], "hidden": 8}, seed=3
    )
    inputs = finite_inputs(x, (x[:, 0] > 0).long())
    found = train_layers(net, inputs, fit=Fit(**settings), seed=3)
    assert [q.value for q in read_result(here / "one").quantities()] == pytest.approx(
        [q.value for q in found.quantities()]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "few.yaml", "--seeds", "[1]"], "seeds are [1]; expected at least two"),
        (["compare", "few.yaml", "--reference", "gaol"], "did you mean 'goal'"),
        (["compare", "few.yaml", "--lessons.data", "x.npz"], "not both"),
        (["compare", "few.yaml", "--lessons.source", "lessons.none"], "there is no none"),
        (["compare", "few.yaml", "--lessons.arguments", "{size: 3}"], "give them by name"),
        (["compare", "few.yaml", "--network.arguments", "{inputs: 4}"], "cannot be made"),
        (["train", "--lessons.source=lessons.rows", "--network.noise=1"], "no output directory"),
        (["train", "few.yaml"], "is not accepted; did you mean 'goal.slack'"),
    ],
)
def test_the_command_refuses_in_words(here, capsys, arguments, words):
    assert main(["layers", *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (here / "runs" / "few").exists()


def test_a_network_of_ones_own_is_quantised_or_made_noisy():
    x = torch.randn(20, 3)
    own = Architecture("torch.nn.Sequential", {}, quantise=4, layers=("0",))
    with pytest.raises(InputError, match="no layer matches '0'"):
        own.make((x, torch.zeros(20).long()), 0)
    both = replace(own, noise=0.1)
    with pytest.raises(InputError, match="both quantise and noise"):
        both.make(x, 0)
