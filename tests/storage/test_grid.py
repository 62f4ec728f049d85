"""A grid is one recipe: its cells, its mistakes, and the same bytes wherever it is drawn."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rsmi.errors import AnalysisError, InputError
from rsmi.storage import Cluster, SampleGrid, SampleRecipe, generate, sample_grid, shards, verify
from rsmi.storage.tasks import run_tasks

BASE = {"chains": 4, "records": 20, "thin": 1, "equilibration": 20}
GRID = SampleGrid(BASE, {"temperature": [2.0, "critical"], "shape": [[8, 8], [6, 9]], "seed": [1]})


def digests(directory):
    files = Path(directory).rglob("*.h5")
    return {
        str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    directory = tmp_path_factory.mktemp("grid") / "one"
    sample_grid(GRID, directory)
    return directory


def test_cells_are_every_combination_in_order():
    names = [cell.name for cell in GRID.cells()]
    assert names == [
        "temperature=2.0_shape=8x8_seed=1",
        "temperature=2.0_shape=6x9_seed=1",
        "temperature=critical_shape=8x8_seed=1",
        "temperature=critical_shape=6x9_seed=1",
    ]
    assert GRID.cells()[3].recipe == SampleRecipe(
        shape=(6, 9), temperature="critical", seed=1, **BASE
    )


def test_yaml_round_trip():
    assert SampleGrid.from_yaml(GRID.to_yaml()) == GRID


def test_close_temperatures_have_different_names():
    grid = SampleGrid(BASE | {"shape": [4, 4], "seed": 1}, {"temperature": [0.4399, 0.43990001]})
    assert len({cell.name for cell in grid.cells()}) == 2


BAD = {
    "unknown key": (BASE, {"colour": [1]}, "unknown key 'colour'; expected chains, equilibration"),
    "unknown outside": (
        BASE | {"sed": 1},
        {"seed": [1]},
        "key 'sed'; did you mean 'seed'",
    ),
    "empty list": (BASE, {"seed": []}, r"seed is \[\]; expected a list with at least one value"),
    "no list": (BASE, {"seed": 3}, "seed is 3; expected a list"),
    "no key": (BASE, {}, "no key varies; give at least one list"),
    "twice": (BASE, {"seed": [1, 2, 1]}, "seed holds 1 twice, so two cells are the same"),
    "twice as number": (BASE, {"temperature": [2, 2.0]}, "temperature holds 2.0 twice"),
    "both": (BASE | {"seed": 1}, {"seed": [1]}, "seed stands both outside and inside `grid`"),
    "bad cell": (
        BASE | {"shape": [8, 8]},
        {"temperature": [2.0, -1.0], "seed": [7]},
        r"the cell \(temperature: -1.0, seed: 7\) is no recipe. temperature is -1.0",
    ),
    "missing": (BASE, {"seed": [7]}, r"the cell \(seed: 7\) is no recipe. .* shape, temperature"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_are_named(name):
    base, grid, message = BAD[name]
    with pytest.raises(InputError, match=message):
        SampleGrid(base, grid)


@pytest.mark.parametrize("text", ["seed: [1", "grid: [1, 2]", "- 1"])
def test_text_that_is_no_grid(text):
    with pytest.raises(
        InputError,
        match=r"grid(: expected the keys of a recipe| is not valid YAML| holds no options)",
    ):
        SampleGrid.from_yaml(text)


def test_a_shard_is_the_file_that_its_recipe_gives(drawn, tmp_path):
    cell = GRID.cells()[2]
    generate(cell.recipe, tmp_path / "alone.h5")
    assert (drawn / "shards" / f"{cell.name}.h5").read_bytes() == (
        tmp_path / "alone.h5"
    ).read_bytes()


def test_processes_and_workers_leave_no_trace(drawn, tmp_path):
    seen = []
    sample_grid(GRID, tmp_path / "two", processes=2, workers=2, progress=lambda *p: seen.append(p))
    assert digests(tmp_path / "two") == digests(drawn)
    assert seen[-1] == (320, 320)
    assert seen == sorted(seen)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its open logs
@pytest.mark.parametrize("cluster", [Cluster("debug"), Cluster("local", jobs=1)])
def test_jobs_of_a_cluster_leave_no_trace(drawn, tmp_path, cluster):
    pytest.importorskip("submitit")
    sample_grid(GRID, tmp_path / "jobs", cluster=cluster)
    assert digests(tmp_path / "jobs") == digests(drawn)


def test_shards_are_not_overwritten_without_resume(drawn):
    with pytest.raises(InputError, match="holds shards already; add --resume"):
        sample_grid(GRID, drawn)


def test_a_resumed_grid_draws_what_is_missing_only(drawn, tmp_path, monkeypatch):
    again = tmp_path / "again"
    shutil.copytree(drawn, again)
    (again / "samples.h5").unlink()
    (again / "shards" / f"{GRID.cells()[1].name}.h5").unlink()
    before = {path: path.stat().st_mtime_ns for path in (again / "shards").iterdir()}
    sample_grid(GRID, again, resume=True)
    assert digests(again) == digests(drawn)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_one_failure_is_named_and_the_others_are_drawn(tmp_path, monkeypatch):
    def failing(recipe, path, *args, **options):
        if recipe.temperature == 2.0 and recipe.shape == (6, 9):
            raise AnalysisError("no equilibrium within 64 sweeps")
        if recipe.temperature == "critical" and recipe.shape == (6, 9):
            raise OSError("stale file handle")
        generate(recipe, path, *args, **options)

    monkeypatch.setattr(shards, "generate", failing)
    with pytest.raises(AnalysisError) as caught:
        sample_grid(GRID, tmp_path)
    said = str(caught.value)
    assert "2 of 4 shards failed, the others are finished" in said
    assert "temperature=2.0_shape=6x9_seed=1: no equilibrium within 64 sweeps" in said
    assert "temperature=critical_shape=6x9_seed=1: OSError: stale file handle" in said
    assert "--resume" in said
    assert not (tmp_path / "samples.h5").exists()
    names = sorted(path.name for path in (tmp_path / "shards").iterdir())
    assert names == [f"{GRID.cells()[i].name}.h5" for i in (0, 2)]
    monkeypatch.undo()
    sample_grid(GRID, tmp_path, resume=True)
    verify(tmp_path / "samples.h5")


def half(task, told):
    """A task that says how far it is, fails, or dies."""
    told(task, 9)
    if task == 2:
        os.kill(os.getpid(), 9)
    return "odd" if task == 1 else None


def test_a_process_that_dies_is_named_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    ends = {o.task: o.failure for o in run_tasks(range(4), half, 1) if o.done is None}
    assert ends == {
        0: None,
        1: "odd",
        2: "its process was killed (SIGKILL); was memory short?",
        3: None,
    }


def test_a_cluster_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    pytest.importorskip("submitit")
    with pytest.raises(InputError, match="there is no srun on this machine; run the command on a"):
        sample_grid(GRID, tmp_path / "x", cluster=Cluster("slurm"))
    assert not (tmp_path / "x").exists()


def test_submitit_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"submitit is not installed; .*rsmi\[cluster\]"):
        sample_grid(GRID, tmp_path / "x", cluster=Cluster("local"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "pbs"}, "cluster is 'pbs'; expected 'slurm', 'local' or 'debug'"),
        ({"executor": "slurm", "minutes": 0}, "minutes is 0; expected a number above 0"),
        ({"executor": "slurm", "memory_gb": float("nan")}, "memory_gb is nan; expected"),
        ({"executor": "slurm", "jobs": -1}, "jobs is -1; expected a number above 0"),
    ],
)
def test_cluster_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        Cluster(**options)


@pytest.mark.parametrize("number", [{"processes": 0}, {"workers": 0}])
def test_at_least_one_process_and_worker(tmp_path, number):
    with pytest.raises(InputError, match="expected at least 1 of each"):
        sample_grid(GRID, tmp_path, **number)


# A limit on the size of files stands for a full disk.
FULL_DISK = """
    import resource, signal, sys
    from rsmi.errors import AnalysisError
    from rsmi.storage import SampleGrid, sample_grid
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    def must_fail(word):
        try:
            sample_grid(grid, sys.argv[1], resume=True)
        except AnalysisError as error:
            assert word in str(error) and "--resume" in str(error), error
        else:
            raise SystemExit("no error")
    grid = SampleGrid.from_yaml(sys.argv[2])
    limit(1_000)
    must_fail("4 of 4 shards failed")
    limit(resource.RLIM_INFINITY)
    path = sample_grid(grid, sys.argv[1], resume=True)
    whole = path.read_bytes()
    limit(10_000)
    must_fail("could not write")
    assert path.read_bytes() == whole
"""


def test_a_full_disk_leaves_the_old_file_whole(drawn, tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), tmp_path / "out", GRID.to_yaml()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert digests(tmp_path / "out") == digests(drawn)
    assert not list(tmp_path.rglob("*.part*"))


# Forks runs and kills each when its files have grown by a random amount: no block that was safe is
# lost, and every file that stands at its place is whole.
KILLER = """
    import contextlib, os, random, signal, sys, time
    from pathlib import Path
    import torch
    from rsmi.storage import SampleGrid, SampleWriter, generation, sample_grid, verify
    from rsmi.storage.generation import Drawing

    def size():
        total = 0
        for path in (directory / "shards").glob("*.h5*"):
            with contextlib.suppress(FileNotFoundError):  # renamed in this moment
                total += path.stat().st_size
        return total

    def start():
        child = os.fork()
        if child == 0:
            try:
                sample_grid(grid, directory, workers=2, resume=True)
            finally:
                os._exit(0)
        return child

    def wait(child, aim, until):
        while size() < aim and time.monotonic() < until:
            if os.waitpid(child, os.WNOHANG) != (0, 0):
                return True
            time.sleep(0.0005)
        time.sleep(chance.random() * 0.004)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False

    def records(cell):
        path = directory / "shards" / f"{cell.name}.h5"
        if path.exists():
            return cell.recipe.records
        with SampleWriter.open(path, Drawing.of(cell.recipe).header, resume=True) as writer:
            return writer.records_done

    torch.set_num_threads(1)
    generation._BLOCK_SPIN_UPDATES = 16_000
    whole, directory, grid = Path(sys.argv[1]), Path(sys.argv[2]), SampleGrid.from_yaml(sys.argv[3])
    sample_grid(grid, whole)
    total = sum(path.stat().st_size for path in (whole / "shards").iterdir())
    chance, kills, known, verified = random.Random(9), 0, [0] * len(grid.cells()), set()
    (directory / "shards").mkdir(parents=True)
    while kills < 100:
        aim = size() + chance.randrange(total // 400)
        if wait(start(), aim, time.monotonic() + 2):
            break
        kills += 1
        now = [records(cell) for cell in grid.cells()]
        assert all(map(int.__le__, known, now)), "records that were safe are lost"
        known = now
        for path in set((directory / "shards").glob("*.h5")) - verified:
            verify(path)
            verified.add(path)
    sample_grid(grid, directory, resume=True)
    print(kills)
"""


def test_100_kills_end_in_the_same_bytes(tmp_path):
    grid = SampleGrid(
        {"shape": [16, 16], "chains": 8, "records": 1500, "thin": 2, "equilibration": 20},
        {"temperature": [2.0, "critical"], "seed": [1, 2]},
    )
    whole, path = tmp_path / "whole", tmp_path / "killed"
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLER), whole, path, grid.to_yaml()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == 100
    assert digests(path) == digests(whole)
    assert sorted(os.listdir(path)) == ["samples.h5", "shards"]
