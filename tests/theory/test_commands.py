"""`rsmi theory` as a user runs it: result, page, pictures, and what it refuses."""

from pathlib import Path

import pytest

from rsmi.report import read_result

SMALL = {
    "machines": (
        "--machines", "100", "--depth", "2", "--width", "16", "--trials", "20",
        "--learning.steps", "60", "--learning.width", "8", "--learning.errors", "[0.2]",
    ),
    "firenet": (
        "--problem.shape", "[32]", "--problem.measurements", "16", "--problem.sparse", "2",
        "--attack.signals", "2", "--attack.training", "5", "--attack.steps", "2",
        "--attack.restarts", "1", "--attack.problem.shape", "[16]",
        "--attack.problem.measurements", "8", "--attack.problem.sparse", "2",
    ),
    "measures": (
        "--n", "20", "--steps", "2", "--goal", "10", "--scatter", "4", "--sizes", "[4, 8, 16]",
        "--langevin.n", "20", "--langevin_steps", "[2]", "--game", "8", "--symmetric", "2",
    ),
    "intrinsic": (
        "--rates", "[{rate: 0.1, decay: 0.2}]", "--dimension", "20", "--seeds", "2",
        "--network.width", "4", "--network.inputs", "2",
    ),
    "sawtooth": (
        "--teeth", "2", "--depths", "[1]", "--widths", "[2, 4]", "--seeds", "2", "--steps", "5",
    ),
    "mazes": (
        "--ways", "[{weights: own}, {growth: 0.1}]", "--school", "[{size: 5, layers: 3, steps: 2}]",
        "--seeds", "10", "--mazes", "200", "--sizes", "[5]", "--line_sizes", "[5, 7]",
        "--line_points", "5", "--line_mazes", "200", "--enumerated", "3", "--depth", "2",
        "--steepnesses", "[12]", "--walls", "[5]",
    ),
    "stability": ("--shape", "[8, 8]", "--levels", "1", "--configurations", "640"),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_a_theory_leaves_numbers_a_page_and_pictures(name, rsmi, tmp_path: Path):
    said = rsmi("theory", name, *SMALL[name], "--out", tmp_path / "out", "--workers", "1")
    assert said.code == 0, said.err
    result = read_result(tmp_path / "out")
    names = {quantity.name for quantity in result.numbers}
    assert names
    assert all(one.startswith(f"theory.{name}.") for one in names)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<img") == len(list((tmp_path / "out" / "figures").glob("*.png"))) > 0


def test_the_entropy_of_two_inputs_is_in_the_table(rsmi):
    said = rsmi("theory", "machines", *SMALL["machines"], "--workers", "1")
    rows = [line.split() for line in said.out.splitlines()]
    assert ["infinitely", "wide", "3.6655", "3.8931"] in rows


def test_help_names_every_theory(rsmi, capsys):
    with pytest.raises(SystemExit):
        rsmi("theory", "--help")
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in SMALL)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the theory is ''; expected `rsmi theory NAME [CONFIG]` with one of machines"),
        (("machine",), "did you mean 'machines'?"),
        (("machines", "--inputs", "4"), "4 inputs have 2^16 functions"),
        (("machines", "--gates", "[maj]"), "did you mean 'maj3'?"),
        (("machines", "--perturbations", "{dilute: 2}"), "strength of dilute is 2"),
        (("machines", "--learning.seeds", "2"), "expected at least 10 networks"),
        (("firenet", "--problem.kind", "sparse"), "expected dense, fourier or walsh"),
        (("firenet", "--sparsity", "-1"), "expected a sparsity above 0"),
        (("measures", "--n", "1"), "1 particles; expected at least 2"),
        (("measures", "--langevin.n", "1"), "1 particles; expected at least 2"),
        (("intrinsic", "--rates", "[{rate: 1, decay: 0}]"), "have no equilibrium"),
        (("sawtooth", "--widths", "[0]"), "expected at least one of each"),
        (("mazes", "--seeds", "3"), "expected at least 10 seeds"),
        (("mazes", "--ways", "[{kernel: square}]"), "square"),
        (("mazes", "--enumerated", "6"), "expected 3, 4 or 5"),
        (("stability", "--rules", "[majorty]"), "majorty"),
        (("stability", "--levels", "6"), "cannot be tiled"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, words, rsmi, tmp_path: Path):
    said = rsmi("theory", *arguments, *(("--out", tmp_path / "out") if arguments else ()))
    assert said.code == 2
    assert words in said.err
    assert not (tmp_path / "out").exists()
