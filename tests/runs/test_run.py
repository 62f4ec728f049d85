"""A whole run as one call: the same numbers as the command, from a recipe, a file or an array."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rsmi.errors import AnalysisError, InputError
from rsmi.progress import Unwatched
from rsmi.report import read_result
from rsmi.runs import Cut, Execution, Exponents, Learning, Run, run
from rsmi.storage import SampleRecipe, open_samples, samples_of

QUICK = Learning(
    hidden=(32,), max_epochs=1, steps_per_epoch=10, windows_per_configuration=16, null=False
)
RECIPE = SampleRecipe(
    shape=(16, 16), temperature="critical", chains=16, records=64, seed=2, thin=2, equilibration=64
)
TASK = Run(learning=QUICK, exponents=Exponents(reach=1.5, blocks=16), seed=4)


def test_command_file_and_array_find_the_same(
    rsmi: Callable[..., Any], samples: Path, tmp_path: Path
) -> None:
    said = rsmi(
        "run", "--data", samples, "--out", tmp_path / "out", "--learning.hidden", "[32]",
        "--learning.max_epochs", "1", "--learning.steps_per_epoch", "10", "--learning.null",
        "false", "--learning.windows_per_configuration", "16", "--exponents.reach", "1.5",
        "--exponents.blocks", "16", "--seed", "4",
    )  # fmt: skip
    assert said.code == 0, said.err
    found = run(replace(TASK, data=str(samples)))
    assert found.quantities() == read_result(tmp_path / "out").quantities()
    with open_samples(samples) as source:
        array = source.read(0, source.n).numpy().reshape(64, 16, 16, 16).swapaxes(0, 1)
    brought = run(TASK, samples_of(array, chains=16))
    assert brought.learned.information == found.learned.information
    assert [flow.scan for flow in brought.flows.values()] == [f.scan for f in found.flows.values()]
    assert len(found.plot().axes) > 0


def test_a_recipe_is_drawn_and_kept_only_where_asked(tmp_path: Path) -> None:
    watcher = Unwatched()
    task = replace(TASK, samples=RECIPE, exponents=Exponents(rules=()))
    found = run(task, execution=Execution(out=str(tmp_path / "kept")), watcher=watcher)
    assert {path.name for path in (tmp_path / "kept").iterdir()} >= {"samples.h5", "rule"}
    assert set(watcher.timings) == {"sampling", "learning"}
    assert "sampling.energy" in {quantity.name for quantity in found.quantities()}
    assert run(task).quantities() == found.quantities()


def test_a_block_too_large_for_tables_is_run_without_classical_rules(samples: Path) -> None:
    large = replace(QUICK, method="joint", rule="linear", restarts=1)
    window = Cut((6, 6), 1, 1)
    found = run(Run(data=str(samples), window=window, learning=large, exponents=Exponents(())))
    assert found.learned.placement.n_visible == 36
    assert "information.majority" not in {quantity.name for quantity in found.quantities()}


def test_what_was_found_before_a_failure_is_returned(samples: Path) -> None:
    hot = replace(TASK, samples=replace(RECIPE, temperature=2.6))
    found = run(hot)
    assert found.learned.information.value > 0
    with pytest.raises(AnalysisError, match="no fixed point with rule 'learned', 'majority'"):
        found.check()
    few = replace(TASK, data=str(samples), exponents=Exponents(blocks=1))
    failed = run(few)
    assert failed.flows == {}
    with pytest.raises(InputError, match="blocks"):
        failed.check()


def test_samples_come_from_one_place(samples: Path) -> None:
    with pytest.raises(InputError, match="beside a task that names its own"):
        run(replace(TASK, data=str(samples)), samples)
    with pytest.raises(InputError, match="give either `samples`"):
        run(TASK)
