"""The same bytes for any number of workers and after any number of kills."""

import dataclasses
import os
import subprocess
import sys
import textwrap

import h5py
import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling import SwendsenWang, equilibrate
from rsmi.storage import SampleRecipe, generate, generation, open_samples, verify
from rsmi.storage.generation import Drawing
from rsmi.storage.writer import journal_path

RECIPE = SampleRecipe(shape=(8, 8), temperature="critical", chains=4, records=30, seed=5)


@pytest.fixture
def small_blocks(monkeypatch):
    """Several records to a block, many blocks to a run."""
    monkeypatch.setattr(generation, "_BLOCK_SPIN_UPDATES", 5000)


def test_the_file_holds_the_chains_of_the_sampler(tmp_path):
    path = tmp_path / "s.h5"
    generate(RECIPE, path)
    sampler = SwendsenWang(Drawing.of(RECIPE).model, RECIPE.seed)
    state = sampler.initial(4)
    report = equilibrate(sampler, state)
    sampler.advance(state, report.discarded, 7 * report.thin)
    with open_samples(path) as samples:
        assert torch.equal(samples.read(24, 28), state)
        facts = samples.attributes
        assert SampleRecipe.from_yaml(facts["recipe"]) == RECIPE
        assert (facts["thin"], facts["equilibration"]) == (report.thin, report.discarded)
        assert facts["equilibration_report"] == str(report)
        assert facts["equilibrated"] == 1
        assert facts["sweeps_time.energy"] == report.energy_time.value
        assert facts["model.coupling"] == Drawing.of(RECIPE).model.coupling
    verify(path)


def test_any_number_of_workers_gives_the_same_bytes(tmp_path):
    for workers in (1, 2, 4):
        generate(RECIPE, tmp_path / f"{workers}.h5", workers)
    contents = {(tmp_path / f"{workers}.h5").read_bytes() for workers in (1, 2, 4)}
    assert len(contents) == 1


def test_another_seed_gives_other_spins(tmp_path):
    generate(RECIPE, tmp_path / "a.h5")
    generate(dataclasses.replace(RECIPE, seed=6), tmp_path / "b.h5")
    with open_samples(tmp_path / "a.h5") as a, open_samples(tmp_path / "b.h5") as b:
        assert not torch.equal(a.read(0, 120), b.read(0, 120))


@pytest.mark.parametrize(
    ("update", "method"),
    [("swendsen_wang", "numba"), ("metropolis", "multispin"), ("wolff", "numba")],
)
def test_thin_and_equilibration_can_be_given(tmp_path, update, method):
    recipe = SampleRecipe(
        shape=(6,), temperature=1.5, update=update, chains=2, records=3, seed=1, thin=2,
        equilibration=9,
    )  # fmt: skip
    generate(recipe, tmp_path / "s.h5")
    with open_samples(tmp_path / "s.h5") as samples:
        assert samples.n == 6
        assert (samples.attributes["thin"], samples.attributes["equilibration"]) == (2, 9)
        assert (samples.attributes["method"], samples.attributes["device"]) == (method, "cpu")
    assert verify(tmp_path / "s.h5").attributes["equilibrated"] == 0


def test_a_device_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="device is 'cuda:99'; this machine has"):
        generate(RECIPE, tmp_path / "s.h5", device="cuda:99")
    assert not (tmp_path / "s.h5").exists()


def test_progress_is_told(tmp_path, small_blocks):
    seen = []
    generate(RECIPE, tmp_path / "s.h5", progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 120)
    assert seen[-1] == (120, 120)
    assert seen == sorted(seen)
    assert len(seen) > 4


class Stop(Exception):
    pass


def stop_after(blocks):
    calls = iter(range(blocks))

    def progress(done, total):
        if next(calls, None) is None:
            raise Stop

    return progress


def test_interrupted_anywhere_it_resumes_to_the_same_bytes(tmp_path, small_blocks):
    generate(RECIPE, tmp_path / "whole.h5")
    path = tmp_path / "s.h5"
    for blocks in (0, 1, 3):
        with pytest.raises(Stop):
            generate(RECIPE, path, resume=True, progress=stop_after(blocks))
    generate(RECIPE, path, workers=2, resume=True)
    assert path.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_a_finished_run_is_left_alone(tmp_path):
    path = tmp_path / "s.h5"
    generate(RECIPE, path)
    before = path.read_bytes()
    journal_path(path).write_bytes(b"left by a kill between the last two steps")
    generate(RECIPE, path, resume=True)
    assert path.read_bytes() == before
    assert not journal_path(path).exists()
    with pytest.raises(InputError, match="exists; choose another --out"):
        generate(RECIPE, path)
    with pytest.raises(InputError, match=r"holds another data set \(seed 5 there, 6 here\)"):
        generate(dataclasses.replace(RECIPE, seed=6), path, resume=True)


# Forks runs, which start at once and die half-way through one of their writes, or right after the
# file was moved to its place. No record that was safe is lost.
KILLER = """
    import itertools, os, random, signal, sys
    from pathlib import Path
    import torch
    from rsmi.progress import silent
    from rsmi.storage import SampleRecipe, SampleWriter, generate, generation, verify
    from rsmi.storage.generation import Drawing

    def die_in(act, number, half):
        def counted(*arguments):
            if next(steps) == number:
                half(*arguments)
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*arguments)
        return counted

    def stop(done, total):
        if done == total:
            os._exit(0)

    def run(number, progress=silent):
        child = os.fork()
        if child == 0:
            write, move = os.pwrite, os.replace
            os.pwrite = die_in(write, number, lambda file, data, at: write(
                file, data[: chance.randrange(len(data) + 1)], at))
            os.replace = die_in(move, number, move)
            try:
                generate(recipe, path, 2, resume=True, progress=progress)
            finally:
                os._exit(0)
        return os.waitpid(child, 0)[1] == signal.SIGKILL

    def records():
        with SampleWriter.open(path, Drawing.of(recipe).header, resume=True) as writer:
            return writer.records_done

    torch.set_num_threads(1)
    generation._BLOCK_SPIN_UPDATES = 40_000
    whole, path, recipe = Path(sys.argv[1]), Path(sys.argv[2]), SampleRecipe.from_yaml(sys.argv[3])
    generate(recipe, whole)
    chance, steps, kills, known = random.Random(8), itertools.count(1), 0, 0
    while run(chance.randrange(1, 40), stop):
        known, before, kills = records(), known, kills + 1
        assert known >= before, "records that were safe are lost"
    assert records() == recipe.records
    last_steps = sum(run(number) for number in range(1, 8))
    verify(path)
    print(kills, last_steps)
"""


def test_a_foreign_file_in_the_place_of_the_samples_is_left_alone(tmp_path):
    path = tmp_path / "s.h5"
    with h5py.File(path, "w") as file:
        file["mine"] = 1
    with pytest.raises(InputError, match="has schema None; this version of rsmi reads"):
        generate(RECIPE, path, resume=True)
    path.write_text("my notes")
    with pytest.raises(InputError, match=r"s\.h5 cannot be read: the file is damaged or cut short"):
        generate(RECIPE, path, resume=True)
    assert path.read_text() == "my notes"


def test_kill_9_in_any_write(tmp_path):
    recipe = dataclasses.replace(
        RECIPE, shape=(16, 16), chains=8, records=400, thin=4, equilibration=50
    )
    whole, path = tmp_path / "whole.h5", tmp_path / "s.h5"
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLER), whole, path, recipe.to_yaml()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    kills, last_steps = map(int, run.stdout.split())
    assert kills >= 8
    assert last_steps == 6  # five writes, each half done, and the move
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["s.h5", "whole.h5"]
