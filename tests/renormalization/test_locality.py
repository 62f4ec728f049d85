"""Couplings against information: known values of both, ranks, and what is kept and refused."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from rsmi.errors import InputError
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import TableRule, decimation, majority
from rsmi.renormalization import (
    LocalityStudy,
    couplings_against_information,
    exact_couplings,
    random_rules,
)
from rsmi.renormalization.locality import rank_correlations
from rsmi.sampling import System

RING = System((16,), temperature=2.0)


@pytest.fixture(scope="module")
def ring() -> LocalityStudy:
    return couplings_against_information(RING, (2,), n_random=9, buffers=(0, 1, 2), seed=3)


def test_information_of_the_chain_is_exact(ring: LocalityStudy) -> None:
    found = {rule.name: [value.value for value in rule.information] for rule in ring.rules}
    assert found["decimation"][1:] == pytest.approx([2.763417e-2, 5.907536e-3], rel=1e-6)
    assert found["majority"][1:] == pytest.approx([2.425683e-2, 5.199602e-3], rel=1e-6)


def test_norms_of_the_chain_are_the_ratios_of_the_paper(ring: LocalityStudy) -> None:
    found = {rule.name: rule.norms["spin"] for rule in ring.rules}
    further, more = (value.value for value in found["majority"])
    assert further == pytest.approx(3.7243e-2, rel=0.01)  # with the pairs beyond
    assert more == pytest.approx(7.13e-4, rel=0.35)  # and with all other products
    assert [value.value for value in found["decimation"]] == pytest.approx([0, 0], abs=1e-9)
    direct = exact_couplings(RING, "majority", (2,), basis="gas").beyond
    assert {rule.name: rule.norms["gas"] for rule in ring.rules}["majority"] == direct


def test_information_of_the_square_lattice() -> None:
    rules = {"majority": majority((2, 2)), "decimation": decimation((2, 2))}
    found = couplings_against_information(
        System((4, 4)), (2, 2), rules, n_random=0, buffers=(1, 2), windows=2048
    )
    known = {"majority": (0.406, 0.369), "decimation": (0.337, 0.305)}  # errors of 1e-3
    for rule in found.rules:
        for value, expected in zip(rule.information, known[rule.name], strict=True):
            assert abs(value.value - expected) < 5 * math.hypot(value.error, 1e-3)
            assert 0 < value.error < 0.01
    assert "no 8 rules that differ" in found.table()


def test_learned_rule_is_the_best(ring: LocalityStudy) -> None:
    best = max(rule.information[1].value for rule in ring.rules)
    chosen = next(rule for rule in ring.rules if rule.name == "decimation")  # of all 16 functions
    assert chosen.information[1].value == pytest.approx(best)


def test_numbers_tables_and_figure(ring: LocalityStudy) -> None:
    names = {quantity.name for quantity in ring.quantities()}
    assert "couplings.rank_correlation.rangeness.spin.all.buffer_1" in names
    assert {"couplings.information", "couplings.rangeness", "couplings.bodyness"} <= names
    lines = ring.csv().splitlines()
    assert len(lines) == 1 + len(ring.rules)
    assert {len(line.split(",")) for line in lines} == {2 + 2 * (3 + 4)}
    assert "rangeness, gas, all" in ring.table()
    assert len(ring.plot().axes) == 4


def test_ranks_of_what_does_not_go_together() -> None:
    random = np.random.default_rng(0)
    found = [rank_correlations(random.normal(size=(1, 20)), random.normal(size=20))[0]
             for _ in range(60)]  # fmt: skip
    assert kstest([p for _, p, _ in found], "uniform").pvalue > 1e-6
    errors = [value.deviation(0.0) for value, _, _ in found]
    assert 0.6 < np.sqrt(np.mean(np.square(errors))) < 1.6


def test_ranks_tell_which_goes_with_it() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(2, 40))
    near, far = rank_correlations(x, -x[0] + 0.3 * random.normal(size=40))
    assert near[0].value < -0.8
    assert near[1] < 1e-3
    assert near[2] > 0.99
    assert abs(far[0].value) < 0.6


def test_rules_that_are_all_alike_have_no_ranks() -> None:
    rules = {f"copy {k}": decimation((2,)) for k in range(9)}
    found = couplings_against_information(RING, (2,), rules, n_random=0, buffers=(1,))
    assert found.ranks == {}
    assert len(found.quantities()) == 9 * 5


def test_random_rules_are_odd_and_speak_of_spins() -> None:
    rules = random_rules((2, 2), 12, seed=5)
    for rule in rules.values():
        up = rule.table()[:, 1]
        torch.testing.assert_close(up, 1 - up.flip(0))
    assert not torch.equal(rules["random_hard_0"].table(), rules["random_hard_3"].table())


def test_what_is_known_is_not_sought_again(ring: LocalityStudy) -> None:
    known: dict[str, Any] = {
        rule.name: json.loads(json.dumps(rule.to_dict())) for rule in ring.rules
    }
    first = ring.rules[0].name
    known[first] = {"reason": "it was too hot"}
    again = couplings_against_information(
        RING, (2,), n_random=9, buffers=(0, 1, 2), seed=3, known=known
    )
    assert again.refused == {first: "it was too hot"}
    assert list(again.rules) == list(ring.rules[1:])
    assert "it was too hot" in again.table()


def test_a_rule_without_couplings_is_left_out_with_its_reason() -> None:
    still = TableRule(SPIN, torch.tensor([[1.0, 0.0]] * 4), (2,))
    found = couplings_against_information(
        RING, (2,), {"still": still, "first": decimation((2,))}, n_random=0, buffers=(1,)
    )
    assert [rule.name for rule in found.rules] == ["first"]
    assert "never come" in found.refused["still"]


def test_command_leaves_a_page_and_goes_on(rsmi: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = ["couplings", "--method", "exact", "--shape", "[8]", "--temperature", "2.0",
             "--block", "[2]", "--against.buffers", "[0,1]", "--against.n_random", "4",
             "--out", out]  # fmt: skip
    said = rsmi(*given)
    assert said.code == 0, said.err
    numbers = (out / "result.json").read_text()
    assert all((out / name).exists() for name in ("table.csv", "report.html", "rules.json"))
    (out / "result.json").unlink()
    assert rsmi(*given, "--resume").code == 0
    again = json.loads((out / "result.json").read_text())["quantities"]
    assert again == json.loads(numbers)["quantities"]
    refused = rsmi(*given[:-2], "--data", "mine.npy")
    assert refused.code == 2
    assert "samples of pseudo-likelihood" in " ".join(refused.err.split())


@pytest.mark.parametrize(
    ("system", "block", "how", "message"),
    [
        (System((4, 4), "potts", 1.0, {"states": 3}), (2, 2), {}, "Ising spins without a field"),
        (System((8, 8)), (2,), {}, "as many extents"),
        (RING, (2,), {"method": "pseudo-likelihood"}, "give samples of the system"),
    ],
)
def test_what_cannot_be_studied_is_explained(
    system: System, block: tuple[int, ...], how: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        couplings_against_information(system, block, windows=64, **how)
