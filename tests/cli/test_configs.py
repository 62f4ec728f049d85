"""Configs and options as people write them: what is taken, and what is named before it can hurt."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rsmi.cli.configs import options_of
from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.cli.verify import Verify
from rsmi.errors import nearest, shortened
from rsmi.report import read_result
from rsmi.runs.layers import Layers
from rsmi.runs.settings import Exact, ExponentsTask, Information, Run
from rsmi.sampling.threads import cores
from rsmi.storage import SampleRecipe
from studies import digits, ising_phases, twelve_bits

Rsmi = Callable[..., Any]

RECIPE = "shape: [8, 8]\ntemperature: 2.0\nchains: 2\nrecords: 4\n"
ALIASES = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
TASKS = {
    "sample": SampleRecipe(shape=(8, 8), temperature=2.0, chains=2, records=4, seed=1),
    "run": Run(data="mine.npy"),
    "information": Information(data="mine.npy", rules=("majority", "runs/my rule/rule")),
    "exponents": ExponentsTask(data="mine.npy", block=(2, 2)),
    "exact": Exact(shape=(6, "inf")),
    "layers": Layers(
        model="a.B", data="x.npy", layers=("encoder.*",), quantise=4, range=(-1.0, 1.0)
    ),
    "verify": Verify(),
}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("seed: 1\nseed: 2\n", "gives the key 'seed' twice, in lines 5 and 6; keep one"),
        ("seed: 1\nparameters: {a: 1, a: 2}\n", "gives the key 'a' twice"),
        ("seed: 1\nconfig: other.yaml\n", "names another config; give that one as `--config FILE`"),
        ("seed: 1\ncommand: run\n", "is one of `rsmi run`; give it to that command"),
        (f"seed: {'9' * 200_000}\n", "holds a value of 200000 characters in line 5"),
        (f"seed: 1\nupdate: {'a' * 200_000}\n", "holds a value of 200000 characters in line 6"),
        (f"{ALIASES}seed: *a8\n", "stands for more than 100000 values, for its aliases"),
        ("seed: &a [*a]\n", "stands for more than 100000 values, for its aliases"),
        (f"seed: {'[' * 20_000}{']' * 20_000}\n", "is nested too deeply"),
        (
            "seed: 1\nupdate: Ga\u00dflicht\n",
            "is not in UTF-8 (byte 0xdf in line 6); save it",
        ),
        (f"seed: 1\n#{'a' * (1 << 20)}\n", "is longer than 1048576 bytes, so no config"),
        ("seed: -1\n", "seed is -1; expected a whole number, from 0"),
    ],
)
def test_configs_that_nobody_could_mean(
    content: str, words: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes((RECIPE + content).encode("latin-1"))
    for given in ([path], ["--config", path]):
        said = rsmi("sample", *given, "--out", tmp_path / "out")
        assert said.code == 2
        assert words in said.err
        assert len(said.err) < 1000
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["run", "fit", "layers", "information"])
def test_every_command_reads_configs_by_the_same_door(
    command: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"{ALIASES}data: *a8\n")
    said = rsmi(command, path)
    assert said.code == 2
    assert "for its aliases repeat each other" in said.err


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a" * 20_000, "has a value of 20000 characters; expected at most 10000"),
        ("{a: 1, a: 2}", "--parameters gives the key 'a' twice"),
        (f"{{{ALIASES.replace(chr(10), ', ')}}}", "stands for more than 100000 values"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_values_of_the_command_line_pass_the_same_door(
    value: str, words: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    said = rsmi("sample", "--parameters", value, "--out", tmp_path / "out")
    assert said.code == 2
    assert words in said.err
    assert len(said.err) < 1000


def test_messages_keep_both_ends_and_stay_short() -> None:
    long = shortened(f"x is {'a' * 100_000}; expected a number")
    assert len(long) < 700
    assert long.startswith("x is a")
    assert long.endswith("; expected a number")
    assert len(shortened("line\n" * 100_000).splitlines()) < 70
    assert shortened("one\ntwo") == "one\ntwo"
    assert nearest("a" * 200_000, ["majority"]) == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--lerning.method", "joint"], "did you mean '--learning.method'?"),
        (["run", "--learning.metod", "joint"], "did you mean '--learning.method'?"),
        (["run", "--metod=joint"], "did you mean '--learning.method'?"),
        (
            ["run", "--learning.method", "joined"],
            "did you mean 'joint'? expected one of auto, posterior",
        ),
        (["exponents", "--data", "DATA", "--rule", "majorty"], "did you mean 'majority'? expected"),
        (["information", "--data", "DATA", "--rules", "Majority"], "did you mean 'majority'?"),
        (["verify", "informaton"], "did you mean 'information'? expected all"),
        (["fit", "--data.pth", "x"], "did you mean '--data.path'?"),
        (["sample", "--shape", "8x8", "--xyzzy", "1"], "'--xyzzy' is not accepted; check its"),
    ],
)
def test_suggestions_name_the_whole_word(
    arguments: list[str], words: str, rsmi: Rsmi, samples: Path
) -> None:
    said = rsmi(*(str(samples) if word == "DATA" else word for word in arguments))
    assert said.code == 2
    assert words in said.err


def test_suggestions_for_keys_of_a_config(rsmi: Rsmi, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    for content, words in {
        "lerning: {method: joint}": "'lerning.method' is not accepted; did you mean 'learning.meth",
        "learning: {metod: joint}": "'learning.metod' is not accepted; did you mean 'learning.meth",
        "sample: {shape: [8, 8]}": "is not accepted; did you mean 'samples.shape'?",
    }.items():
        path.write_text(content)
        said = rsmi("run", path)
        assert said.code == 2
        assert words in said.err


@pytest.mark.parametrize("command", TASKS)
def test_lists_may_be_written_without_brackets(command: str) -> None:
    """Every list of every command, as numbers or as words."""
    lists = {k: o for k, o in options_of(type(TASKS[command])).items() if o.is_list}
    for name, option in lists.items():
        words = option.example.strip("[]")
        written = yaml.safe_load(option.written(words))
        assert isinstance(written, list), name
        assert written == yaml.safe_load(option.example), name


@pytest.mark.parametrize("given", ["[2,2]", "2,2", "2x2", "2 x 2", "2\N{MULTIPLICATION SIGN}2"])
@pytest.mark.parametrize("in_config", [False, True])
def test_extents_as_people_write_them(given: str, in_config: bool, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"data: 2x2\nblock: {given}\n")
    options = [str(path)] if in_config else ["--data", "2x2", "--block", given]
    task, _ = parse("exponents", ExponentsTask, options, "")
    assert task.block == (2, 2)
    assert task.data == "2x2"


def test_words_in_lists(tmp_path: Path) -> None:
    options = ["--model", "a.B", "--data", "x", "--quantities", "H(X|T),H(X|T,Y)"]
    options += ["--quantise", "4", "--range", "-1,1"]
    task, _ = parse("layers", Layers, options, "")
    assert task.quantities == ("H(X|T)", "H(X|T,Y)")
    assert task.range == (-1.0, 1.0)
    rules, _ = parse("information", Information, ["--data", "x", "--rules", "a rule/rule,b"], "")
    assert rules.rules == ("a rule/rule", "b")


def test_a_wrong_list_is_answered_with_an_example_of_its_kind(rsmi: Rsmi) -> None:
    said = rsmi("run", "--exponents.rules", "{a: 1}")
    assert "expected a list such as [first,second]" in said.err
    assert "expected a list such as [64,64]" in rsmi("run", "--learning.hidden", "wide").err
    said = rsmi("fit", "--model", "PosteriorRSMI", "--model.hidden", "16")
    assert "hidden is 16; expected a list such as [64,64]" in said.err


@pytest.mark.parametrize("command", TASKS)
def test_the_config_that_a_run_leaves_can_be_run_again(command: str, tmp_path: Path) -> None:
    task = TASKS[command]
    Output(command, task, tmp_path / "out")
    again, _ = parse(command, type(task), ["--config", str(tmp_path / "out" / "config.yaml")], "")
    assert again == task


@pytest.mark.parametrize("study", [digits, ising_phases, twelve_bits])
def test_the_config_of_a_study_can_be_run_again(study: Any, tmp_path: Path) -> None:
    settings = study.Settings()
    Output("layers", settings, tmp_path / "out")
    again, _ = parse("layers", study.Settings, [str(tmp_path / "out" / "config.yaml")], "")
    assert again == settings


def test_null_is_a_name_where_a_name_stands(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("data: mine.npy\nlearning: {null: false}\n")
    task, _ = parse("run", Run, [str(path)], "")
    assert task.learning.null is False


@pytest.mark.parametrize("dimension", [1, 2])
def test_blocks_have_two_sites_along_each_axis(dimension: int, rsmi: Rsmi) -> None:
    said = rsmi("exact", "--temperature", "2", "--shape", ["[inf]", "6x6"][dimension - 1])
    assert said.code == 0, said.err
    assert "information.exact.majority" in said.out


def test_exponents_take_the_block_from_the_lattice(rsmi: Rsmi, samples: Path) -> None:
    arguments = ("exponents", "--data", samples, "--blocks", "16", "--reach", "1")
    said = rsmi(*arguments)
    assert said.code == 0, said.err
    assert "16x16 -> 8x8" in " ".join(said.err.split())


def test_a_grid_explains_itself_with_the_recipe(
    rsmi: Rsmi, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        rsmi("sample", "--help")
    said = " ".join(capsys.readouterr().out.split())
    for option in ("--grid", "--processes", "--cluster", "--job.minutes", "--shape", "--chains"):
        assert option in said
    assert (
        "Lattice shape; unit cells for `ising_graph`, sites for the quantum chains. (required"
        in said
    )


def test_a_grid_takes_shapes_as_people_write_them(rsmi: Rsmi, tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(
        "temperature: 2.0\nchains: 2\nrecords: 4\nthin: 1\nequilibration: 4\nseed: 1\n"
        "grid: {shape: [4x4, [4, 6]]}\n"
    )
    said = rsmi("sample", path, "--out", tmp_path / "out", "--workers", "1")
    assert said.code == 0, said.err
    names = sorted(p.name for p in (tmp_path / "out" / "shards").glob("*.h5"))
    assert names == ["shape=4x4.h5", "shape=4x6.h5"]
    assert rsmi("sample", "--cluster", "slurm", "--shape", "8x8").code == 2


def test_a_file_whose_name_is_no_text_loses_no_result(rsmi: Rsmi, tmp_path: Path) -> None:
    name = os.fsdecode(b"na\xffme.npy")
    spins = np.random.default_rng(3).choice([-1, 1], (256, 8, 8)).astype(np.int8)
    try:
        np.save(tmp_path / name, spins)
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    out = tmp_path / os.fsdecode(b"o\xff")
    arguments = ("--data", tmp_path / name, "--blocks", "16", "--reach", "1", "--out", out)
    said = rsmi("exponents", *arguments)
    assert said.code in (0, 1), said.err
    if said.code == 0:
        assert read_result(out / "result.json").config["data"] == str(tmp_path / name)
    again = rsmi("exponents", *arguments)
    assert again.code == 2
    assert "add --resume" in again.err


def test_a_config_of_another_encoding_on_resume(rsmi: Rsmi, samples: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.yaml").write_bytes(b"data: \xe9\xff\n")
    said = rsmi("exponents", "--data", samples, "--out", tmp_path / "out", "--resume")
    assert said.code == 2
    assert "holds a run with other settings" in said.err


def test_info_sums_up_a_run(rsmi: Rsmi, samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rsmi("exact", "--shape", "6x6", "--out", out)
    said = rsmi("info", out)
    assert said.code == 0
    assert "result of rsmi" in said.out
    assert "information.exact.optimum" in said.out
    (out / "result.json").unlink()
    (out / "samples.h5").write_bytes(samples.read_bytes())
    unfinished = rsmi("info", out)
    assert unfinished.code == 0
    assert "it has not ended" in unfinished.out
    assert "1024 in 16 chains" in unfinished.out
    (tmp_path / "empty").mkdir()
    empty = rsmi("info", tmp_path / "empty")
    assert empty.code == 2
    assert "so no run and no rule; name the file" in empty.err


def test_workers_are_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 3, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert cores() == 3
    _, execution = parse("verify", Verify, [], "")
    assert execution.workers == 3
