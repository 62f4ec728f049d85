"""`rsmi scan`: a config in, a folder for each point, a table, a figure and a page out."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rsmi.report import read_result

Rsmi = Callable[..., Any]

EXACT = """
task: exact
base: {model: ising, shape: [inf], block: [2], rules: [majority, decimation]}
grid: {temperature: [10.0, 2.0], buffer: [0, 1, 2, 3]}
fits:
  decay: {x: buffer, y: information.exact.full, curves: [exponential, power], shift: 1}
figure: {log: [y]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "chain.yaml"
    path.write_text(EXACT)
    return path


def test_a_scan_leaves_a_table_a_figure_and_a_page(
    rsmi: Rsmi, config: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = rsmi("scan", config, "--out", out, "--processes", "1")
    assert said.code == 0, said.err
    assert "8 points of `rsmi exact`" in said.err
    assert "exact.decimation" in said.out
    assert "delta AIC" in said.out
    found = {path.name for path in out.iterdir()}
    assert found == {"config.yaml", "figures", "points", "report.html", "result.json", "table.csv"}
    rows = list(csv.DictReader((out / "table.csv").read_text().splitlines()))
    assert [row["buffer"] for row in rows] == ["0", "1", "2", "3"] * 2
    assert float(rows[0]["information.exact.full"]) == pytest.approx(9.949731e-3, rel=1e-6)
    assert float(rows[5]["information.exact.decimation"]) == pytest.approx(2.763417e-2, rel=1e-6)
    names = {quantity.name for quantity in read_result(out).quantities()}
    assert names >= {"fit.decay.exponential.rate", "fit.decay.power.delta_aic", "scan.points"}
    page = (out / "report.html").read_text()
    assert "information.exact.full against buffer" in page
    assert "delta AIC" in page


def test_a_scan_grows_only_with_resume_and_does_only_what_is_new(
    rsmi: Rsmi, config: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = ("scan", config, "--out", out, "--processes", "1", "--grid.buffer", "[0,1,2,3]")
    assert rsmi(*first).code == 0
    again = rsmi(*first)
    assert again.code == 2
    assert "add --resume to go on with it" in again.err
    config.write_text(EXACT.replace("[0, 1, 2, 3]", "[0, 1, 2, 3, 4]"))
    grown = ("scan", config, "--out", out, "--processes", "1")
    assert "holds a run with other settings" in rsmi(*grown).err
    more = rsmi(*grown, "--resume")
    assert more.code == 0
    assert "8 of 10 points are finished and kept" in more.err
    assert yaml.safe_load((out / "config.yaml").read_text())["grid"]["buffer"] == [0, 1, 2, 3, 4]
    assert rsmi("scan", out / "config.yaml", "--out", out, "--resume").code == 0
    point = next((out / "points").glob("temperature=2.0_buffer=4-*"))
    alone = rsmi("exact", point / "config.yaml", "--out", tmp_path / "alone")
    assert alone.code == 0
    assert read_result(tmp_path / "alone").quantities() == read_result(point).quantities()


def test_a_failed_point_is_named_at_the_end(rsmi: Rsmi, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    config.write_text(EXACT.replace("[inf]", "[6, 6]").replace("block: [2]", "block: [2, 2]"))
    said = rsmi("scan", config, "--out", out, "--processes", "1")
    assert said.code == 1
    assert "rsmi scan: error: " in said.err
    assert "points and 2 fits failed, such as temperature=10.0_buffer=" in said.err
    assert (out / "report.html").exists()
    rows = list(csv.DictReader((out / "table.csv").read_text().splitlines()))
    assert [bool(row["failure"]) for row in rows[:4]] == [False, False, True, True]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("buffer: [0", "bufer: [0"), "there is no setting 'bufer'; did you mean 'buffer'?"),
        (("[0, 1, 2, 3]", "[]"), "buffer is []; expected a list with at least one value"),
        (("[0, 1, 2, 3]", str(list(range(9000)))), "18000 points, each of which is a task"),
        (("task: exact", "task: exacts"), "did you mean 'exact'?"),
        (("block: [2]", "blok: [2]"), "the key 'blok' is not accepted; did you mean 'block'?"),
        (("curves:", "curve:"), "fits.decay has no setting 'curve'; did you mean 'curves'?"),
        (("[exponential, power]", "[exponental]"), "did you mean 'exponential'?"),
        (("x: buffer", "x: bufer"), "fits.decay: 'bufer' does not vary; did you mean 'buffer'?"),
        (("grid:", "gird:"), "the key 'gird.temperature' is not accepted"),
    ],
)
def test_scans_that_nobody_could_mean(
    change: tuple[str, str], words: str, rsmi: Rsmi, config: Path, tmp_path: Path
) -> None:
    config.write_text(EXACT.replace(*change))
    said = rsmi("scan", config, "--out", tmp_path / "out")
    assert said.code == 2
    assert words in said.err
    assert not (tmp_path / "out").exists()


def test_values_that_vary_need_not_stand_in_the_base(rsmi: Rsmi, tmp_path: Path) -> None:
    path = tmp_path / "sample.yaml"
    path.write_text(
        "task: sample\n"
        "base: {chains: 4, records: 32, thin: 1, equilibration: 32, seed: 1}\n"
        "grid: {shape: [4x4, 6x6]}\n"
        "zip: {model: [ising, potts], temperature: [2.5, 1.2], update: [metropolis, heat_bath],\n"
        "      parameters: [{}, {states: 3}]}\n"
        "columns: [sampling.energy]\n"
    )
    said = rsmi("scan", path, "--out", tmp_path / "out", "--processes", "1")
    assert said.code == 0, said.err
    assert len(list((tmp_path / "out" / "points").iterdir())) == 4


def test_single_keys_are_overridden_by_dotted_options(
    rsmi: Rsmi, config: Path, tmp_path: Path
) -> None:
    config.write_text(
        "task: run\nbase: {data: mine.npy, exponents: {rules: []}}\n"
        "grid: {window.buffer: [1, 2], learning.max_epochs: [1], learning.hidden: [[8]]}\n"
    )
    said = rsmi(
        "scan", config, "--out", tmp_path / "out", "--grid.window.buffer", "[3]",
        "--grid.learning.max_epochs=[4, 5]", "--grid.learning.hidden", "[[16]]",
        "--base.seed", "7", "--base.learning.patience=3", "--processes", "1",
    )  # fmt: skip
    assert said.code == 1
    assert "mine.npy" in said.err
    kept = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert kept["grid"] == {
        "window.buffer": [3], "learning.max_epochs": [4, 5], "learning.hidden": [[16]]
    }  # fmt: skip
    points = [path.name for path in (tmp_path / "out" / "points").iterdir()]
    settings = yaml.safe_load((tmp_path / "out" / "points" / points[0] / "config.yaml").read_text())
    assert (settings["seed"], settings["learning"]["patience"]) == (7, 3)
    assert "--grid.seed is [1; expected a value" in rsmi("scan", config, "--grid.seed", "[1").err


def test_any_command_that_leaves_a_result_can_be_scanned(
    rsmi: Rsmi, samples: Path, tmp_path: Path
) -> None:
    path = tmp_path / "fit.yaml"
    path.write_text(
        "task: fit\n"
        "base:\n"
        "  model: {class_path: PosteriorRSMI, init_args: {hidden: [16]}}\n"
        f"  data: {{path: {samples}, window: {{block: [2, 2], buffer: 1}}, steps_per_epoch: 5,\n"
        "         windows_per_configuration: 8}\n"
        "  trainer: {max_epochs: 1, enable_progress_bar: false}\n"
        "grid: {model.init_args.symmetry: [impose, imposed]}\n"
        "columns: [information.learned]\n"
    )
    said = rsmi("scan", path, "--out", tmp_path / "out", "--processes", "1")
    assert said.code == 1
    assert "symmetry" in said.err
    assert "1 of 2 points and 0 fits failed, such as symmetry=imposed-" in said.err
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").read_text().splitlines()))
    assert float(rows[0]["information.learned"]) > 0
    assert rows[1]["information.learned"] == ""
