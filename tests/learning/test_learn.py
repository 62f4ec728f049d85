"""Learning on samples whose exact optimum is known: bounds hold, the optimum is reached."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.information import rule_information
from rsmi.lattice import Window
from rsmi.lattice.alphabet import SPIN
from rsmi.learning.data import WindowData
from rsmi.learning.held_out import held_out_information, held_out_sums
from rsmi.learning.joint import JointRSMI
from rsmi.learning.learn import Learned, learn, make_trainer
from rsmi.learning.posterior import PosteriorRSMI
from rsmi.learning.rsmi import RSMI
from rsmi.learning.rules import TableRule
from rsmi.sampling.exact import exact_window

SHAPE = (6, 6)
COUPLING = 0.4
WINDOW = Window((2, 2), buffer=1)
SIGMAS = 5.0  # one-sided false alarm below 1e-6


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Nearly independent configurations of the 6 x 6 torus."""
    from rsmi.sampling import Ising, SwendsenWang

    sampler = SwendsenWang(Ising(SHAPE, COUPLING), seed=5)
    state = sampler.initial(chains=64)
    sampler.advance(state, 0, 50)
    records = []
    for record in range(300):
        sampler.advance(state, 50 + 6 * record, 6)
        records.append(state.clone())
    path = tmp_path_factory.mktemp("samples") / "ising6.npy"
    np.save(path, torch.stack(records).transpose(0, 1).reshape(-1, *SHAPE).numpy())
    return str(path)


def train(model: RSMI, samples: str, directory: Path, shuffle: bool = False) -> Learned:
    data = WindowData(
        samples, WINDOW, batch_size=1024, steps_per_epoch=50, windows_per_configuration=36,
        shuffle_environments=shuffle,
    )  # fmt: skip
    return learn(model, data, make_trainer(directory, 6, 4, "cpu", progress=False))


@pytest.mark.parametrize("kind", [PosteriorRSMI, JointRSMI])
def test_learned_information_reaches_the_optimum_and_never_exceeds_it(
    kind: type[RSMI], samples: str, tmp_path: Path
) -> None:
    model = kind(WINDOW, hidden=(64, 64), learning_rate=1e-2)
    learned = train(model, samples, tmp_path)
    solved = exact_window(SHAPE, COUPLING, (2, 2), 1)
    _, optimum = solved.optimum(z2="impose")
    exact = solved.rule(learned.rule.table()).value
    assert learned.information.value - exact < SIGMAS * learned.information.error
    assert exact > 0.99 * optimum.value
    assert learned.information.value > 0.97 * exact - SIGMAS * learned.information.error
    assert set(learned.rule.table().flatten().tolist()) == {0.0, 1.0}


def test_null_is_zero_within_its_error(samples: str, tmp_path: Path) -> None:
    model = PosteriorRSMI(WINDOW, hidden=(64,))
    information = train(model, samples, tmp_path, shuffle=True).information
    assert abs(information.value) < SIGMAS * information.error
    assert information.error < 2e-3


def test_one_posterior_bounds_every_rule(samples: str, tmp_path: Path) -> None:
    model = PosteriorRSMI(WINDOW, hidden=(64, 64), learning_rate=1e-2)
    train(model, samples, tmp_path)
    data = WindowData(samples, WINDOW, windows_per_configuration=36)
    solved = exact_window(SHAPE, COUPLING, (2, 2), 1)
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        table = torch.rand(16, 2, generator=generator, dtype=torch.float64) ** 3
        table /= table.sum(1, keepdim=True)
        bound = held_out_information(model, data.test_windows(), TableRule(SPIN, table, (2, 2)))
        exact = float(rule_information(solved.posterior, table, solved.weights))
        assert bound.value - exact < SIGMAS * bound.error


KINDS = [(rule, symbols) for rule in ("table", "linear") for symbols in (2, 4)]


def train_jointly(samples: str, seed: int, directory: Path) -> Learned:
    rule, symbols = KINDS[seed % len(KINDS)]
    model = JointRSMI(WINDOW, symbols, hidden=(32,), learning_rate=2e-2, seed=seed, rule=rule)
    data = WindowData(
        samples, WINDOW, batch_size=1024, steps_per_epoch=60, windows_per_configuration=8, seed=seed
    )
    return learn(model, data, make_trainer(directory, 4, 4, "cpu", progress=False))


def test_joint_learning_is_right_for_every_seed(samples: str, tmp_path: Path) -> None:
    solved = exact_window(SHAPE, COUPLING, (2, 2), 1)
    for seed in range(10):
        learned = train_jointly(samples, seed, tmp_path / str(seed))
        exact = solved.rule(learned.rule.table()).value
        assert abs(learned.information.value - exact) < 3 * learned.information.error, seed
        assert exact > 0.3


def test_a_predictor_that_keeps_old_names_is_refused(
    samples: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = JointRSMI.predictions
    monkeypatch.setattr(JointRSMI, "predictions", lambda *its: told(*its).flip(-1))
    with pytest.raises(AnalysisError, match=r"below by -.*take more configurations"):
        train_jointly(samples, 0, tmp_path)


def built(samples: str, **options: Any) -> tuple[JointRSMI, WindowData]:
    data = WindowData(samples, WINDOW, windows_per_configuration=1)
    data.setup()
    model = JointRSMI(WINDOW, **options)
    model.build(data)
    return model, data


def test_new_names_of_symbols_change_no_bound(
    samples: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = built(samples, symbols=4, rule="linear")
    generator = torch.Generator().manual_seed(4)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    held_out = data.test_windows()
    found = {}
    for order in ([0, 1, 2, 3], [1, 0, 3, 2]):
        monkeypatch.setattr("rsmi.learning.joint.orientation", lambda *_, o=order: torch.tensor(o))
        model.settle(held_out.v, held_out.e)
        found[order[0]] = held_out_sums(model, held_out, model.rule()).blocks.sum(0)
    torch.testing.assert_close(found[1][-2:], found[0][-2:])
    torch.testing.assert_close(found[1][:-2], found[0][:-2][[1, 0, 3, 2]])


def test_a_joint_predictor_values_its_own_rule_only(samples: str) -> None:
    model, data = built(samples)
    other = TableRule(SPIN, torch.eye(2).repeat(8, 1), (2, 2))
    with pytest.raises(InputError, match="value other rules with PosteriorRSMI"):
        held_out_information(model, data.test_windows(), other)


def test_weights_know_their_own_seed_only(samples: str) -> None:
    """The global random state neither changes them nor is it changed."""
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(weights))
        before = torch.get_rng_state()
        model, _ = built(samples, seed=seed, rule="mlp")
        assert torch.equal(torch.get_rng_state(), before)
        weights.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_an_untrained_posterior_is_the_frequency_of_words(samples: str) -> None:
    """Below the critical temperature the words of one sign dominate; nothing else is known."""
    data = WindowData(samples, WINDOW, windows_per_configuration=16)
    data.setup()
    model = PosteriorRSMI(WINDOW)
    model.build(data)
    held_out = data.test_windows()
    model.eval()
    found = model.log_posterior(held_out.e[:5]).exp()
    marginal = model.probabilities(None, held_out.v).mean(0)
    torch.testing.assert_close(found[0].double(), marginal, atol=0.02, rtol=0)
    assert torch.equal(found, found[:1].expand(5, -1))
    assert found.max() > 3 * found.min()


def test_training_and_held_out_windows_share_no_configuration(samples: str) -> None:
    data = WindowData(samples, WINDOW)
    data.setup()
    parts = [set(part.indices().tolist()) for part in data._parts]
    assert all(not (a & b) for i, a in enumerate(parts) for b in parts[i + 1 :])


def test_posterior_first_refuses_large_blocks(tmp_path: Path) -> None:
    spins = 2 * np.random.default_rng(1).integers(0, 2, (64, 8, 8), dtype=np.int8) - 1
    np.save(tmp_path / "coins.npy", spins)
    data = WindowData(str(tmp_path / "coins.npy"), Window((4, 4), 1))
    data.setup()
    with pytest.raises(InputError, match=r"at most 1024 different words; .*use JointRSMI"):
        PosteriorRSMI(data.window).build(data)


def test_window_that_does_not_fit_is_refused(samples: str) -> None:
    with pytest.raises(InputError, match="take a larger lattice"):
        WindowData(samples, Window((2, 2), 3)).setup()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"symmetry": "imposed"}, "did you mean 'impose'"),
        ({"point_group": "maybe"}, "expected one of impose, allow, measure"),
        ({"symbols": 1}, "symbols is 1; expected 2 to 16"),
        ({"symbols": 17}, "symbols is 17; expected 2 to 16"),
        ({"rule": "tabel"}, "did you mean 'table'"),
        ({"learning_rate": -1.0}, r"learning_rate is -1\.0; expected a number above 0"),
    ],
)
def test_unknown_options_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        JointRSMI(WINDOW, **arguments)
