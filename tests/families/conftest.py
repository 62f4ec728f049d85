"""One tiny recipe for every update of every model; a new one is tested by being registered."""

from typing import Any

import numpy as np
import pytest

from rsmi.information import Estimate
from rsmi.sampling.families import families, quantum
from rsmi.sampling.quantum import RbmWave, VariationalState
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
TRAINING = {"training_samples": 64}


def tiny_recipe(model: str, update: str) -> SampleRecipe:
    chosen = TINY[model] | SPECIAL.get((model, update), {})
    if update == "variational":
        chosen = chosen | {"parameters": TRAINING}
    return SampleRecipe(
        model=model, update=update, chains=5, records=12, seed=3, thin=2, equilibration=20, **chosen
    )


EVERY = [(name, update) for name, family in families.items() for update in family.updates]


@pytest.fixture(params=EVERY, ids="-".join)
def recipe(request: pytest.FixtureRequest) -> SampleRecipe:
    return tiny_recipe(*request.param)


@pytest.fixture(autouse=True)
def _short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wave function of fixed weights; training itself is tested in tests/quantum."""
    monkeypatch.setattr(quantum, "variational_ground_state", _untrained)


def _untrained(chain: Any, seed: int, training: Any) -> VariationalState:
    weights = np.random.default_rng(seed).normal(size=(chain.sites, chain.sites)) / 4
    wave = RbmWave(chain, np.zeros(chain.sites), np.zeros(chain.sites), weights)
    energy = Estimate(-1.0, 0.1, "estimate", "J", training.samples)
    return VariationalState(wave, energy, 1.0, chain.exact_energy(), np.zeros(1), "fixed weights")
