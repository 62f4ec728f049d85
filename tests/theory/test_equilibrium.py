"""Scale-invariant weights: equilibrium, time and angle over seeds; the callback on a real fit."""

import math

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rsmi.errors import InputError
from rsmi.learning.learn import quiet_lightning
from rsmi.theory import (
    Intrinsic,
    IntrinsicRate,
    NormalisedNet,
    Rate,
    comparable_step,
    relaxation_steps,
    scale_invariant_runs,
    settled_step,
    study_intrinsic,
    turned,
)

RATE = Rate(0.1, 0.02)
FAST = Rate(0.1, 0.05)


@pytest.fixture(scope="module")
def runs():
    """Ten runs that begin ten times too large."""
    return scale_invariant_runs(RATE, 2500, runs=10, dimension=300, start=10.0)


def test_size_angle_and_time_are_those_of_the_theory_within_a_percent(runs):
    fourth, angles = runs
    sizes = fourth[:, 1250:].mean(1)
    assert float((sizes.mean() - 1).abs()) < 0.01
    assert float((sizes - 1).abs().max()) < 0.02
    turn = angles[:, 1250:].mean(1) / RATE.angle
    assert float((turn - 1).abs().max()) < 0.01
    times = torch.tensor([relaxation_steps(run[:1250], 1.0) for run in fourth]) / RATE.steps
    assert float((times - 1).abs().max()) < 0.02
    assert float((times.mean() - 1).abs()) < 0.01
    # Another law for each of the three would have been seen.
    for wrong in (0.5, 0.99, 1.015, 2.0):
        assert not abs(float(sizes.mean()) / wrong - 1) < 0.008
        assert not abs(float(turn.mean()) / wrong - 1) < 0.008
        assert not abs(float(times.mean()) / wrong - 1) < 0.008


def test_momentum_is_a_larger_rate():
    rate = Rate(0.05, 0.02, 0.5)
    assert rate.intrinsic == pytest.approx(RATE.intrinsic)
    fourth, angles = scale_invariant_runs(rate, 2000, runs=10, dimension=300, seed=1)
    assert float(fourth[:, 500:].mean()) == pytest.approx(1.0, rel=0.01)
    assert float(angles[:, 500:].mean()) == pytest.approx(rate.angle, rel=0.01)
    assert float(angles[:, 500:].mean()) != pytest.approx(RATE.angle, rel=0.1)


def test_the_step_from_which_a_run_is_settled(runs):
    fourth, _ = runs
    scale = RATE.fourth_power(1.0)
    expected = RATE.steps * math.log(9 / 0.05)
    for run in fourth:
        u = (run[:-1] * scale).tolist()
        step = settled_step(u, [1.0] * len(u), RATE)
        assert step == pytest.approx(expected, rel=0.05)
        assert abs(float(run[step : step + 250].mean()) - 1) < 0.05
        assert settled_step(u[:400], [1.0] * 400, RATE) is None
    # Weights that stay twice too large are not in equilibrium, however long it takes.
    assert settled_step([2 * scale] * 5000, [1.0] * 5000, RATE) is None
    assert settled_step([scale] * 5000, [1.0] * 5000, RATE) == 0
    assert comparable_step(RATE, [None, 3]) is None
    assert comparable_step(RATE, [10, 3]) == 10 + math.ceil(500 * math.log(20))


def test_small_angles_are_exact():
    a = torch.tensor([1.0, 0.0], dtype=torch.float64)
    b = torch.tensor([math.cos(1e-9), math.sin(1e-9)], dtype=torch.float64)
    assert float(turned(a, b)) == pytest.approx(1e-9, rel=1e-6)
    assert float(turned(a, -a)) == pytest.approx(math.pi)


class Process(pl.LightningModule):
    """A direction, pulled at random each step; beside it a weight whose size matters."""

    def __init__(self, make=None):
        super().__init__()
        torch.manual_seed(0)
        self.free = nn.Parameter(torch.randn(1, 400, dtype=torch.float64))
        self.fixed = nn.Parameter(torch.ones(1, 2, dtype=torch.float64))
        self.make = make or (lambda p: torch.optim.SGD(p, FAST.rate, weight_decay=FAST.decay))

    def training_step(self, batch, index):
        pull = (self.free / self.free.norm() * batch[0]).sum() / 399**0.5
        return pull + self.fixed.square().sum()

    def configure_optimizers(self):
        return self.make(self.parameters())


def fit(callback, module=None, steps=1500, seed=3):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(steps, 400, generator=generator, dtype=torch.float64)
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        callbacks=[callback],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    with quiet_lightning():
        trainer.fit(module or Process(), DataLoader(TensorDataset(rows), batch_size=1))
    return callback


def test_the_callback_follows_weights_to_their_equilibrium():
    found = fit(IntrinsicRate(), steps=1200)
    assert list(found.settled) == ["free"]
    values = {q.name.rpartition(".")[2]: q for q in found.quantities()}
    assert values["fourth"].value == pytest.approx(1.0, rel=0.01)
    assert values["angle"].value == pytest.approx(FAST.angle, rel=0.01)
    start, end = 400.0**2, FAST.fourth_power(1.0)
    expected = FAST.steps * math.log((start / end - 1) / 0.05)
    assert found.settled["free"] == pytest.approx(expected, rel=0.1)
    assert found.comparable_from is None  # that is 600 steps later, and some are missing
    assert "may not yet be compared" in found.table(width=200)


def test_the_callback_says_from_when_on_curves_may_be_compared():
    module = Process()
    with torch.no_grad():
        module.free *= (FAST.fourth_power(1.0) ** 0.25) / module.free.norm()
    found = fit(IntrinsicRate(["free"]), module, steps=800)
    assert found.comparable_from == found.settled["free"] + math.ceil(200 * math.log(20))
    assert f"be compared from step {found.comparable_from} on" in found.table(width=200)


def test_what_the_callback_refuses():
    with pytest.raises(
        InputError, match=r"'fixed' is not scale-invariant: 100\.0% of its gradient"
    ):
        fit(IntrinsicRate(["fixed"]), steps=3)
    with pytest.raises(InputError, match="'weight' is no trained parameter of this module; expec"):
        fit(IntrinsicRate(["weight"]), steps=3)
    with pytest.raises(InputError, match="the optimiser is Adam with 0 sets of rates"):
        fit(IntrinsicRate(), Process(torch.optim.Adam), steps=3)
    with pytest.raises(InputError, match="weight decay 0 and momentum 0 have no equilibrium"):
        fit(IntrinsicRate(), Process(lambda p: torch.optim.SGD(p, 0.1)), steps=3)
    with pytest.raises(InputError, match="no step was taken yet"):
        IntrinsicRate().sheets()
    assert repr(IntrinsicRate()) == "IntrinsicRate()"

    class Plain(Process):
        def training_step(self, batch, index):
            return self.fixed.square().sum() + self.free.square().sum()

    with pytest.raises(InputError, match="no weight of this network is scale-invariant"):
        fit(IntrinsicRate(), Plain(), steps=3)


def test_two_networks_of_one_intrinsic_rate():
    settings = Intrinsic(
        rates=(Rate(0.1, 0.1),), seeds=4, dimension=100, times=12.0,
        network=NormalisedNet(width=8, inputs=4, batch=16, times=32.0),
    )  # fmt: skip
    found = study_intrinsic(settings)
    assert found.comparable is not None
    after = found.differences()["after"]
    assert abs(after.value) < 5 * after.error + 0.01
    names = {quantity.name for quantity in found.quantities()}
    assert names == {
        f"theory.intrinsic.{n}" for n in ("fourth", "angle", "steps", "comparable", "difference")
    }
    assert len(found.plot().axes) == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Rate(0.1, 0.0), "have no equilibrium; expected rate and decay above 0"),
        (lambda: Rate(10.0, 0.2), "below 1"),
        (lambda: Rate(0.1, 0.1, 1.0), "momentum 1.0 have no equilibrium"),
        (lambda: scale_invariant_runs(RATE, 0), "0 steps of 10 runs, start 1.0; expected"),
        (lambda: scale_invariant_runs(RATE, 5, dimension=1), "dimension 1, 5 steps"),
        (lambda: Intrinsic(times=5.0), "more than 10 times 1/"),
        (lambda: Intrinsic(rates=()), "0 rates"),
        (lambda: NormalisedNet(batch=1), "batch 1, ratio 16.0; expected"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(InputError, match=words):
        call()
