import os
import random
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.storage import SampleWriter, open_samples
from rsmi.storage.layout import planned_places
from rsmi.storage.writer import is_finished, journal_path


def half_written(path, files, header, blocks=4):
    """The spins of a run that stopped after half of its blocks."""
    spins = files.spins(header)
    with SampleWriter.open(path, header, resume=False) as writer:
        writer.set_state({"thin": 3})
        for part in spins.view(blocks, -1, *header.shape)[: blocks // 2]:
            files.append(writer, part)
    return spins


def finish(path, files, header, spins):
    with SampleWriter.open(path, header, resume=True) as writer:
        if writer.state is None:
            writer.set_state({"thin": 3})
        done = writer.records_done * header.chains
        for start in range(done, header.n, 15):
            files.append(writer, spins[start : start + 15])
        files.finalise(writer)
    return done


def test_a_resumed_run_knows_where_it_was(tmp_path, files):
    header, path = files.header(), tmp_path / "samples.h5"
    spins = half_written(path, files, header)
    with SampleWriter.open(path, header, resume=True) as writer:
        assert writer.records_done == 10
        assert writer.state == {"thin": 3}
        assert torch.equal(writer.last_configurations(), spins[27:30])
        expected = spins[:30].flatten(1).sum(1).double().numpy()
        assert np.array_equal(writer.observable("magnetisation"), expected)


def test_a_new_run_has_nothing(tmp_path, files):
    with SampleWriter.open(tmp_path / "samples.h5", files.header(), resume=True) as writer:
        assert writer.records_done == 0
        assert writer.state is None
        assert writer.last_configurations() is None
        assert len(writer.observable("energy")) == 0


def test_a_journal_cut_anywhere_resumes_to_the_same_bytes(tmp_path, files):
    header, path = files.header(), tmp_path / "samples.h5"
    whole = tmp_path / "whole.h5"
    finish(whole, files, header, half_written(whole, files, header))
    spins = half_written(path, files, header)
    journal = journal_path(path)
    content = journal.read_bytes()
    generator = random.Random(1)
    for length in [0, 3, 8, *generator.sample(range(len(content)), 30)]:
        journal.write_bytes(content[:length])
        assert finish(path, files, header, spins) <= 30
        assert path.read_bytes() == whole.read_bytes()
        assert not journal.exists()
        path.unlink()


def test_a_flipped_bit_in_the_journal_costs_blocks_but_never_truth(tmp_path, files):
    header, path = files.header(), tmp_path / "samples.h5"
    whole = tmp_path / "whole.h5"
    finish(whole, files, header, half_written(whole, files, header))
    spins = half_written(path, files, header)
    journal = journal_path(path)
    content = journal.read_bytes()
    generator = random.Random(2)
    for position in generator.sample(range(8, len(content)), 30):
        damaged = bytearray(content)
        damaged[position] ^= 1 << generator.randrange(8)
        journal.write_bytes(damaged)
        finish(path, files, header, spins)
        assert path.read_bytes() == whole.read_bytes()
        path.unlink()


def test_spins_that_are_cut_or_changed_cost_blocks_but_never_truth(tmp_path, files):
    header, path = files.header(), tmp_path / "samples.h5"
    whole, part = tmp_path / "whole.h5", tmp_path / "samples.h5.part"
    finish(whole, files, header, half_written(whole, files, header))
    spins = half_written(path, files, header)
    journal, content = journal_path(path).read_bytes(), part.read_bytes()
    begin = planned_places(header).first
    generator = random.Random(3)
    for position in [0, *generator.sample(range(begin, begin + 30 * 6), 20)]:
        flipped = bytearray(content)
        flipped[position] ^= 1 << generator.randrange(8)
        for damaged in (flipped, content[:position]):
            part.write_bytes(damaged)
            journal_path(path).write_bytes(journal)
            done = finish(path, files, header, spins)
            safe = max(0, position - begin) // (15 * 6) * 15 if position else len(damaged) and 30
            assert done == safe
            assert path.read_bytes() == whole.read_bytes()
            path.unlink()


def test_a_resumed_run_keeps_its_day(tmp_path, files, monkeypatch):
    import dataclasses

    header, path = files.header(), tmp_path / "samples.h5"
    spins = half_written(path, files, header)
    tomorrow = dataclasses.replace(header, created="2026-01-03")
    finish(path, files, tomorrow, spins)
    with open_samples(path) as samples:
        assert samples.header.created == "2026-01-02"


def test_an_interrupted_run_is_not_overwritten(tmp_path, files):
    header, path = files.header(), tmp_path / "samples.h5"
    half_written(path, files, header)
    with pytest.raises(InputError, match="interrupted run; add --resume"):
        SampleWriter.open(path, header, resume=False)


def test_another_recipe_is_refused_and_the_difference_named(tmp_path, files):
    path = tmp_path / "samples.h5"
    half_written(path, files, files.header())
    with pytest.raises(InputError, match=r"another recipe \(seed 1 there, 2 here\).*--out"):
        SampleWriter.open(path, files.header(seed=2), resume=True)


def test_a_finished_file_is_done_only_while_every_bit_is_right(sample_file, files):
    assert is_finished(sample_file, files.header())
    content, generator = sample_file.read_bytes(), random.Random(4)
    with h5py.File(sample_file) as file:
        spins = file["spins"].id.get_chunk_info(0).byte_offset
    for position in [spins, spins + 9, *generator.sample(range(len(content)), 20)]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << generator.randrange(8)
        sample_file.write_bytes(damaged)
        with pytest.raises(InputError, match=r"copy it again from its source, or|begins with"):
            is_finished(sample_file, files.header())


@pytest.mark.parametrize("resume", [True, False])
def test_an_existing_file_is_refused(sample_file, files, resume):
    before = sample_file.read_bytes()
    with pytest.raises(InputError, match="exists; choose another --out"):
        SampleWriter.open(sample_file, files.header(), resume=resume)
    assert sample_file.read_bytes() == before


def test_a_foreign_file_in_the_place_of_the_journal_is_left_alone(tmp_path, files):
    path = tmp_path / "samples.h5"
    journal_path(path).write_text("my notes")
    with pytest.raises(InputError, match="is no journal of rsmi; move it away"):
        SampleWriter.open(path, files.header(), resume=True)
    assert journal_path(path).read_text() == "my notes"


def test_a_second_writer_is_refused(tmp_path, files):
    path = tmp_path / "samples.h5"
    with (
        SampleWriter.open(path, files.header(), resume=False),
        pytest.raises(InputError, match="being written by another process"),
    ):
        SampleWriter.open(path, files.header(), resume=True)


def test_an_incomplete_run_is_not_finalised(tmp_path, files):
    header, path = files.header(), tmp_path / "samples.h5"
    half_written(path, files, header)
    with (
        SampleWriter.open(path, header, resume=True) as writer,
        pytest.raises(AnalysisError, match="needs 20 records of each chain, but 10 are done"),
    ):
        files.finalise(writer)


def test_a_directory_that_cannot_be_made_is_named(tmp_path, files):
    (tmp_path / "file").write_text("")
    with pytest.raises(AnalysisError, match=r"could not create .*; choose another --out"):
        SampleWriter.open(tmp_path / "file" / "samples.h5", files.header(), resume=False)


# A limit on the size of files stands for a full disk: writes beyond it fail half-way.
FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from rsmi.errors import AnalysisError
    from rsmi.storage import SampleWriter
    sys.path.insert(0, {folder!r})
    import conftest as files
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path, header = Path(sys.argv[1]), files.make_header(shape=(32, 32), records=200)
    spins = files.random_spins(header)
    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    def must_fail(act):
        try:
            act()
        except AnalysisError as error:
            assert "--resume" in str(error), error
        else:
            raise SystemExit("no error")
    with SampleWriter.open(path, header, resume=False) as writer:
        files.append(writer, spins[:300])
        limit(50_000)
        must_fail(lambda: files.append(writer, spins[300:]))
        assert writer.records_done == 100
        limit(resource.RLIM_INFINITY)
        files.append(writer, spins[300:])
        limit(60_000)
        must_fail(lambda: files.finalise(writer))
        assert not path.exists()
        limit(resource.RLIM_INFINITY)
        files.finalise(writer)
"""


def test_a_full_disk_loses_nothing(tmp_path, files):
    script = textwrap.dedent(FULL_DISK).format(folder=os.path.dirname(__file__))
    path, whole = tmp_path / "samples.h5", tmp_path / "whole.h5"
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert os.listdir(tmp_path) == ["samples.h5"]
    files.write(whole, files.header(shape=(32, 32), records=200))
    assert path.read_bytes() == whole.read_bytes()
