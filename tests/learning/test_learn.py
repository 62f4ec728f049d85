"""Learning on samples whose exact optimum is known: bounds hold, the optimum is reached."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.information import rule_information
from rsmi.lattice import Window
from rsmi.learning import majority
from rsmi.learning.data import WindowData
from rsmi.learning.held_out import held_out_information, held_out_sums
from rsmi.learning.learn import Learned, learn, make_trainer
from rsmi.learning.rsmi import RSMI, JointRSMI, PosteriorRSMI
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
    torch.manual_seed(0)
    data = WindowData(
        samples, WINDOW, batch_size=1024, steps_per_epoch=50, windows_per_configuration=36,
        shuffle_environments=shuffle,
    )  # fmt: skip
    return learn(model, data, make_trainer(directory, 6, 4, "cpu", progress=False))


@pytest.mark.parametrize("kind", [PosteriorRSMI, JointRSMI])
def test_learned_information_reaches_the_optimum_and_never_exceeds_it(
    kind: type[RSMI], samples: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
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
    torch.manual_seed(1)
    model = PosteriorRSMI(WINDOW, hidden=(64,))
    information = train(model, samples, tmp_path, shuffle=True).information
    assert abs(information.value) < SIGMAS * information.error
    assert information.error < 2e-3


def test_one_posterior_bounds_every_rule(samples: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = PosteriorRSMI(WINDOW, hidden=(64, 64), learning_rate=1e-2)
    train(model, samples, tmp_path)
    data = WindowData(samples, WINDOW, windows_per_configuration=36)
    solved = exact_window(SHAPE, COUPLING, (2, 2), 1)
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        table = torch.rand(16, 2, generator=generator, dtype=torch.float64) ** 3
        table /= table.sum(1, keepdim=True)
        bound = held_out_information(model, data.test_windows(), table)
        exact = float(rule_information(solved.posterior, table, solved.weights))
        assert bound.value - exact < SIGMAS * bound.error


KINDS = [(filter, bits) for filter in ("table", "linear") for bits in (1, 2)]


def train_jointly(samples: str, seed: int, directory: Path) -> Learned:
    filter, bits = KINDS[seed % len(KINDS)]
    torch.manual_seed(seed)
    model = JointRSMI(WINDOW, n_hidden=bits, hidden=(32,), learning_rate=2e-2, filter=filter)
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
    names = "rsmi.learning.rsmi.orientation"
    turned = [torch.arange(2), torch.arange(2).flip(0)] * 99  # for the predictor, for the rule
    monkeypatch.setattr(names, lambda table: turned.pop())
    with pytest.raises(AnalysisError, match=r"below by -.*take more configurations"):
        train_jointly(samples, 0, tmp_path)


def test_new_names_of_symbols_change_no_bound(samples: str) -> None:
    model = JointRSMI(WINDOW, n_hidden=2, filter="linear")
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    hard = model.filter.hardened().table()
    held_out = WindowData(samples, WINDOW, windows_per_configuration=1).test_windows()
    model.rule_table.copy_(hard)
    plain = held_out_sums(model, held_out, hard).blocks.sum(0)
    model.settle()
    assert not torch.equal(model.rule_table, hard)
    named = held_out_sums(model, held_out, model.rule_table).blocks.sum(0)
    torch.testing.assert_close(named[-2:], plain[-2:])
    torch.testing.assert_close(named[:-2], plain[:-2][model.naming])


def test_a_joint_predictor_values_its_own_rule_only(samples: str) -> None:
    held_out = WindowData(samples, WINDOW, windows_per_configuration=1).test_windows()
    with pytest.raises(InputError, match="value other rules with PosteriorRSMI"):
        held_out_information(JointRSMI(WINDOW), held_out, majority((2, 2)).table())


def test_training_and_held_out_windows_share_no_configuration(samples: str) -> None:
    data = WindowData(samples, WINDOW)
    data.setup()
    parts = [set(part.indices().tolist()) for part in data._parts]
    assert all(not (a & b) for i, a in enumerate(parts) for b in parts[i + 1 :])


def test_posterior_first_refuses_large_blocks() -> None:
    with pytest.raises(InputError, match="use JointRSMI"):
        PosteriorRSMI(Window((4, 4), 1))


def test_window_that_does_not_fit_is_refused(samples: str) -> None:
    with pytest.raises(InputError, match="take a larger lattice"):
        WindowData(samples, Window((2, 2), 3)).setup()


@pytest.mark.parametrize(
    ("arguments", "message"), [({"z2": "maybe"}, "expected 'impose' or 'allow'")]
)
def test_unknown_options_are_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PosteriorRSMI(WINDOW, **arguments)
