"""Learning on samples whose exact optimum is known: bounds hold, the optimum is reached."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import rule_information
from rsmi.lattice import Window
from rsmi.learning.data import WindowData
from rsmi.learning.learn import Learned, held_out_information, learn, make_trainer
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
