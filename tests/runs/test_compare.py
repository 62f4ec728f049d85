"""Methods beside each other: what is a number, what is refused, what is kept, and how it reads."""

import csv
import io
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rsmi.cli.main import main
from rsmi.errors import AnalysisError, InputError
from rsmi.information import Quantity
from rsmi.learning import majority
from rsmi.learning.windowed import HeldOut
from rsmi.progress import Unwatched
from rsmi.report import read_result
from rsmi.runs import (
    Compare,
    Comparison,
    Cut,
    Execution,
    Learning,
    PointResult,
    SampleRecipe,
    compare,
)
from rsmi.runs.comparing import block_entropy, over_seeds
from rsmi.runs.grid import Point
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang
from rsmi.storage import samples_of

QUICK: dict[str, Any] = {
    "learning": Learning(rule="linear", max_epochs=1, steps_per_epoch=20, null=False),
    "valuing": Learning(
        hidden=(16,), max_epochs=1, steps_per_epoch=10, windows_per_configuration=16, null=False
    ),
}

TINY = SampleRecipe(shape=(8, 8), temperature=2.0, chains=2, records=4, seed=1)


@pytest.fixture(scope="module")
def found() -> Comparison:
    """An array of critical spins without a word about its model."""
    sampler = SwendsenWang(Ising((16, 16), CRITICAL_COUPLING), seed=3)
    state, draws = sampler.initial(64), []
    for draw in range(24):
        sampler.advance(state, 5 * draw, 5)
        draws.append(state.numpy().copy())
    samples = samples_of(np.stack(draws[8:], 1), chains=64)
    methods = ("pca", "decimation", "classifier")
    return compare(Compare(methods=methods, seeds=(1, 2), **QUICK), samples)


def test_numbers_are_there_or_refused_with_the_reason(found: Comparison) -> None:
    assert found.methods == ["pca", "decimation", "classifier"]
    pca, decimation = (found.find(name, "information") for name in ("pca", "decimation"))
    assert pca is not None
    assert decimation is not None
    assert pca.kind == "lower"
    assert pca.value > decimation.value + 0.02
    y_h = found.find("pca", "y_h")
    assert y_h is not None
    assert abs(y_h.value - 15 / 8) < 5 * y_h.error < 0.1
    assert found.find("decimation", "y_t") is None
    assert found.find("decimation", "y_h.step.1") is None
    assert "copies spins" in found.refused["decimation, exponents refused"]
    assert "do not say which model" in found.refused["classifier, left out"]
    assert found.find("pca", "H(Y|T)") is None  # nobody said which phase is which
    found.check()


def test_the_table_says_what_was_refused(found: Comparison) -> None:
    text = found.table(120)
    row = next(line for line in text.splitlines() if line.startswith("decimation "))
    assert row.split()[1] == ">"
    flows = text.split("Where it flows")[1].splitlines()
    assert next(line for line in flows if line.startswith("decimation")).count("refused") == 5
    assert next(line for line in flows if line.startswith("classifier")).count("left out") == 7
    assert "decimation, exponents refused: no fixed point here: the rule copies" in text
    assert "means over 2 seeds" in text


def test_rows_and_names_are_whole(found: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(found.csv())))
    assert [(row["method"], row["seed"]) for row in rows[:3]] == [
        ("pca", "1"), ("pca", "2"), ("decimation", "1"),
    ]  # fmt: skip
    assert rows[2]["y_t"] == ""
    assert float(rows[0]["y_t.step.1"]) > 0
    assert rows[-1]["failure"].startswith("the samples carry no labels")
    names = [q.name for q in found.quantities()]
    assert len(names) == len(set(names))
    assert "compare.pca.information" in names
    figure = found.plot()
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    assert "$y_t$" in titles
    assert "$H$(phase$|h...)$" not in titles  # nobody measured it


def test_the_error_over_seeds_holds_scatter_and_what_each_had() -> None:
    each = [Quantity("compare.a.y", v, 0.3, "estimate", "1", 2.0) for v in (1.0, 2.0, 3.0, 2.0)]
    mean = over_seeds(each)
    assert (mean.value, mean.reference) == (2.0, 2.0)
    assert mean.error == pytest.approx(math.hypot(0.3, math.sqrt(2 / 3) / 2))
    assert over_seeds(each[:1]).error == pytest.approx(0.3)


def test_the_entropy_of_a_block_is_that_of_what_was_drawn() -> None:
    p = torch.tensor([0.4, 0.1, 0.2, 0.3], dtype=torch.float64)
    drawn = torch.multinomial(p, 40_000, True, generator=torch.Generator().manual_seed(4))
    blocks = torch.stack([drawn % 2, drawn // 2], 1).to(torch.int8)
    held = HeldOut(blocks, blocks, torch.arange(40_000) // 100, 400, None)  # type: ignore[arg-type]
    entropy = -float((p * p.log()).sum())
    table = majority((2,)).table()
    given = table * p[:, None]
    kept = float((given * (table.clamp(min=1e-300) / given.sum(0)).log()).sum())
    left = block_entropy(majority((2,)), held)
    assert 0 < left.error < 0.01
    assert abs(left.value - (entropy - kept)) < 4.9 * left.error
    with pytest.raises(InputError, match="count those of at most"):
        block_entropy(majority((4, 4)), held)


def test_what_was_finished_is_kept(tmp_path: Path) -> None:
    coins = np.random.default_rng(5).integers(0, 2, (512, 8, 8))
    np.save(tmp_path / "coins.npy", coins)
    data = str(tmp_path / "coins.npy")
    task = Compare(data=data, methods=("majority", "random"), seeds=(1,), **QUICK)
    execution, told = Execution(str(tmp_path), workers=1), Unwatched()
    first = compare(task, execution=execution)
    folders = sorted(folder.name for folder in (tmp_path / "points").iterdir())
    assert len(folders) == 2
    assert folders[0].startswith("methods=majority_seeds=1-")
    shutil.rmtree(tmp_path / "points" / folders[1])
    again = compare(task, execution=execution, watcher=told)
    assert "1 of 2 points are finished and kept" in told.lines
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in first.rows()]
    assert [{k: v for k, v in row.items() if k != "seconds"} for row in again.rows()] == rows
    assert "random, exponents refused" in again.refused


def test_the_command_leaves_table_figure_and_page(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "c.yaml").write_text(
        "samples: {shape: [8, 8], temperature: critical, chains: 64, records: 16, seed: 2,\n"
        "          thin: 4, equilibration: 64}\nmethods: [majority]\nseeds: [1]\n"
        "valuing: {hidden: [16], max_epochs: 1, steps_per_epoch: 10, null: false}\n"
    )
    out = tmp_path / "out"
    assert main(["compare", str(tmp_path / "c.yaml"), "--out", str(out), "--workers", "1"]) == 0
    assert "What a rule keeps and forgets" in capsys.readouterr().out
    result = read_result(out)
    assert result.find("compare.majority.information").kind == "lower"
    assert result.find("compare.majority.H(Y|T)").kind == "upper"
    assert 0.95 < result.find("compare.majority.of_best").value <= 1.0
    assert result.find("compare.majority.rangeness").value == pytest.approx(0.21906, abs=1e-5)
    assert (out / "table.csv").read_text().startswith("method,seed,information,")
    assert (out / "figures" / "compare.png").exists()
    assert "rule of the method" in (out / "report.html").read_text()
    wrong = ["--methods", "[pcaa]", "--out", str(tmp_path / "wrong")]
    assert main(["compare", str(tmp_path / "c.yaml"), *wrong]) == 2
    assert "did you mean 'pca'" in capsys.readouterr().err
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"methods": ("pcaa",), "data": "x.npy"}, "no method 'pcaa'; did you mean 'pca'"),
        ({"methods": ()}, r"methods is \[\]; expected at least one"),
        ({"seeds": (1, 1)}, r"seeds is \[1, 1\]; expected at least one, and each of them once"),
        ({"seeds": (-1,)}, "seed is -1; expected a whole number from 0"),
        ({"share": 1.0}, "share is 1.0; expected the part of the configurations"),
        ({}, "give either `samples`"),
        ({"data": "x.npy"}, "there is no file x.npy"),
        ({"samples": TINY, "window": Cut((8, 8))}, "does not fit the 8x8 cells"),
    ],
)
def test_bad_input_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        compare(Compare(**options))


def test_a_comparison_of_nothing_fails() -> None:
    point = Point({"methods": ["rbm"], "seeds": [1]}, Compare(data="x.npy"))
    with pytest.raises(AnalysisError, match="no method could be used: three symbols"):
        Comparison((PointResult(point, (), "three symbols are no bits"),)).check()
