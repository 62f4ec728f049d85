"""Bad input: a message that says what to do, exit code 2, nothing left behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Rsmi = Callable[..., Any]

GOOD = {
    "model": "ising",
    "shape": "[16, 16]",
    "temperature": "2.5",
    "chains": "4",
    "records": "8",
    "seed": "1",
}


def recipe(tmp_path: Path, **changes: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in (GOOD | changes).items()))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chians": "3"}, "the key 'chians' is not accepted; did you mean 'chains'?"),
        ({"chains": "many"}, "chains is many; expected a whole number"),
        ({"shape": "8"}, "shape is 8; expected a list such as [2,2]"),
        ({"chains": "0"}, "chains is 0; expected a whole number, at least 1"),
        ({"temperature": ".nan"}, "expected a number above 0"),
        ({"temperature": "-1"}, "expected a number above 0"),
        ({"temperature": "warm"}, "temperature is 'warm'"),
        ({"shape": "[16, 0]"}, "each extent of shape is 0"),
        ({"update": "wollf"}, "update is 'wollf'; did you mean 'wolff'? expected"),
        ({"temperature": "critcal"}, "did you mean 'critical'?"),
        ({"shape": "16x"}, "shape is 16x; expected a list such as [2,2]"),
        ({"seed": "[1"}, "is not valid YAML"),
    ],
)
def test_bad_recipe(changes: dict[str, str], words: str, rsmi: Rsmi, tmp_path: Path) -> None:
    said = rsmi("sample", recipe(tmp_path, **changes), "--out", tmp_path / "out")
    assert said.code == 2, said.err
    assert words.lower() in said.err.lower()
    assert not (tmp_path / "out").exists()


def test_config_that_is_missing(rsmi: Rsmi, tmp_path: Path) -> None:
    said = rsmi("run", tmp_path / "nothing.yaml")
    assert said.code == 2
    assert "does not exist" in said.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no options; expected `key: value` lines"),
        (b"- a\n- b\n", "holds no options"),
        (b"\x89HDF\xff\xfe", "is no text, so no config; a file of samples is given with --data"),
    ],
)
@pytest.mark.parametrize("command", ["run", "fit", "exponents"])
def test_configs_that_are_none(
    command: str, content: bytes, words: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    path = tmp_path / "config.h5"
    path.write_bytes(content)
    said = rsmi(command, path, "--out", tmp_path / "out")
    assert said.code == 2
    assert words in said.err


def test_a_directory_as_config(rsmi: Rsmi, tmp_path: Path) -> None:
    said = rsmi("run", tmp_path)
    assert said.code == 2
    assert "is a directory; name the YAML file in it" in said.err


def test_an_output_directory_that_cannot_be(rsmi: Rsmi, samples: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    out = tmp_path / "file" / "out"
    said = rsmi("exponents", "--data", samples, "--block", "[2,2]", "--out", out)
    assert said.code == 2
    assert "cannot be written to (Not a directory); choose another --out" in said.err


def test_bad_input_leaves_no_directory_so_that_the_next_try_can_use_it(
    rsmi: Rsmi, samples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ("exponents", "--data", samples, "--blocks", "16", "--reach", "1.5", "--out", out)
    assert rsmi(*arguments, "--block", "[3,3]").code == 2
    assert not out.exists()
    assert rsmi(*arguments, "--block", "[2,2]").code == 0


def test_output_directory_with_other_content(rsmi: Rsmi, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    said = rsmi("sample", recipe(tmp_path), "--out", tmp_path / "out")
    assert said.code == 2
    assert "holds other files; choose another --out" in said.err
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--block", "[3,3]"], "each extent of the lattice must be a multiple|tiled with blocks"),
        (["--levels", "9"], "use fewer levels"),
        (["--rule", "median", "--block", "[2,2]"], "expected majority"),
        (
            ["--block", "[2,-2]"],
            "block [2, -2], buffer 0, environment all beyond; expected",
        ),
        (
            ["--block", "[-2,-2]"],
            "block [-2, -2], buffer 0, environment all beyond; expected",
        ),
        (["--block", "[9,9]"], "2^81 rows and needs 3.6e+16 GiB"),
        (["--block", "2"], "block is 2; expected a list such as [2,2]"),
        (["--levels", "two"], "levels is two; expected a whole number"),
        (["--reach", "nan"], "reach is nan; expected a number"),
        (["--seed", "-1"], "seed is -1"),
        (["--block", "[2,2]", "--blocks", "1000"], "too few"),
        (["--block", "[2,2]", "--workers", "0"], "workers is 0"),
    ],
)
def test_exponents_that_cannot_be(
    arguments: list[str], words: str, rsmi: Rsmi, samples: Path
) -> None:
    if "--block" not in arguments and arguments:
        arguments = [*arguments, "--block", "[2,2]"]
    said = rsmi("exponents", "--data", samples, *arguments)
    assert said.code == 2, said.err
    assert any(word in said.err for word in words.split("|")), said.err


def write_npy(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


ARRAYS: dict[str, tuple[np.ndarray, str]] = {
    "three values": (
        np.arange(3 * 64 * 16).reshape(-1, 8, 8) % 3,
        "expected spins of +1/-1 or 0/1",
    ),
    "not a number": (np.full((100, 8, 8), np.nan), "nan"),
    "one number": (np.float64(3.0), "shape"),
    "empty": (np.zeros((0, 8, 8)), "0"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_are_no_spins(name: str, rsmi: Rsmi, tmp_path: Path) -> None:
    array, words = ARRAYS[name]
    path = write_npy(tmp_path / "mine.npy", array)
    said = rsmi("exponents", "--data", path, "--block", "[2,2]")
    assert said.code == 2, said.err
    assert words in said.err.lower()


def test_constant_samples_fail_the_analysis(rsmi: Rsmi, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "mine.npy", np.ones((2000, 16, 16), dtype=np.int8))
    said = rsmi("exponents", "--data", path, "--block", "[2,2]")
    assert said.code in (1, 2), said.err
    assert "constant" in said.err or "two" in said.err


@pytest.mark.parametrize("damage", ["truncated", "foreign", "flipped"])
def test_damaged_sample_files(damage: str, rsmi: Rsmi, samples: Path, tmp_path: Path) -> None:
    content = bytearray(samples.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "foreign":
        content[:] = b"spins" * 100
    else:
        content[-len(content) // 3] ^= 4
    path = tmp_path / "bad.h5"
    path.write_bytes(content)
    said = rsmi("info", path)
    assert said.code == 2, said.out
    assert str(path) in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--window.block", "[2,2]", "--window.buffer", "9"], "take a larger lattice"),
        (["--window.block", "[2,2]", "--window.buffer", "-1"], "buffer >= 0"),
        (
            ["--learning.method", "magic"],
            "learning.method is magic; expected one of auto, posterior",
        ),
        (["--window.ball", "1", "--window.disk", "2"], "expected one of block"),
        (["--learning.symbols", "17"], "symbols is 17; expected 2 to 16"),
        (["--learning.max_epochs", "0"], "max_epochs is 0; expected a whole number of at least 1"),
        (["--learning.hidden", "[0]"], "hidden is [0]; expected widths of 1 or more"),
        (["--learning.learning_rate", "-1"], "learning_rate is -1.0; expected a number above 0"),
        (["--seed", "-1"], "seed is -1; expected a whole number from 0"),
        (["--rules", "[a/rule,rule]"], "would both be reported as 'rule'"),
    ],
)
def test_windows_and_methods_that_do_not_fit(
    arguments: list[str], words: str, rsmi: Rsmi, samples: Path
) -> None:
    rules = [] if "--rules" in arguments else ["--rules", "[]"]
    said = rsmi("information", "--data", samples, *rules, *arguments)
    assert said.code == 2, said.err
    assert words in said.err


def test_samples_and_data_together(rsmi: Rsmi, tmp_path: Path) -> None:
    both = tmp_path / "both.yaml"
    lines = ["data: mine.npy", "samples:", *(f"  {key}: {value}" for key, value in GOOD.items())]
    both.write_text("\n".join(lines))
    said = rsmi("run", both, "--out", tmp_path / "out")
    assert said.code == 2
    assert "give either `samples`" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--learning.symmetry", "allow"], "such a rule cannot be iterated"),
        (["--learning.z2", "allow"], "has another name now: symmetry, which is impose or allow"),
        (["--learning.symbols", "4"], "as many symbols as letters can be iterated"),
        (["--learning.n_hidden", "2"], "has another name now: symbols, of which k coarse bits"),
        (["--exponents.blocks", "500"], "too few for 500 jackknife blocks"),
        (["--window.buffer", "8"], "take a larger lattice"),
    ],
)
def test_runs_that_could_not_end_are_refused_at_once(
    arguments: list[str], words: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    config = tmp_path / "run.yaml"
    lines = ["samples:", *(f"  {key}: {value}" for key, value in GOOD.items())]
    config.write_text("\n".join([*lines, "exponents: {blocks: 8}"]))
    said = rsmi("run", config, "--out", tmp_path / "out", *arguments)
    assert said.code == 2, said.err
    assert words in " ".join(said.err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "dimers", "--temperature", "1"], "listing every configuration, which takes"),
        (["--model", "pots"], "expected ising or"),
        (["--model", "potts"], "needs the parameter 'states'"),
        (
            ["--model", "potts", "--parameters.states", "3", "--rules", "[majority]"],
            "letters 0, 1, 2",
        ),
        (["--symbols", "1"], "expected at least 2"),
        (["--symbols", "3", "--z2", "impose"], "2, 4, 8 or 16 symbols"),
    ],
)
def test_exact_refuses_models_rules_and_symbols(
    arguments: list[str], words: str, rsmi: Rsmi
) -> None:
    said = rsmi("exact", "--shape", "[4,inf]", *arguments)
    assert said.code == 2
    assert words in " ".join(said.err.split())


@pytest.mark.parametrize("temperature", ["nan", "0", "-2"])
def test_exact_refuses_temperatures(temperature: str, rsmi: Rsmi) -> None:
    said = rsmi("exact", "--shape", "[4,4]", "--temperature", temperature)
    assert said.code == 2
    assert "expected a number above 0" in said.err


@pytest.mark.parametrize("command", ["exponents", "information", "run", "fit"])
def test_every_command_says_what_an_array_looks_like(
    command: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    spins = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (64, 1, 16, 16))
    np.save(tmp_path / "images.npy", spins)
    data = ["--data", tmp_path / "images.npy"]
    if command == "fit":
        data = ["--model", "PosteriorRSMI", "--data.path", tmp_path / "images.npy",
                "--data.window.block", "[2,2]", "--data.window.buffer", "1"]  # fmt: skip
    said = rsmi(command, *data, "--out", tmp_path / "out")
    assert said.code == 2, said.err
    assert "looks like channels of an image" in said.err
    assert "--select.shape, such as [16, 16]" in said.err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("symbols", "1", "symbols is 1; expected 2 to 16"),
        ("learning_rate", "-1", "learning_rate is -1.0; expected a number above 0"),
    ],
)
def test_what_a_module_refuses_is_said_in_its_own_words(
    option: str, value: str, words: str, rsmi: Rsmi, samples: Path, tmp_path: Path
) -> None:
    model = ["--model", "PosteriorRSMI", f"--model.{option}", value]
    window = ["--data.window.block", "[2,2]", "--data.window.buffer", "1"]
    said = rsmi("fit", "--data.path", samples, *window, *model, "--out", tmp_path / "out")
    assert said.code == 2
    assert said.err.splitlines()[-1] == f"rsmi fit: error: {words}; see `rsmi fit --help`"
    assert not (tmp_path / "out").exists()
