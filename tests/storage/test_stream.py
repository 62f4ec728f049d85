import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.storage import iterate, open_samples, split


def test_batches_cover_the_range_in_order(sample_file):
    with open_samples(sample_file) as samples:
        batches = list(iterate(samples, 7, 3, 50))
        assert [len(b) for b in batches] == [7] * 6 + [5]
        assert torch.equal(torch.cat(batches), samples.read(3, 50))
        assert sum(map(len, iterate(samples, 100))) == 60


def test_a_batch_has_at_least_one_configuration(sample_file):
    with (
        open_samples(sample_file) as samples,
        pytest.raises(InputError, match="batch is 0; expected at least 1"),
    ):
        next(iterate(samples, 0))


@pytest.mark.parametrize("chains", [3, 5, 8, 20])
def test_parts_share_no_chain(tmp_path, files, chains):
    path = tmp_path / "s.h5"
    spins = files.write(path, files.header(chains=chains))
    with open_samples(path) as samples:
        parts = split(samples, [0.6, 0.2, 0.2])
        owners = [set((part.indices() % chains).tolist()) for part in parts]
        assert sum(map(len, owners)) == chains == len(set.union(*owners))
        energy = samples.observable("energy")
        for part in parts:
            assert part.chains * 20 == part.n == len(part.indices())
            assert torch.equal(part.read(0, part.n), spins[part.indices()])
            middle = part.indices()[part.chains + 1 : part.n - 1]
            assert torch.equal(part.read(part.chains + 1, part.n - 1), spins[middle])
            assert np.array_equal(part.observable("energy"), energy[part.indices()])
            assert part.model == samples.model
            assert sum(map(len, iterate(part, 7))) == part.n


def test_chains_are_shared_out_by_the_fractions(tmp_path, files):
    files.write(tmp_path / "s.h5", files.header(chains=20))
    with open_samples(tmp_path / "s.h5") as samples:
        assert [p.chains for p in split(samples, [0.8, 0.1, 0.1])] == [16, 2, 2]


@pytest.mark.parametrize("chains", [1, 2])
def test_few_chains_are_cut_in_time_with_a_gap(tmp_path, files, chains):
    files.write(tmp_path / "s.h5", files.header(chains=chains, records=120))
    with open_samples(tmp_path / "s.h5") as samples:
        parts = split(samples, [0.8, 0.1, 0.1], gap=10)
        records = [np.unique(part.indices() // chains) for part in parts]
        assert [len(r) for r in records] == [80, 10, 10]
        assert [(r[0], r[-1]) for r in records] == [(0, 79), (90, 99), (110, 119)]
        assert all(part.chains == chains for part in parts)


def test_too_few_records_for_the_gaps(tmp_path, files):
    files.write(tmp_path / "s.h5", files.header(chains=1, records=22))
    with (
        open_samples(tmp_path / "s.h5") as samples,
        pytest.raises(InputError, match="holds 22 records of each chain, too few for 3 parts"),
    ):
        split(samples, [0.8, 0.1, 0.1])


@pytest.mark.parametrize("fractions", [[], [0.5, 0.6], [1.5, -0.5]])
def test_fractions_must_divide(sample_file, fractions):
    with (
        open_samples(sample_file) as samples,
        pytest.raises(InputError, match="expected positive numbers that sum to 1"),
    ):
        split(samples, fractions)


def test_configurations_are_taken_anywhere(sample_file, tmp_path):
    with open_samples(sample_file) as samples:
        spins = samples.read(0, 60)
        chosen = [59, 0, 7, 7, 31]
        assert torch.equal(samples.take(chosen), spins[chosen])
        assert samples.take([]).shape == (0, 6, 6)
        part = split(samples, [0.5, 0.5])[1]
        assert torch.equal(part.take([3, 1]), part.read(0, part.n)[[3, 1]])
        for wrong in ([60], [-1]):
            with pytest.raises(
                InputError, match=r"were asked for; expected numbers within 0\.\.59"
            ):
                samples.take(wrong)
        np.save(tmp_path / "s.npy", spins.numpy())
    with open_samples(tmp_path / "s.npy") as samples:
        assert torch.equal(samples.take(chosen), spins[chosen])
