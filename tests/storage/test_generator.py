"""A user's own generator ends in the same kind of file, or is told what it did wrong."""

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.storage import open_samples, verify, write_samples
from rsmi.storage.writer import journal_path


class Coins:
    """Independent spins; blocks of growing size."""

    def __init__(self, shape=(4, 6), chains=3, seed=1, numpy=False):
        self.shape, self.chains = shape, chains
        self._random, self._block, self._numpy = np.random.default_rng(seed), 0, numpy

    def next_block(self):
        self._block += 1
        size = (self._block % 4 + 1) * self.chains
        spins = 2 * self._random.integers(0, 2, (size, *self.shape), dtype=np.int8) - 1
        return spins if self._numpy else torch.from_numpy(spins)


def drawn(generator, n):
    blocks = []
    while sum(map(len, blocks)) < n:
        blocks.append(torch.as_tensor(generator.next_block()))
    return torch.cat(blocks)[:n]


@pytest.mark.parametrize("numpy", [True, False])
def test_the_file_holds_what_was_generated(tmp_path, numpy):
    path, seen = tmp_path / "s.h5", []
    write_samples(
        Coins(numpy=numpy), path, records=20, seed=1, recipe="coins", attributes={"author": "me"},
        progress=lambda *p: seen.append(p),
    )  # fmt: skip
    report = verify(path)
    assert report.attributes["author"] == "me"
    assert report.attributes["recipe"] == "coins"
    assert seen[-1] == (60, 60)
    with open_samples(path) as samples:
        spins = samples.read(0, 60)
        assert torch.equal(spins, drawn(Coins(), 60))
        assert (samples.chains, samples.model) == (3, None)
        magnetisation = spins.flatten(1).sum(1).double().numpy()
        assert np.array_equal(samples.observable("magnetisation"), magnetisation)
        with pytest.raises(InputError, match="has no observable 'energy'"):
            samples.observable("energy")


def test_an_ising_generator_keeps_energies(tmp_path):
    path = tmp_path / "s.h5"
    write_samples(
        Coins(), path, 20, model="ising", couplings={"coupling": 0.0, "temperature": np.inf}
    )
    assert "energies agree with the spins" in verify(path).checks
    with open_samples(path) as samples:
        assert samples.model == {"model": "ising", "coupling": 0.0, "temperature": np.inf}


class Stop(Exception):
    pass


def stop_after(blocks):
    calls = iter(range(blocks))

    def progress(done, total):
        if next(calls, None) is None:
            raise Stop

    return progress


@pytest.mark.parametrize("blocks", [0, 1, 4])
def test_an_interrupted_run_ends_in_the_same_bytes(tmp_path, blocks):
    path, whole = tmp_path / "s.h5", tmp_path / "whole.h5"
    write_samples(Coins(), whole, 20)
    with pytest.raises(Stop):
        write_samples(Coins(), path, 20, progress=stop_after(blocks))
    write_samples(Coins(), path, 20, resume=True)
    assert path.read_bytes() == whole.read_bytes()
    write_samples(Coins(), path, 20, resume=True)
    with pytest.raises(InputError, match="exists; choose another --out"):
        write_samples(Coins(), path, 20)


def test_a_generator_that_does_not_repeat_itself_is_not_resumed(tmp_path):
    path = tmp_path / "s.h5"
    with pytest.raises(Stop):
        write_samples(Coins(), path, 20, progress=stop_after(2))
    with pytest.raises(InputError, match="did not repeat the configurations"):
        write_samples(Coins(seed=2), path, 20, resume=True)
    assert journal_path(path).exists()


class Fixed:
    shape, chains = (4, 4), 2

    def __init__(self, block):
        self._block = block

    def next_block(self):
        return self._block


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.ones((3, 4, 4)), r"block 0 of the generator has shape \(3, 4, 4\); expected \(m \* 2"),
        (np.ones((0, 4, 4)), r"has shape \(0, 4, 4\); expected"),
        (np.ones((2, 4, 5)), r"has shape \(2, 4, 5\); expected"),
        (np.ones(()), r"has shape \(\); expected"),
        (np.zeros((2, 4, 4)), "holds the values 0; expected spins of"),
        (np.full((2, 4, 4), np.nan), "holds the values nan.*; expected spins"),
    ],
)
def test_blocks_that_break_the_promise(tmp_path, block, message):
    with pytest.raises(InputError, match=message):
        write_samples(Fixed(block), tmp_path / "s.h5", 4)


def test_a_model_of_ours_needs_a_recipe(tmp_path):
    with pytest.raises(InputError, match="model is 'potts', whose configurations rsmi draws"):
        write_samples(Coins(), tmp_path / "s.h5", 4, model="potts")


def test_at_least_one_record(tmp_path):
    with pytest.raises(InputError, match="records is 0; expected a whole number of at least 1"):
        write_samples(Coins(), tmp_path / "s.h5", 0)
