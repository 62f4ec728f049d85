"""`rsmi ensemble` is `learn_ensemble`, and what it leaves behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rsmi.cli.ensemble import EnsembleTask, Training
from rsmi.lattice import Window
from rsmi.learning import learn_ensemble, load_rule, read_card
from rsmi.learning.ensemble import _settings
from rsmi.report import read_result

Rsmi = Callable[..., Any]
SHORT = ["--learning.max_epochs", "2", "--learning.steps_per_epoch", "10", "--seed", "4"]


def test_command_and_function_agree(rsmi: Rsmi, samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "ensemble"
    said = rsmi("ensemble", "--data", samples, "--size", "5", *SHORT, "--out", out)
    assert said.code == 0, said.err
    assert "I(H:E) >= " in said.err
    found = learn_ensemble(
        samples, Window((2, 2), 1), size=5, seed=4, max_epochs=2, steps_per_epoch=10
    )
    kept = read_result(out / "result.json")
    assert [q.value for q in kept.quantities()] == [q.value for q in found.quantities()]
    assert (out / "filters.png").stat().st_size > 1000
    assert "The best rules as points" in (out / "report.html").read_text()
    assert load_rule(out / "rule").table().equal(found.rule().table())
    assert read_card(out / "rule")["ensemble"] == {"members": 5, "member": found.best}


def test_defaults_are_those_of_the_function() -> None:
    settings = _settings(1, 0, {})
    assert vars(Training()) == {name: getattr(settings, name) for name in vars(Training())}
    assert EnsembleTask("x.h5").size == 100


def test_bad_input_is_explained(rsmi: Rsmi, samples: Path, tmp_path: Path) -> None:
    none = rsmi("ensemble", "--data", samples, "--size", "0")
    assert (none.code, "an ensemble of 0 members" in none.err) == (2, True)
    large = rsmi(
        "ensemble", "--data", samples, "--window.block", "[15,15]", "--out", tmp_path / "x"
    )
    assert (large.code, "does not fit" in large.err) == (2, True)
    assert not (tmp_path / "x").exists()
