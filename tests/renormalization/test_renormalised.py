"""Couplings that a rule leaves: exact tables, fits to exact samples, and what is refused."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import states
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import TableRule, decimation, majority
from rsmi.renormalization import RenormalisedCouplings, exact_couplings, fitted_couplings
from rsmi.sampling import CRITICAL_COUPLING, System
from rsmi.sampling.exact import coarse_torus_distribution, products_of
from rsmi.storage import samples_of

FALSE_ALARM = 1e-6
TORUS = System((8, 8))
NAMES = ("2-spin (1,0)", "2-spin (1,1)", "2-spin (2,0)", "2-spin (2,1)", "2-spin (2,2)",
         "4-spin plaquette (0,0)(0,1)(1,0)(1,1)")  # fmt: skip
SOFT = torch.stack([torch.sigmoid(k * 2 * states(4).double().sum(1)) for k in (-1, 1)], 1)

# By transfer matrix and Walsh transform of all 65536 coarse configurations.
TABLE = {
    "majority": (0.3538709, 0.0757028, -0.0163523, -0.0109245, -0.0100581, -0.0152631),
    "decimation": (0.2886948, 0.0883421, 0.0380397, 0.0240589, 0.0101634, -0.0132302),
    "soft": (0.3445794, 0.0788547, -0.0091582, -0.0080559, -0.0095678, -0.0157055),
}


def _rule(name: str) -> TableRule:
    if name == "soft":
        return TableRule(SPIN, SOFT, (2, 2))
    return {"majority": majority, "decimation": decimation}[name]((2, 2))


@pytest.mark.parametrize("name", list(TABLE))
def test_torus_agrees_with_the_table(name: str) -> None:
    found = exact_couplings(TORUS, _rule(name))
    assert [found[each].value for each in NAMES] == pytest.approx(TABLE[name], abs=6e-8)
    assert found["1-spin"].value == 0.0
    assert all(value.kind == "exact" for value in found.values)


def test_ring_agrees_with_the_table() -> None:
    ring = System((16,), temperature=2.0)
    found = exact_couplings(ring, "majority", (2,), reach=3.0)
    nearest = found["2-spin (1)"].value
    assert nearest == pytest.approx(0.2569855, abs=6e-8)
    assert found["2-spin (2)"].value / nearest == pytest.approx(-3.7243e-2, abs=6e-7)
    assert found["4-spin (0)(1)(2)(3)"].value / nearest == pytest.approx(-7.13e-4, abs=6e-7)


def test_a_rule_that_keeps_everything_keeps_the_coupling() -> None:
    found = exact_couplings(System((4, 4), temperature=2.5), "decimation", (1, 1), reach=1.5)
    assert found["2-spin (1,0)"].value == pytest.approx(0.4)
    assert found["2-spin (1,1)"].value == pytest.approx(0.0, abs=1e-12)
    assert [norm.value for norm in found.beyond or ()] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_both_bases_give_the_same_weights() -> None:
    p = coarse_torus_distribution((4, 4), 0.4, majority((2, 2)).table())
    spin, gas = products_of(p.log()), products_of(p.log(), "gas")
    up = states(4).gt(0)
    for h, log in zip(up, p.log(), strict=True):
        inside = [not bool((s & ~h).any()) for s in up]
        assert float(gas[torch.tensor(inside)].sum()) == pytest.approx(float(log))
        signs = [math.prod((2 * h[s].int() - 1).tolist()) for s in up]
        assert float((spin * torch.tensor(signs)).sum()) == pytest.approx(float(log))


def test_gas_couplings_depend_on_the_basis() -> None:
    spin = exact_couplings(TORUS, "majority")
    gas = exact_couplings(TORUS, "majority", basis="gas")
    # n = (1 + h) / 2: a Hamiltonian of pairs alone has g = 4 K
    assert gas["2-spin (1,0)"].value != pytest.approx(4 * spin["2-spin (1,0)"].value, rel=1e-3)
    assert gas["1-spin"].value != 0.0


def _deviations(truth: RenormalisedCouplings, seed: int, n: int = 4096) -> np.ndarray:
    """Of a fit to coarse configurations drawn from the exact law of a ring."""
    ring = System((16,), temperature=2.0)
    probabilities = ring.law()[1]
    drawn = np.random.default_rng(seed).choice(len(probabilities), n, p=probabilities.numpy())
    spins = states(16)[torch.from_numpy(drawn)]
    found = fitted_couplings(spins.numpy(), "majority", (2,), reach=3.0, seed=seed + 1)
    return np.array([found[each.name].deviation(truth[each.name].value)
                     for each in found.interactions])  # fmt: skip


@pytest.fixture(scope="module")
def ring() -> RenormalisedCouplings:
    return exact_couplings(System((16,), temperature=2.0), "majority", (2,), reach=3.0)


@pytest.fixture(scope="module")
def fits(ring: RenormalisedCouplings) -> np.ndarray:
    return np.array([_deviations(ring, seed) for seed in range(10)])


def test_fits_agree_with_the_exact_couplings(fits: np.ndarray) -> None:
    assert np.abs(fits).max() < norm.isf(FALSE_ALARM / fits.size) * 1.2  # 64 blocks: Student's t
    assert 0.7 < np.sqrt((fits**2).mean()) < 1.35


def test_errors_hold_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    law = coarse_torus_distribution((8, 8), CRITICAL_COUPLING, decimation((2, 2)).table())
    drawn = torch.multinomial(law.double(), 1 << 15, replacement=True)
    spins = states(16)[drawn].view(-1, 4, 4).numpy()

    def pull() -> float:
        found = fitted_couplings(spins, "decimation", (1, 1), reach=2.0, max_spins=2)
        return found[NAMES[0]].deviation(TABLE["decimation"][0])

    limit = norm.isf(FALSE_ALARM / 2) * 1.2
    assert abs(pull()) < limit
    none = torch.zeros(1, 4, dtype=torch.float64)
    monkeypatch.setattr("rsmi.renormalization.renormalised._left_out", lambda *given: none)
    assert abs(pull()) > limit  # were pairs the whole Hamiltonian


def test_couplings_of_another_rule_would_be_noticed(fits: np.ndarray) -> None:
    other = exact_couplings(System((16,), temperature=2.0), "decimation", (2,), reach=3.0)
    assert np.abs(_deviations(other, 0, n=16384)).max() > norm.isf(FALSE_ALARM / fits.size) * 1.2


def test_command_and_function_agree(rsmi: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = rsmi("couplings", "--method", "exact", "--shape", "[4,4]", "--temperature", "critical",
                "--rule", "majority", "--block", "[2,2]", "--out", out)  # fmt: skip
    assert said.code == 0, said.err
    written = json.loads((out / "result.json").read_text())["quantities"]
    found = exact_couplings(System((4, 4)), "majority", (2, 2), reach=2.3)
    assert [q["value"] for q in written] == [q.value for q in found.quantities()]
    assert "couplings.2-spin (1,0)" in {q["name"] for q in written}


@pytest.mark.parametrize(
    ("system", "rule", "message"),
    [
        (System((5, 4)), "majority", "multiples"),
        (System((4, 4), "potts", 1.0, {"states": 3}), "plurality", "3 symbols.*one-bit rule"),
        (System((4, 4), "ising_graph", 2.0, {"lattice": "triangular"}), "majority", "not solved"),
    ],
)
def test_what_cannot_be_solved_is_explained(system: System, rule: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        exact_couplings(system, rule)


def test_fits_that_decide_nothing_are_refused() -> None:
    still = np.ones((64, 8), dtype=np.int8)
    with pytest.raises(AnalysisError, match=r"cannot be told apart|no maximum"):
        fitted_couplings(still, "majority", (2,))
    few = np.random.default_rng(0).choice([-1, 1], (8, 8))
    with pytest.raises(
        InputError, match=r"8 configurations of 4 coarse spins.*at least 20; draw more"
    ):
        fitted_couplings(few, "majority", (2,))


def test_samples_that_still_heat_up_are_refused() -> None:
    random = np.random.default_rng(0)
    chance = np.linspace(0.02, 0.5, 40)  # of a spin against the order, growing along every chain
    spins = np.where(random.random((32, 40, 8)) < chance[:, None], -1, 1).astype(np.int8)
    with pytest.raises(InputError, match="equilibrium"):
        fitted_couplings(samples_of(spins, chains=32), "majority", (2,), reach=1.0)
