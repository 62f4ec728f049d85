"""Every model through `rsmi sample`: results for good recipes, exit code 2 for impossible ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Rsmi = Callable[..., Any]

COMMON = {"chains": 4, "records": 40, "seed": 1, "thin": 2, "equilibration": 40}
GRAPH = {"model": "ising_graph", "shape": [6, 6], "temperature": 1.0}
FRUSTRATED = {"lattice": "triangular", "bonds": -1}
GOOD: dict[str, dict[str, Any]] = {
    "ising_graph": GRAPH | {"parameters": {"lattice": "honeycomb", "field": 0.1}},
    "potts": {"shape": [8, 8], "temperature": "critical", "parameters": {"states": 3}},
    "blume_capel": {"shape": [8, 8], "temperature": 0.7, "parameters": {"crystal_field": 1.9}},
    "dimers": {"shape": [8, 8], "temperature": 1.0},
    "decorated_dimers": {"shape": [8, 8], "temperature": "inf"},
    "mazes": {"shape": [9, 9]},
    "tfim": {"shape": [8]},
    "heisenberg": {"shape": [8]},
}


def write(tmp_path: Path, facts: dict[str, Any]) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(COMMON | facts))
    return path


@pytest.mark.parametrize("model", GOOD)
def test_every_model_is_drawn_measured_and_verified(model: str, rsmi: Rsmi, tmp_path: Path) -> None:
    path = write(tmp_path, {"model": model} | GOOD[model])
    said = rsmi("sample", path, "--out", tmp_path / "out")
    assert said.code == 0, said.err
    names = {
        q["name"] for q in json.loads((tmp_path / "out" / "result.json").read_text())["quantities"]
    }
    assert "sampling.magnetisation" in names
    assert ("sampling.energy" in names) == (model != "mazes")
    shown = rsmi("info", tmp_path / "out" / "samples.h5")
    assert shown.code == 0, shown.err
    assert "agree with the spins" in shown.out


def test_parameters_on_the_command_line(rsmi: Rsmi, tmp_path: Path) -> None:
    path = write(tmp_path, {"model": "potts"} | GOOD["potts"])
    said = rsmi("sample", path, "--parameters.states", "4", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert "states: 4" in (tmp_path / "out" / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            GRAPH | {"parameters": FRUSTRATED, "update": "swendsen_wang"},
            "the bonds are frustrated",
        ),
        (GRAPH | {"parameters": FRUSTRATED, "update": "wolff"}, "use the update"),
        ({"model": "dimers", "shape": [5, 5], "temperature": 1.0}, "an odd number of sites"),
        (GRAPH | {"parameters": {"lattice": "kagom"}}, "expected one of bcc, chain, cubic"),
        (
            GRAPH | {"parameters": {"lattice": "square"}, "temperature": 1e-307},
            "overflows; expected bonds, field and coupling whose product is finite",
        ),
        ({"model": "potts", "shape": [8, 8], "temperature": 1.0}, "needs the parameter 'states'"),
        (
            {"model": "dimers", "shape": [8, 8], "temperature": 1.0, "update": "wilson"},
            "exact sampling needs free dimers with boundary 'corner'; use",
        ),
    ],
)
def test_what_cannot_be_drawn_is_explained(
    facts: dict[str, Any], words: str, rsmi: Rsmi, tmp_path: Path
) -> None:
    said = rsmi("sample", write(tmp_path, facts), "--out", tmp_path / "out")
    assert said.code == 2, said.err
    assert words in said.err
    assert not (tmp_path / "out" / "samples.h5").exists()
    assert not (tmp_path / "out" / "samples.h5.partial").exists()
