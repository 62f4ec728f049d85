"""One tiny recipe for every update of every model; a new one is tested by being registered."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from rsmi.sampling.families import families, quantum
from rsmi.storage import SampleRecipe

TINY: dict[str, dict[str, Any]] = {
    "ising": {"shape": (6, 6), "temperature": "critical"},
    "ising_graph": {
        "shape": (3, 4),
        "temperature": 2.0,
        "parameters": {"lattice": "kagome", "keep_sites": 0.8},
    },
    "potts": {"shape": (4, 5), "temperature": "critical", "parameters": {"states": 5}},
    "blume_capel": {"shape": (4, 5), "temperature": 0.7, "parameters": {"crystal_field": 1.9}},
    "dimers": {"shape": (4, 4), "temperature": 1.0},
    "decorated_dimers": {"shape": (4, 4), "temperature": "inf"},
    "mazes": {"shape": (9, 9)},
    "tfim": {"shape": (6,)},
    "heisenberg": {"shape": (6,)},
}
SPECIAL: dict[tuple[str, str], dict[str, Any]] = {
    ("dimers", "wilson"): {
        "shape": (5, 5),
        "temperature": "inf",
        "parameters": {"boundary": "corner"},
    },
    ("ising_graph", "parallel_tempering"): {
        "parameters": {"lattice": "triangular", "disorder": "gaussian", "ladder": [3.0, 4.0]},
    },
}
TRAINING = {"training_steps": 5, "training_samples": 64}


def tiny_recipe(model: str, update: str) -> SampleRecipe:
    chosen = TINY[model] | SPECIAL.get((model, update), {})
    if update == "variational":
        pytest.importorskip("netket")
        chosen = chosen | {"parameters": TRAINING}
    return SampleRecipe(
        model=model, update=update, chains=5, records=12, seed=3, thin=2, equilibration=20, **chosen
    )


EVERY = [(name, update) for name, family in families.items() for update in family.updates]


@pytest.fixture(params=EVERY, ids="-".join)
def recipe(request: pytest.FixtureRequest) -> SampleRecipe:
    return tiny_recipe(*request.param)


@pytest.fixture(autouse=True, scope="session")
def _trained_once() -> Iterator[None]:
    """Training compiles for many seconds; equal arguments are trained once in a test session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantum, "variational_ground_state", cache(quantum.variational_ground_state))
        yield
