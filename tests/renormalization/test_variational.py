"""Couplings from biased simulations: exact tables, any letters, lattices and fields, refusals."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import t

from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import states, word_index
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import Rule, TableRule, majority
from rsmi.renormalization import (
    RenormalisedCouplings,
    coarse_space,
    exact_couplings,
    generate_interactions,
    variational_couplings,
)
from rsmi.renormalization.coarse_samples import blocks_of
from rsmi.renormalization.renormalised import torus_products
from rsmi.sampling import System
from rsmi.sampling.exact import products_of
from rsmi.sampling.families import families

TORUS, WALKERS = System((8, 8)), 64
SOFT = TableRule(
    SPIN, torch.stack([torch.sigmoid(k * 2 * states(4).double().sum(1)) for k in (-1, 1)], 1),
    (2, 2),
)  # fmt: skip
RULES: dict[str, Rule | str] = {"majority": "majority", "decimation": "decimation", "soft": SOFT}


def _found(system: System, rule: Rule | str, seed: int, **how: Any) -> RenormalisedCouplings:
    settings = {"sweeps": 100, "workers": 1} | how
    return variational_couplings(system, rule, seed=seed, **settings)


def _pulls(found: RenormalisedCouplings, truth: RenormalisedCouplings) -> list[float]:
    return [
        value.deviation(truth[each.name].value)
        for each, value in zip(found.interactions, found.values, strict=True) if value.error
    ]  # fmt: skip


def _limit(count: int) -> float:
    """What one of so many pulls exceeds by chance once in a million, by 64 walkers."""
    return float(t.isf(5e-7 / count, WALKERS - 1))


@pytest.fixture(scope="module", params=list(RULES))
def repeated(request: pytest.FixtureRequest) -> tuple[str, RenormalisedCouplings, np.ndarray]:
    """Ten seeds, at a reach beyond which what is left out moves nothing by half an error."""
    rule = RULES[request.param]
    truth = exact_couplings(TORUS, rule, reach=2.0)
    found = [_found(TORUS, rule, seed, reach=2.0) for seed in range(10)]
    assert max(value.error for one in found for value in one.values) <= 0.005
    return request.param, truth, np.array([_pulls(one, truth) for one in found])


def test_bias_is_the_exact_table(
    repeated: tuple[str, RenormalisedCouplings, np.ndarray],
) -> None:
    _, _, pulls = repeated
    assert np.abs(pulls).max() < _limit(pulls.size)
    assert 0.75 < np.sqrt((pulls**2).mean()) < 1.3


def test_another_temperature_would_be_noticed(
    repeated: tuple[str, RenormalisedCouplings, np.ndarray],
) -> None:
    name, truth, pulls = repeated
    other = _found(System((8, 8), temperature=2.4), RULES[name], 0, reach=2.0)
    assert np.abs(_pulls(other, truth)).max() > _limit(pulls.size)


def test_couplings_that_a_flip_forbids_are_zero_and_the_others_do_not_depend_on_threads() -> None:
    one = _found(TORUS, "majority", 5, reach=1.5)
    two = _found(TORUS, "majority", 5, reach=1.5, workers=3)
    assert [v.value for v in one.values] == [v.value for v in two.values]
    odd = [v for i, v in zip(one.interactions, one.values, strict=True) if i.parity == "odd"]
    assert odd
    assert all(v.kind == "exact" and v.value == 0 for v in odd)


@pytest.mark.parametrize("temperature", [1.2, 1.8, 6.0])
def test_errors_hold_deep_in_either_phase(temperature: float) -> None:
    small = System((4, 4), temperature=temperature)  # of its 2 x 2 spins no product is left out
    truth = exact_couplings(small, "majority")
    pulls = np.array([
        _pulls(_found(small, "majority", seed, reach=1.5, sweeps=200), truth) for seed in range(10)
    ])  # fmt: skip
    assert np.abs(pulls).max() < _limit(3 * pulls.size)
    assert 0.5 < np.sqrt((pulls**2).mean()) < 1.7


def test_rings_and_both_bases() -> None:
    ring = System((16,), temperature=2.0)
    for basis in ("spin", "gas"):
        truth = exact_couplings(ring, "majority", (2,), reach=4, basis=basis)
        found = _found(ring, "majority", 1, reach=3, sweeps=400, basis=basis)
        pulls = _pulls(found, truth)
        assert np.abs(pulls).max() < _limit(2 * len(pulls))
        assert found.beyond is not None
        assert truth.beyond is not None
        for a, b in zip(found.beyond, truth.beyond, strict=True):
            assert abs(a.value - b.value) < 5 * a.error + 0.01


def _listed(system: System, rule: Rule) -> Callable[[str], float]:
    """Couplings from a list of all configurations, by name."""
    letters, p = system.family.enumerate(system.built)
    blocks, table = blocks_of(system.space, rule), rule.table()
    given = letters.flatten(1).long()[:, torch.from_numpy(blocks).long()]
    chance = table[word_index(given, system.space.alphabet.size)]  # (n, blocks, 2)
    bits = states(len(blocks)).gt(0).long()
    law = torch.stack(
        [p @ chance[:, torch.arange(len(blocks)), h].prod(1) for h in bits]
    )  # fmt: skip
    coefficients = products_of(law.log())
    coarse = coarse_space(system.space, rule)

    def coupling(name: str) -> float:
        found, products = torus_products(coarse, generate_interactions(2.3, coarse.cell))
        some = products[[each.name for each in found].index(name)]
        return float(coefficients[torch.from_numpy((1 << some).sum(1))].mean())

    return coupling


def _any_rule(system: System, block: tuple[int, ...]) -> TableRule:
    alphabet = system.space.alphabet
    up = torch.rand(alphabet.size ** math.prod(block), dtype=torch.float64)
    return TableRule(alphabet, torch.stack([1 - up, up], 1), block)


@pytest.mark.parametrize(
    "system",
    [
        System((4, 4), "ising_graph", 4.0, {"lattice": "triangular"}),
        System((4, 4), "ising_graph", 4.0, {"lattice": "square", "field": 0.3}),
        System((4, 2), "blume_capel", 1.0, {"crystal_field": 0.5}),
        System((4, 2), "potts", 2.0, {"states": 3}),
    ],
    ids=["triangular", "field", "three letters", "Potts"],
)
def test_any_letters_lattice_and_field(system: System) -> None:
    block = (2, 2) if system.space.n_cells == 16 else (1, 1)
    rule = _any_rule(system, block)
    found = _found(system, rule, 3, reach=2.3, sweeps=400)
    truth = _listed(system, rule)
    named = zip(found.interactions, found.values, strict=True)
    pulls = [value.deviation(truth(each.name)) for each, value in named if value.error]
    assert len(pulls) >= 3
    assert np.abs(pulls).max() < _limit(4 * len(pulls))


@pytest.mark.parametrize("name", list(families))
def test_bonds_of_a_family_give_its_energy(name: str) -> None:
    known = families[name]
    for example in known.examples:
        if example.update is not None:
            continue
        model = known.built(example.shape, example.temperature, dict(example.parameters))
        found = known.bonds(model)
        if found is None:
            continue
        pair, bonds = found
        listed, p = known.enumerate(model)
        letters = listed.flatten(1).long()
        weight = pair.bond[letters[:, bonds[:, 0]], letters[:, bonds[:, 1]]].sum(1)
        weight = weight + pair.site[letters].sum(1)
        torch.testing.assert_close(torch.softmax(weight, 0), p)


@pytest.mark.parametrize(
    ("system", "rule", "how", "message"),
    [
        (System((8, math.inf)), "majority", {}, "no finite lattice"),
        (System((4, 4), "ising_graph", 2.0, {"lattice": "square", "disorder": "bimodal"}),
         "majority", {}, "cells of the space differ"),
        (System((4, 4), "dimers", math.inf), "electric_x", {}, "bonds that are all alike"),
        (System((4, 4), "potts", 1.0, {"states": 3}), "plurality", {}, "3 symbols"),
        (TORUS, "majority", {"walkers": 8}, "at least 16 walkers"),
        (TORUS, "majority", {"sweeps": 10}, r"16 operators .* 64 walkers at least 40 sweeps"),
        (TORUS, TableRule(SPIN, torch.tensor([[1.0, 0.0]] * 16), (2, 2)), {}, "never comes"),
        (TORUS, majority((2, 1)), {"block": (2, 2)}, r"block \[2, 1\], asked for was \[2, 2\]"),
        (System((6, 6)), majority((4, 4)), {}, "must be a multiple"),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_explained(
    system: System, rule: Rule | str, how: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        variational_couplings(system, rule, **how)


def test_a_bias_that_cannot_settle_is_refused() -> None:
    frozen = System((8, 8), temperature=0.02)
    with pytest.raises(AnalysisError, match=r"not settled|cannot be told apart|not in equilibrium"):
        _found(frozen, TableRule(SPIN, torch.eye(2), (1, 1)), 0, reach=1.0)


def test_command_and_function_agree(rsmi: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = ["couplings", "--method", "variational", "--shape", "[8]", "--temperature", "2.0",
             "--block", "[2]", "--sweeps", "60", "--reach", "1.0", "--seed", "4"]  # fmt: skip
    said = rsmi(*given, "--out", out)
    assert said.code == 0, said.err
    written = json.loads((out / "result.json").read_text())["quantities"]
    ring = System((8,), temperature=2.0)
    found = variational_couplings(ring, "majority", (2,), reach=1.0, sweeps=60, seed=4)
    assert [q["value"] for q in written] == [q.value for q in found.quantities()]
    refused = rsmi(*given, "--data", "mine.npy")
    assert refused.code == 2
    assert "only pseudo-likelihood is possible" in " ".join(refused.err.split())
