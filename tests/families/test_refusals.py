"""Recipes that cannot be: the message lists what is known."""

import math
from dataclasses import replace
from typing import Any

import pytest

from rsmi.errors import InputError
from rsmi.sampling import CRITICAL_COUPLING, select
from rsmi.sampling.families import families
from rsmi.storage import SampleRecipe
from rsmi.storage.generation import Drawing


def recipe(**changes: Any) -> SampleRecipe:
    good = {"shape": (6, 6), "temperature": 1.0, "chains": 2, "records": 4, "seed": 1}
    return SampleRecipe(**(good | changes))


POTTS = {"model": "potts", "parameters": {"states": 3}}
GRAPH = {"model": "ising_graph", "parameters": {"lattice": "kagome"}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "pots"}, "model is 'pots'; did you mean 'potts'. expected ising"),
        ({"model": "potts"}, r"needs the parameter 'states'.*states \(number of states q"),
        (
            POTTS | {"parameters": {"states": 3, "colour": 1}},
            r"unknown parameter 'colour' of model potts; expected states \(number of",
        ),
        (POTTS | {"parameters": {"states": 2.5}}, "states is 2.5; expected a whole number"),
        (POTTS | {"update": "worm"}, "update is 'worm'; expected heat_bath or swendsen_wang"),
        (POTTS | {"temperature": "critical", "shape": (4, 4, 4)}, "in two dimensions only"),
        ({"model": "dimers", "temperature": "critical"}, "dimers is not known exactly; give"),
        ({"model": "dimers", "parameters": {"lattice": "kagome"}}, "expected one of square, hon"),
        ({"model": "mazes"}, "temperature is 1.0, but mazes have none; leave it out"),
        ({"model": "tfim", "shape": (6,)}, "is a ground state, at temperature 0; leave"),
        (POTTS | {"temperature": None}, "temperature is None; expected a number above 0"),
        (
            {"model": "ising_graph", "parameters": {"lattice": "kagome", "field": math.nan}},
            "field is nan; expected a number",
        ),
    ],
)
def test_recipes(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (POTTS | {"parameters": {"states": 1}}, "states is 1; expected a whole number q from 2"),
        ({"model": "dimers", "shape": (5, 5)}, "an odd number of sites"),
        (GRAPH | {"parameters": {"lattice": "kagom"}}, "'kagom'; did you mean 'kagome'. expected"),
        (GRAPH | {"temperature": 1e-310}, "coupling is inf; expected a finite number"),
        (GRAPH | {"temperature": 1e-307}, "overflows; expected bonds, field and coupling"),
        (POTTS | {"temperature": 1e-3}, "exp.K n. overflows beyond"),
        ({"model": "mazes", "temperature": None, "shape": (5, 6)}, "mazes are squares"),
        ({"model": "tfim", "temperature": None}, r"tfim is a chain; give one number of sites"),
        (
            GRAPH | {"parameters": {"lattice": "kagome", "ladder": [2.0]}},
            "only parallel_tempering takes it",
        ),
    ],
)
def test_models(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Drawing.of(recipe(**changes))


def test_temperatures_by_name() -> None:
    assert Drawing.of(recipe(temperature="critical")).model.coupling == CRITICAL_COUPLING
    assert Drawing.of(recipe(temperature="inf")).model.coupling == 0
    potts = Drawing.of(recipe(**POTTS, temperature="critical"))
    assert potts.header.couplings["coupling"] == pytest.approx(
        math.log(1 + math.sqrt(3)), rel=1e-15
    )
    free = Drawing.of(recipe(model="dimers", temperature="inf"))
    assert free.header.couplings == {"coupling": 0.0, "temperature": math.inf}


def test_old_recipes_keep_their_text_and_updates() -> None:
    text = recipe().to_yaml()
    assert "parameters" not in text
    assert "update: swendsen_wang\n" in text


def test_methods_and_devices() -> None:
    setup = replace(recipe(update="metropolis").setup, method="reference")
    family = families["ising"]
    model = family.model(setup)
    assert family.engine(setup, model, 1, "cpu").method == "reference"
    assert family.engine(replace(setup, method="auto"), model, 1, "cpu").method == "multispin"
    assert family.methods("metropolis") == ("multispin", "triton", "reference")
    for every in families.values():
        for update in every.updates:
            for method in ("auto", *every.methods(update)):
                assert every.check_method(update, method) == method
            with pytest.raises(InputError, match="method is 'fast'; expected one of auto, "):
                every.check_method(update, "fast")
    with pytest.raises(InputError, match="method is 'fast'; expected one of auto, multispin, ref"):
        family.engine(replace(setup, method="fast"), model, 1, "cpu")
    with pytest.raises(InputError, match="'triton', which does not run on device 'cpu'"):
        family.engine(replace(setup, method="triton"), model, 1, "cpu")


def test_models_without_a_method_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select.torch.cuda, "device_count", lambda: 1)
    setup = recipe(**POTTS).setup
    with pytest.raises(InputError, match="device is 'cuda'; this update runs on the CPU only"):
        families["potts"].engine(setup, families["potts"].model(setup), 1, "cuda")
