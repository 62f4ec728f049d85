"""A task at every point of a grid: its points, what is kept, shared and told, and its fits."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Quantity
from rsmi.lattice import Window
from rsmi.learning import value_rules
from rsmi.progress import Unwatched
from rsmi.report import read_result
from rsmi.runs import (
    Axes,
    Cluster,
    Cut,
    Exact,
    Execution,
    Exponents,
    Fit,
    Information,
    Learning,
    Point,
    PointResult,
    Run,
    SampleRecipe,
    Scan,
    ScanResult,
    expand,
    run,
    scan,
)
from rsmi.storage import generate

CHAIN = Exact(("inf",), temperature=2.0, block=(2,), rules=("decimation",))
FULL = "information.exact.full"
BUFFERS = {"buffer": [0, 1, 2, 3]}
RECIPE = SampleRecipe(
    shape=(8, 8), temperature=2.4, chains=8, records=64, seed=2, thin=2, equilibration=64
)
QUICK = Run(
    samples=RECIPE,
    window=Cut((2, 1), 1, 1),
    learning=Learning(
        hidden=(16,), max_epochs=1, steps_per_epoch=10, windows_per_configuration=8, null=False
    ),
    exponents=Exponents(rules=()),
)


def test_points_are_every_combination_and_each_has_its_digest() -> None:
    points = expand(
        QUICK,
        {"samples.temperature": [2.0, "critical"], "window": [{"block": "2x2"}, {"ball": 1}]},
        {"seed": [1, 2], "samples.seed": [3, 4]},
    )
    assert len(points) == 8
    first, last = points[0].task, points[-1].task
    assert isinstance(first, Run)
    assert isinstance(last, Run)
    assert (first.seed, first.window) == (1, Cut((2, 2)))
    assert last.samples == replace(RECIPE, temperature="critical", seed=4)
    assert last.window == Cut(ball=1)
    assert len({point.digest for point in points}) == len({point.name for point in points}) == 8
    assert points[-1].number("samples.temperature") == pytest.approx(2 / math.log1p(math.sqrt(2)))
    assert points[0].number("window") is None


@pytest.mark.parametrize(
    ("grid", "together", "words"),
    [
        ({"window.bufer": [1]}, {}, "no setting 'window.bufer'; did you mean 'window.buffer'"),
        ({"bufer": [1]}, {}, "there is no setting 'bufer'; did you mean 'window.buffer'"),
        ({"seed": []}, {}, r"seed is \[\]; expected a list with at least one value"),
        ({"seed": 3}, {}, "seed is 3; expected a list with at least one value"),
        ({"seed": [1, 1]}, {}, "seed holds 1 twice"),
        ({}, {}, "no setting varies; give at least one list"),
        ({"seed": [1]}, {"seed": [2]}, "'seed' varies twice"),
        ({"window": [{}], "window.buffer": [1]}, {}, "'window.buffer' varies twice, as 'window'"),
        ({}, {"seed": [1, 2], "window.buffer": [1]}, r"unequal length \(seed: 2, window.buffer: 1"),
        ({"seed": list(range(200)), "window.buffer": list(range(200))}, {}, "40000 points, each"),
        ({"window.buffer": ["two"]}, {}, "window.buffer is 'two'; expected a whole number"),
        ({"window.block": [3]}, {}, r"window.block is 3; expected a list such as \[2, 2\] or null"),
        ({"learning.rule": ["tabel"]}, {}, "expected one of table, linear, mlp, conv"),
        ({"window": [{"blok": [2]}]}, {}, "window has no setting 'blok'; did you mean 'block'"),
        ({"samples.temperature": [-1.0]}, {}, r"the point \(samples.temperature: -1.0\) cannot be"),
    ],
)
def test_grids_that_cannot_be_are_refused(
    grid: dict[str, Any], together: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        expand(QUICK, grid, together)


def test_a_setting_of_a_step_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="but the task has no samples; give one"):
        expand(replace(QUICK, samples=None, data="x.npy"), {"samples.seed": [1]}, {})


def test_only_what_is_missing_or_changed_is_done_again(tmp_path: Path) -> None:
    asked, where = Scan(CHAIN, BUFFERS), Execution(out=str(tmp_path))
    first = scan(asked, where)
    assert [one.find(FULL).value for one in first.points] == pytest.approx(  # type: ignore[union-attr]
        [0.21701073, 4.573560e-2, 9.744702e-3, 0.0020800365], rel=1e-6
    )
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("points/*/result.json")}
    assert len(written) == 4
    victim, spoilt, *kept = written
    victim.unlink()
    spoilt.write_text(spoilt.read_text().replace("0.", "1.", 1))  # no longer what was written
    more = Scan(CHAIN, {"buffer": [0, 1, 2, 3, 4]})
    watcher = Unwatched()
    second = scan(more, where, watcher=watcher)
    assert watcher.lines == ["2 of 5 points are finished and kept", "Carrying out 3 points"]
    assert second.points[:4] == tuple(
        replace(one, seconds=two.seconds)
        for one, two in zip(first.points, second.points, strict=False)
    )
    assert all(path.stat().st_mtime_ns == written[path] for path in kept)
    assert all(victim.stat().st_mtime_ns != written[path] for path in (victim, spoilt))


def test_points_with_one_recipe_share_one_file_and_find_what_a_run_finds(tmp_path: Path) -> None:
    asked = Scan(QUICK, {"samples.temperature": [2.4, 3.0], "window.buffer": [1, 2]})
    found = scan(asked, Execution(out=str(tmp_path)))
    assert len(list(tmp_path.glob("samples/*.h5"))) == 2
    assert not list(tmp_path.glob("points/*/samples.h5"))
    assert not found.failed
    assert list(found.points[0].numbers) == run(QUICK).quantities()
    assert {key.partition(".")[0] for key in found.columns} == {"information"}
    folder = next(tmp_path.glob("points/temperature=2.4_buffer=1-*"))
    assert {path.name for path in folder.iterdir()} >= {"config.yaml", "log.txt", "rule"}


def test_a_point_that_values_rules_carries_the_null_and_refuses_as_the_command_does(
    tmp_path: Path,
) -> None:
    path, few = tmp_path / "samples.h5", replace(QUICK.learning, null=True)
    generate(RECIPE, path)
    task = Information(str(path), rules=("majority",), window=QUICK.window, learning=few)
    errors = {"learning.error": [None, 1e-4]}
    valued, refused = scan(Scan(task, errors), Execution(out=str(tmp_path))).points
    alone = value_rules(path, Window((2, 1), 1, 1), ["majority"], **vars(few))
    assert list(valued.numbers) == alone.quantities()
    assert valued.find("information.full.null") is not None
    assert list(refused.numbers) == list(valued.numbers)
    assert "its error larger than 0.0001 nats" in refused.failure


def test_infinite_temperature_is_a_point_like_any_other(tmp_path: Path) -> None:
    asked = Scan(replace(RECIPE, records=8), {"temperature": [3.0, "inf"]})
    found = scan(asked, Execution(out=str(tmp_path)))
    assert not found.failed
    assert found.points[1].find("sampling.energy") is not None
    assert [one.point.number("temperature") for one in found.points] == [3.0, None]
    watcher = Unwatched()
    scan(asked, Execution(out=str(tmp_path)), watcher=watcher)
    assert watcher.lines == ["2 of 2 points are finished and kept"]


def test_a_point_that_fails_is_a_row_and_stops_nobody(tmp_path: Path) -> None:
    task = replace(CHAIN, shape=(6, 6), temperature="critical", block=(2, 2))
    found = scan(Scan(task, {"buffer": [1, 4]}, columns=(FULL,)), Execution(out=str(tmp_path)))
    assert found.points[0].find(FULL).value == pytest.approx(0.549401, abs=1e-6)  # type: ignore[union-attr]
    assert found.points[1].numbers == ()
    assert "buffer" in found.points[1].failure
    (reason,) = tmp_path.glob("points/*/reason.txt")
    assert reason.read_text().strip() == found.points[1].failure
    with pytest.raises(AnalysisError, match=r"1 of 2 points and 0 fits failed, such as buffer=4-"):
        found.check()
    assert found.rows()[1]["failure"] == found.points[1].failure
    assert found.quantities()[-1].context.keys() == {found.points[1].point.name}
    assert "failed" in found.table()
    assert "failed" in found._repr_html_()


def test_numbers_of_a_point_that_was_refused_stay_beside_the_reason(tmp_path: Path) -> None:
    task = replace(
        QUICK,
        samples=replace(RECIPE, shape=(16, 16), temperature=2.6, records=128),
        window=Cut(),
        exponents=Exponents(("majority",), blocks=16, reach=1.5),
    )
    asked, where = Scan(task, {"seed": [1]}), Execution(out=str(tmp_path))
    found = scan(asked, where)
    assert "no fixed point" in found.points[0].failure
    assert found.points[0].find("information.learned") is not None
    watcher = Unwatched()
    assert scan(asked, where, watcher=watcher).failed == found.failed
    assert watcher.lines == ["1 of 1 points are finished and kept"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # submitit's logs
@pytest.mark.parametrize("how", ["processes", "cluster"])
def test_processes_and_jobs_find_the_same(how: str, tmp_path: Path) -> None:
    if how == "cluster":
        pytest.importorskip("submitit")
    here = scan(Scan(CHAIN, BUFFERS), Execution(out=str(tmp_path / "here")))
    cluster = Cluster("debug") if how == "cluster" else None
    there = scan(
        Scan(CHAIN, {"buffer": [0, 1, 2, 40, 3]}), Execution(out=str(tmp_path / "there")),
        2 if how == "processes" else 1, cluster,
    )  # fmt: skip
    numbers = {one.point.name: one.numbers for one in there.points}
    assert all(numbers[one.point.name] == one.numbers for one in here.points)


def test_fits_and_figure_of_an_exact_decay(tmp_path: Path) -> None:
    fit = Fit("buffer", FULL, ("exponential", "power"), shift=1.0)
    grid = {"temperature": [2.0, 10.0], "buffer": [0, 1, 2, 3, 4]}
    found = scan(Scan(CHAIN, grid, fits={"decay": fit}), Execution(out=str(tmp_path)))
    assert [next(iter(one.curves)) for one in found.fits] == ["exponential", "exponential"]
    rates = [q for q in found.quantities() if q.name == "fit.decay.exponential.rate"]
    assert [q.value for q in rates] == pytest.approx([1.556, 4.613418], rel=1e-4)
    assert rates[1].context["temperature"] == 10.0
    (axes,) = found.plot().axes
    assert {"temperature 2.0", "exponential", "power"} <= set(axes.get_legend_handles_labels()[1])
    lines = found.csv().splitlines()
    assert len(lines) == 11
    assert lines[0].startswith(f"temperature,buffer,{FULL},{FULL}.error,{FULL}.kind")


def made(choices: list[Mapping[str, Any]], values: list[float], error: float) -> list[PointResult]:
    return [
        PointResult(Point(choice, QUICK), (Quantity("a.b", value, error, "estimate", "nats"),))
        for choice, value in zip(choices, values, strict=True)
    ]


def test_repetitions_give_the_errors_and_a_feature_stands_beside_what_is_known() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(2.0, 2.5, 9)
    choices = [{"t": float(t), "seed": seed} for seed in range(6) for t in x]
    shift = np.repeat(rng.normal(0, 0.02, 6), 9)
    curve = np.array([-((c["t"] - 2.269 - s) ** 2) for c, s in zip(choices, shift, strict=True)])
    fit = Fit("t", "a.b", feature="maximum", over=("seed",), reference=2.269)
    found = ScanResult(tuple(made(choices, list(curve), 1e-4)), ("a.b",), {"top": fit})
    (result,) = found.fits
    assert result.feature is not None
    assert result.y.shape == (6, 9)
    assert result.feature.statistical == pytest.approx(shift.std() / math.sqrt(5), rel=1e-3)
    assert found.quantities()[-3].reference == 2.269
    assert "maximum" in found.table()
    assert "independent, although" not in found.table()
    alone = replace(found, points=found.points[:9], asked={"top": replace(fit, over=("seed",))})
    assert alone.fits[0].y.shape == (1, 9)
    apart = replace(found, asked={"top": replace(fit, over=())})
    assert len(apart.fits) == 6
    assert "independent, although" in apart.table()


def test_a_fit_that_cannot_be_is_a_row_with_its_reason() -> None:
    choices: list[Mapping[str, Any]] = [{"t": 1.0}, {"t": "hot"}]
    fit = Fit("t", "a.b", ("power",))
    found = ScanResult(tuple(made(choices, [1.0, 2.0], 0.1)), ("a.b",), {"p": fit})
    assert found.failed == {"p": "t is 'hot', which is no number"}
    with pytest.raises(AnalysisError, match="and 1 fits failed, such as p: t is 'hot'"):
        found.check()
    few = ScanResult(tuple(made(choices[:1], [1.0], 0.1)), ("a.b",), {"p": replace(fit, y="a.c")})
    assert few.failed == {"p": "no repetition has a.c at every t"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": "buffer", "y": FULL}, "not neither"),
        ({"x": "buffer", "y": FULL, "curves": ("power",), "feature": "maximum"}, "not both"),
        ({"x": "buffer", "y": FULL, "curves": ("powr",)}, "no curve 'powr'; did you mean 'power'"),
        ({"x": "buffer", "y": FULL, "feature": "top"}, "there is no feature 'top'"),
        ({"x": "bufer", "y": FULL, "curves": ("power",)}, "'bufer' does not vary; did you mean"),
    ],
)
def test_fits_that_nobody_could_mean(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Scan(CHAIN, BUFFERS, fits={"one": Fit(**options)})


def test_a_scan_needs_a_directory_and_an_axis_that_varies(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give the directory"):
        scan(Scan(CHAIN, BUFFERS))
    with pytest.raises(InputError, match="processes is 0; expected at least 1"):
        scan(Scan(CHAIN, BUFFERS), Execution(out=str(tmp_path)), processes=0)
    with pytest.raises(InputError, match="figure: 'block' does not vary"):
        Scan(CHAIN, BUFFERS, figure=Axes("block"))


def test_a_result_of_a_point_is_one_of_its_command(tmp_path: Path) -> None:
    scan(Scan(CHAIN, {"buffer": [1]}), Execution(out=str(tmp_path)))
    (folder,) = (tmp_path / "points").iterdir()
    result = read_result(folder)
    assert result.command == f"rsmi exact {folder / 'config.yaml'}"
    assert result.config["buffer"] == 1
