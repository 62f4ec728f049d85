"""Windows from a running sampler: fresh, repeatable, never from held-out chains; bounded memory."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.lattice import Window
from rsmi.learning.data import WindowData
from rsmi.learning.learn import learn, make_trainer
from rsmi.learning.posterior import PosteriorRSMI
from rsmi.learning.prefetch import Prefetch
from rsmi.learning.streaming import StreamingWindowData
from rsmi.learning.windowed import TEST, VALIDATION
from rsmi.sampling import Ising, SwendsenWang
from rsmi.sampling.exact import exact_window
from rsmi.sampling.families.planes import up
from rsmi.storage import SampleRecipe, generate, open_samples
from rsmi.storage.base import BaseSamples

SHAPE, COUPLING = (6, 6), 0.4
WINDOW = Window((2, 2), buffer=1)
SIGMAS = 5.0  # one-sided false alarm below 1e-6


def streaming(**changes: Any) -> StreamingWindowData:
    options: dict[str, Any] = {
        "chains": 32, "held_out_chains": 9, "held_out_records": 6, "batch_size": 64,
        "steps_per_epoch": 12, "steps_per_refresh": 5, "windows_per_configuration": 8, "thin": 2,
        "equilibration": 30,
    }  # fmt: skip
    return StreamingWindowData(
        SwendsenWang(Ising(SHAPE, COUPLING), seed=4), WINDOW, **(options | changes)
    )


def epochs(data: StreamingWindowData | WindowData, count: int) -> list[torch.Tensor]:
    data.setup("fit")
    loader = data.train_dataloader()
    batches = [torch.cat([v, e], 1) for _ in range(count) for v, e in loader]
    data.teardown("fit")
    return batches


def test_learning_straight_from_the_sampler_reaches_the_optimum(tmp_path: Path) -> None:
    data = streaming(
        chains=128, held_out_chains=96, held_out_records=60, batch_size=1024, steps_per_epoch=50,
        windows_per_configuration=36, equilibration=50, thin=5,
    )  # fmt: skip
    model = PosteriorRSMI(WINDOW, hidden=(64, 64), learning_rate=1e-2)
    learned = learn(model, data, make_trainer(tmp_path, 6, 4, "cpu", progress=False))
    solved = exact_window(SHAPE, COUPLING, (2, 2), 1)
    exact = solved.rule(learned.rule.table()).value
    assert learned.information.value - exact < SIGMAS * learned.information.error
    assert exact > 0.99 * solved.optimum(z2="impose")[1].value
    assert learned.information.value > 0.97 * exact - SIGMAS * learned.information.error


def test_the_null_is_zero(tmp_path: Path) -> None:
    data = streaming(
        chains=128, held_out_chains=96, held_out_records=30, batch_size=1024, steps_per_epoch=40,
        windows_per_configuration=36, shuffle_environments=True,
    )  # fmt: skip
    model = PosteriorRSMI(WINDOW, hidden=(32,))
    information = learn(
        model, data, make_trainer(tmp_path, 3, 4, "cpu", progress=False)
    ).information
    assert abs(information.value) < SIGMAS * information.error
    assert information.error < 5e-3


def test_equal_seeds_give_equal_batches_whatever_the_pace() -> None:
    first = epochs(streaming(), 3)
    slow = streaming()
    slow.setup("fit")
    again = []
    loader = slow.train_dataloader()
    for _ in range(3):
        for v, e in loader:
            time.sleep(0.002)
            again.append(torch.cat([v, e], 1))
    slow.teardown("fit")
    assert len(first) == len(again) == 36
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(torch.stack(first), torch.stack(epochs(streaming(seed=1), 3)))


def test_a_second_fit_sees_the_same_stream() -> None:
    data = streaming()
    first, second = epochs(data, 1), epochs(data, 1)
    assert torch.equal(torch.stack(first), torch.stack(second))


def test_the_windows_are_those_of_the_chain() -> None:
    """Refresh r shows the state after equilibration, held-out records and r + 1 times thin."""
    data = streaming()
    got = epochs(data, 1)
    sampler = SwendsenWang(Ising(SHAPE, COUPLING), seed=4)
    state = sampler.initial(9 + 32)
    sampler.advance(state, 0, 30)
    held_out, pool_state = state[:9].clone(), state[9:].clone()
    records = []
    for record in range(6):
        sampler.advance(held_out, 30 + 2 * record, 2)
        records.append(held_out.clone())
    for refresh in range(2):
        sampler.advance(pool_state, 42 + 2 * refresh, 2)
        pool, generator = data.pool(up(pool_state), 0), data.generator(0, refresh)
        for step in range(5):
            expected = torch.cat(pool.draw(64, generator), 1)
            assert torch.equal(got[5 * refresh + step], expected)
    kept = torch.stack(records)
    validation, test = data.held_out(VALIDATION), data.held_out(TEST)
    assert torch.equal(validation[0], up(kept[:, :3].flatten(0, 1)))
    assert torch.equal(test[0], up(kept[:, 3:].flatten(0, 1)))
    assert len(test[1]) == len(test[0])


def test_held_out_windows_never_change() -> None:
    data = streaming()
    before = data.test_windows()
    epochs(data, 2)
    after = data.test_windows()
    assert torch.equal(before.v, after.v)
    assert torch.equal(before.e, after.e)


def test_measured_thin_and_equilibration_are_reported() -> None:
    data = streaming(thin=None, equilibration=None)
    data.setup("fit")
    assert data.report.equilibrated
    assert str(data.report).startswith("equilibrated: ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chains": 0}, "chains is 0; expected a whole number of at least 1"),
        ({"held_out_chains": 1}, "held_out_chains is 1; expected at least 2"),
        ({"held_out_records": 0}, "held_out_records is 0; expected"),
        ({"steps_per_refresh": 0}, "steps_per_refresh is 0; expected"),
        ({"batch_size": 0}, "batch_size is 0; expected"),
    ],
)
def test_numbers_out_of_range(changes: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        streaming(**changes)


def test_a_window_that_does_not_fit() -> None:
    with pytest.raises(InputError, match="does not fit the 4x4 cells"):
        StreamingWindowData(SwendsenWang(Ising((4, 4), 0.4), 1), Window((2, 2), buffer=3))


def test_the_thread_ends_with_the_fit() -> None:
    before = threading.active_count()
    epochs(streaming(), 1)
    assert threading.active_count() == before


def test_what_goes_wrong_in_the_thread_is_raised_at_its_place() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise InputError("the sampler broke")

    ahead = Prefetch(failing(), depth=4)
    assert next(ahead) == 1
    for _ in range(2):
        with pytest.raises(InputError, match="the sampler broke"):
            next(ahead)
    ahead.close()


def test_no_more_is_prepared_than_asked_for() -> None:
    drawn: list[int] = []

    def counting() -> Iterator[int]:
        for i in range(1000):
            drawn.append(i)
            yield i

    ahead = Prefetch(counting(), depth=3)
    assert [next(ahead) for _ in range(5)] == [0, 1, 2, 3, 4]
    time.sleep(0.05)
    ahead.close()
    assert len(drawn) <= 5 + 3 + 2


def test_a_thread_nobody_holds_ends() -> None:
    ahead = Prefetch(iter(range(100)), depth=1)
    thread = ahead._thread
    del ahead
    thread.join(timeout=10)
    assert not thread.is_alive()


class Watched(BaseSamples):
    """Samples that note the most configurations ever read at once, and how many in all."""

    def __init__(self, path: str) -> None:
        self._samples = open_samples(path)
        s = self._samples
        super().__init__(s.source, s.shape, s.n, s.chains, s.model)
        self.largest = self.total = 0

    def read(self, start: int, stop: int) -> torch.Tensor:
        self.largest = max(self.largest, stop - start)
        self.total += stop - start
        return self._samples.read(start, stop)

    def stored(self) -> dict[str, np.ndarray]:
        return self._samples.stored()


def test_a_file_larger_than_memory_is_read_in_small_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = SampleRecipe(
        shape=SHAPE, temperature=2.5, chains=20, records=500, seed=1, thin=1, equilibration=10
    )
    generate(recipe, tmp_path / "s.h5")
    watched: list[Watched] = []

    def opened(data: WindowData) -> Watched:
        watched.append(Watched(data.path))
        return watched[-1]

    monkeypatch.setattr(WindowData, "open", opened)
    data = WindowData(
        str(tmp_path / "s.h5"), WINDOW, batch_size=64, steps_per_epoch=5, configurations=200
    )
    data.setup("fit")
    watched[0].total = 0
    held_out = data.test_windows()
    assert watched[0].total <= 20 * 55  # whole records of all chains, every tenth
    assert 150 <= len(held_out.v) // 36 <= 200
    first, *others = epochs(data, 4)[::5]
    assert all(not torch.equal(first, other) for other in others)
    assert watched[0].largest <= 200 / 14 * 20 + 40
