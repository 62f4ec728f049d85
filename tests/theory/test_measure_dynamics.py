"""Two-layer networks as measures: the flow, births and deaths, equilibrium, a user's network."""

import math

import pytest
import torch
from torch import nn

from rsmi.errors import AnalysisError, InputError
from rsmi.theory import (
    BirthDeath,
    Langevin,
    Measures,
    Particles,
    Regression,
    birth_death,
    circle_game,
    drawn_particles,
    fluctuation,
    gaussian_example,
    initial_fluctuation,
    neighbour_entropy,
    play_zero_sum,
    relu_unit,
    symmetrised,
    train_measure,
)
from rsmi.theory.measure_dynamics import kept_places

PROBLEM = gaussian_example()


def _start(replicas, n, narrow=False):
    return drawn_particles(replicas, n, torch.Generator().manual_seed(7), narrow)


def test_the_pull_of_the_example_has_a_closed_form():
    """F and K of normal units are normal densities of y, so V and the loss need no quadrature."""
    particles = _start(2, 30)
    y, c = particles.y[..., 0], particles.c

    def density(x, variance):
        return torch.exp(-x * x / (2 * variance)) / math.sqrt(2 * math.pi * variance)

    parts = ((-2.0, 0.5, 1.0), (0.0, 1.0, -2.0), (2.0, 0.5, 1.0))
    pull = sum(s * density(y - m, v + 0.5) for m, v, s in parts) / 3
    kernel = density(y[:, :, None] - y[:, None, :], 1.0)
    known = pull - (kernel @ c[..., None])[..., 0] / 30
    found, slope = PROBLEM.pull(particles)
    assert torch.allclose(found, known, atol=1e-7)
    moved = Particles(particles.y + 1e-5, c)
    frozen = Regression(
        PROBLEM.x, PROBLEM.weights, PROBLEM.target - PROBLEM.output(particles)[0], PROBLEM.unit
    )
    still = Particles(moved.y[:1], torch.zeros_like(c[:1]))
    assert torch.allclose((frozen.pull(still)[0] - found[:1]) / 1e-5, slope[:1, :, 0], atol=1e-4)
    square = sum(
        s * t * float(density(torch.tensor(m - o), v + w)) for m, v, s in parts for o, w, t in parts
    )
    cross = (c * pull).mean(1)
    own = (c[:, None] * kernel * c[..., None]).mean((1, 2))
    assert torch.allclose(PROBLEM.loss(particles), 0.5 * (square / 9 - 2 * cross + own), atol=1e-8)


def test_gradient_flow_lowers_the_loss_and_births_and_deaths_are_faster():
    start = _start(10, 60)
    runs = {name: train_measure(PROBLEM, start, 500, name) for name in ("gradient", "birth_death")}
    assert bool((runs["gradient"].losses.diff(dim=0) < 1e-9).all())
    last = {name: run.losses[-1].log().mean() for name, run in runs.items()}
    assert last["birth_death"] < last["gradient"] - 0.5
    none = train_measure(PROBLEM, start, 20, "birth_death", rate=0.0)
    assert torch.equal(none.losses, runs["gradient"].losses[:21])


def test_from_a_corner_only_refilled_particles_leave():
    start = _start(1, 200, narrow=True)
    for name in ("gradient", "birth_death"):
        assert train_measure(PROBLEM, start, 500, name).losses[-1].min() > 0.013
    left = train_measure(PROBLEM, start, 3500, "refill", goal=1e-3)
    assert bool((left.reached > 500).all())


def test_births_and_deaths_keep_the_number_and_strike_as_their_rates_say():
    generator = torch.Generator().manual_seed(0)
    particles = Particles(torch.arange(8.0).reshape(1, 8, 1).double(), torch.ones(1, 8).double())
    rates = torch.tensor([[-50.0, 50, 0, 0, 0, 0, 0, 0]]).double()
    moved = birth_death(particles, rates, generator)
    assert sorted(moved.y.flatten().tolist()) == [1, 1, 2, 3, 4, 5, 6, 7]
    refilled = birth_death(particles, rates, generator, refill=True)
    assert int((refilled.c == 0).sum()) <= 1
    assert 0.0 not in refilled.y.flatten().tolist()
    assert torch.equal(birth_death(particles, 0 * rates, generator).y, particles.y)
    struck = sum(
        0.0 not in birth_death(particles, rates / 50 * math.log(2), generator).y.flatten().tolist()
        for _ in range(2000)
    )
    # One death in two; a birth elsewhere may push it out too, in less than a tenth of the cases.
    assert 0.45 < struck / 2000 < 0.60
    everyone = kept_places(torch.arange(0), torch.zeros(5, dtype=torch.bool), generator)
    assert everyone.tolist() == list(range(5))  # all dead: nobody would be left


def test_fluctuations_are_those_of_the_closed_form_and_fall_as_one_over_n():
    found = {}
    for n in (25, 100, 400):
        run = train_measure(PROBLEM, _start(200, n), 1, keep=(0,))
        found[n] = fluctuation(PROBLEM, run.kept[0], n)
        assert abs(found[n].value - initial_fluctuation()) < 5 * found[n].error
        assert found[n].error < 0.15 * found[n].value
    outputs = torch.randn(6, len(PROBLEM.x), dtype=torch.float64)
    direct = 10 * float(outputs.var(0) @ PROBLEM.weights)
    assert fluctuation(PROBLEM, outputs, 10).value == pytest.approx(direct)
    left = [
        float(outputs[[j for j in range(6) if j != i]].var(0) @ PROBLEM.weights) * 10
        for i in range(6)
    ]
    error = math.sqrt(5 * float(torch.tensor(left).var(correction=0)))
    assert fluctuation(PROBLEM, outputs, 10).error == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("steps", [20, 600])
def test_langevin_particles_have_the_entropy_and_free_energy_of_the_normal_law(steps):
    found = Langevin().run(steps, replicas=12, seed=1)
    for value, known in (
        (found.entropy, found.exact_entropy),
        (found.energy, found.exact_energy),
        (found.mean, found.exact_mean),
    ):
        assert abs(value.value - known) < 5 * value.error + 2e-3
    mean, variance = Langevin().law(100_000)
    assert mean == pytest.approx(1 / 1.5)
    assert variance == pytest.approx(0.4, rel=0.01)
    hotter = Langevin(temperature=0.3).run(steps, replicas=12, seed=1)
    assert hotter.entropy.value > found.entropy.value


def test_entropy_of_points_is_that_of_their_law():
    normal = torch.randn(4000, 2).double().numpy()
    assert neighbour_entropy(normal) == pytest.approx(math.log(2 * math.pi * math.e), abs=0.08)
    even = torch.rand(4000, 1).double().numpy()
    assert neighbour_entropy(even) == pytest.approx(0, abs=0.08)


@pytest.mark.parametrize("symmetry", ["permutation", "sign"])
def test_symmetric_units_are_symmetric_and_learn_a_symmetric_function_better(symmetry):
    own = symmetrised(relu_unit, symmetry, 3)
    x, y = torch.randn(40, 3, dtype=torch.float64), torch.randn(10, 30, 4, dtype=torch.float64)
    image = -x if symmetry == "sign" else x[:, [2, 0, 1]]
    assert torch.allclose(own(x, y), own(image, y))
    assert not torch.allclose(relu_unit(x, y), relu_unit(image, y))

    def target(z):
        return z.sum(1).abs() if symmetry == "sign" else z.max(1).values

    start, losses = Particles(y, torch.randn(10, 30, dtype=torch.float64)), []
    new = torch.randn(300, 3, dtype=torch.float64)
    for unit in (relu_unit, own):
        train = Regression(x, torch.full((40,), 1 / 40).double(), target(x), unit)
        test = Regression(new, torch.full((300,), 1 / 300).double(), target(new), unit)
        run = train_measure(train, start, 200, dt=0.1)
        losses.append(float(test.loss(run.particles).mean()))
    assert losses[1] < losses[0]


def test_players_of_a_game_come_to_strategies_that_cannot_be_exploited():
    gaps = [play_zero_sum(circle_game, 30, steps, seed=3).exploitable for steps in (50, 800)]
    assert 0 <= gaps[1] < 0.05 < gaps[0]
    play = play_zero_sum(circle_game, 30, 200)
    assert abs(play.value) < 0.05  # the value of the game is 0
    assert float(play.weights[0].sum()) == pytest.approx(1)


def _module(units=16):
    import pytorch_lightning as pl

    class Net(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(1, units), nn.Tanh(), nn.Linear(units, 1))

        def training_step(self, batch):
            x, y = batch
            return (self.net(x) - y).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.02, momentum=0.9)

    return Net()


def _fit(module, callback, epochs=2):
    import pytorch_lightning as pl

    x = torch.linspace(-2, 2, 64)[:, None]
    data = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(x, torch.sin(3 * x)), batch_size=16
    )
    trainer = pl.Trainer(
        max_epochs=epochs, accelerator="cpu", callbacks=[callback], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, data)
    return trainer


def test_units_of_a_network_of_ones_own_are_copied_with_what_the_optimiser_remembers():
    module, callback = _module(), BirthDeath("net.0", "net.2", rate=5.0)
    trainer = _fit(module, callback)
    assert callback.replaced > 0
    assert module.net[0].weight.shape == (16, 1)
    memory = trainer.optimizers[0].state
    first, second = module.net[0], module.net[2]
    rows = torch.cat([first.weight, first.bias[:, None], second.weight.T], 1).detach()
    momenta = [memory[p]["momentum_buffer"] for p in (first.weight, first.bias, second.weight)]
    own = torch.cat([momenta[0], momenta[1][:, None], momenta[2].T], 1)
    same = (rows[:, None] == rows[None]).all(-1)
    assert int(same.sum()) > 16  # some are copies of others
    assert torch.equal(own[:, None].expand(16, 16, -1)[same], own[None].expand(16, 16, -1)[same])
    idle = BirthDeath("net.0", "net.2", rate=0.0)
    _fit(_module(), idle)
    assert idle.replaced == 0


def test_births_and_deaths_of_a_network_have_the_rates_of_the_flow():
    module, callback = _module(), BirthDeath("net.0", "net.2", rate=1.0)
    x = torch.linspace(-2, 2, 64)[:, None]
    (module.net(x) - torch.sin(3 * x)).square().mean().backward()
    callback.on_before_optimizer_step(None, module, None)
    with torch.no_grad():
        values = torch.tanh(module.net[0](x))
        left = torch.sin(3 * x) - module.net(x)
        pull = 2 * (left * values).mean(0)
    # With c = n w of the mean over units, n c dL/dc is w dL/dw times n.
    assert torch.allclose(callback._rates, 16 * module.net[2].weight[0] * pull, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Particles(torch.zeros(1, 1, 1), torch.zeros(1, 1)), "1 particles; expected at"),
        (
            lambda: Particles(torch.zeros(1, 3, 1), torch.zeros(1, 2)),
            r"expected \(replicas, n, p\)",
        ),
        (lambda: drawn_particles(2, 1, torch.Generator()), "a measure of one is a point"),
        (lambda: Measures(n=1), "1 particles; expected at least 2"),
        (lambda: Measures(sizes=(10, 20)), "expected at least 10, 4 and 3"),
        (lambda: Measures(goal=0), "goal 0"),
        (lambda: Langevin(n=1), "1 particles; expected at least 2"),
        (lambda: Langevin(temperature=0), "expected all above 0"),
        (lambda: Langevin(dt=1.0), "overshoot; expected dt below 0.667"),
        (lambda: Langevin().run(3, replicas=2), "2 replicas; expected at least 4"),
        (lambda: play_zero_sum(circle_game, 1, 5), "1 particles; expected at least 2"),
        (lambda: train_measure(PROBLEM, _start(2, 4), 5, "birth"), "did you mean 'birth_death'"),
        (lambda: train_measure(PROBLEM, _start(2, 4), 0), "0 steps of 0.01"),
        (lambda: fluctuation(PROBLEM, torch.zeros(3, 41), 5), "expected at least 4"),
        (lambda: symmetrised(relu_unit, "permutation", 9), "permutation of at most 7"),
        (
            lambda: Regression(torch.zeros(3, 1), torch.zeros(2), torch.zeros(3), relu_unit),
            r"expected \(m, d\), \(m,\) and \(m,\)",
        ),
        (lambda: BirthDeath("a", "b", rate=-1), "rate is -1; expected at least 0"),
        (
            lambda: _fit(_module(), BirthDeath("net.1", "net.2")),
            "'net.1' is no Linear of this module; expected one of net.0, net.2",
        ),
        (lambda: _fit(_module(), BirthDeath("net.2", "net.0")), "1 particles"),
        (lambda: _fit(_module(1), BirthDeath("net.0", "net.2")), "1 particles; expected at least"),
    ],
)
def test_what_no_measure_can_be_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_steps_that_are_too_large_end_in_words():
    x = torch.randn(8, 1, dtype=torch.float64)
    steep = Regression(x, torch.ones(8).double(), x[:, 0], relu_unit)
    start = Particles(torch.ones(2, 4, 2).double(), torch.ones(2, 4).double())
    with pytest.raises(AnalysisError, match="take a smaller dt"):
        train_measure(steep, start, 400, dt=1e3)
