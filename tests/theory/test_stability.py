"""Flips that mislead a map of two-valued lattices: greedy, exact, level by level."""

import itertools

import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import tile
from rsmi.learning import named_rule
from rsmi.learning.classical import block_alone
from rsmi.theory import Stability, flip_costs, rule_stability, study_stability, worst_flips
from rsmi.theory.rule_stability import _drawn, _ExponentAttack

MAJORITY = named_rule("majority", block_alone((2, 2)))
DECIMATION = named_rule("decimation", block_alone((2, 2)))


def _coarse(rule, spins, levels, seed=0):
    """Coarse spins with the random numbers of `flip_costs`."""
    generator, up = torch.Generator().manual_seed(seed), rule.table()[:, 1]
    for _ in range(levels):
        blocks = tile(spins, (2, 2))
        u = torch.rand(blocks.shape[:-1], generator=generator, dtype=torch.float64)[:1]
        word = ((blocks > 0) * (1 << torch.arange(4))).sum(-1)
        spins = 2 * (u < up[word]).to(torch.int8) - 1
    return spins


@pytest.mark.parametrize("rule", [MAJORITY, DECIMATION], ids=["majority", "decimation"])
@pytest.mark.parametrize("levels", [1, 2])
def test_costs_of_levels_are_those_of_a_search_over_all_flips(rule, levels):
    spins = (2 * torch.randint(2, (1, 4, 4)) - 1).to(torch.int8)
    costs = flip_costs(rule.table(), spins, (2, 2), levels)
    plain = _coarse(rule, spins, levels)
    assert torch.equal(plain, costs.levels[levels])
    words = torch.arange(1 << 16)
    masks = ((words[:, None] >> torch.arange(16)) & 1).reshape(-1, 4, 4)
    every = _coarse(rule, (spins * (1 - 2 * masks)).to(torch.int8), levels)
    flips = masks.flatten(1).sum(1)
    for place in itertools.product(range(plain.shape[1]), repeat=2):
        turned = every[:, *place] != plain[0, *place]
        assert int(flips[turned].min()) == int(costs.costs[levels][0, *place])


def test_decimation_costs_one_flip_at_every_level_and_majority_more():
    spins = torch.ones(1, 8, 8, dtype=torch.int8)
    one = flip_costs(DECIMATION.table(), spins, (2, 2), 3)
    assert [int(cost.max()) for cost in one.costs] == [1, 1, 1, 1]
    most = flip_costs(MAJORITY.table(), spins, (2, 2), 3)
    least, largest = most.costs[3].min(), most.costs[3].max()
    assert 2**3 <= int(least) <= int(largest) <= 3**3  # 2 or 3 of 4 as a tie falls
    assert float(most.share(1, 1.0)[0]) == float(most.costs[1].sum())
    assert float(most.share(1, 0.01)[0]) == float(most.costs[1].min())


def test_greedy_is_no_better_than_exact_and_crosses_plateaus():
    weights = torch.randn(12)

    def net(s):
        return torch.tanh(3 * (s.float() @ weights))

    spins = (2 * torch.randint(2, (12,)) - 1).to(torch.int8)
    exact = worst_flips(net, spins, 3, "exact")
    greedy = worst_flips(net, spins, 3)
    assert exact.proven
    assert not greedy.proven
    assert all(g <= e + 1e-9 for g, e in zip(greedy.changes, exact.changes, strict=True))

    def majority(s):
        return (s.flatten(1).sum(1) > 0).float()

    block = torch.tensor([[1, 1], [1, -1]])
    assert worst_flips(majority, block, 2).least == worst_flips(majority, block, 2, "exact").least
    assert worst_flips(majority, torch.ones(2, 2), 2).least == 2
    assert worst_flips(lambda s: 0 * majority(s), block, 2).least is None


def test_flips_that_move_an_exponent_do_move_it():
    found = study_stability(Stability(shape=(8, 8), levels=1, configurations=640))
    for own in found.rules.values():
        assert 0 < own.exponent.value < 0.01
        assert own.exponent.kind == "upper"
        assert abs(own.y_t.value - 1) < 0.3
    assert found.rules["decimation"].spins[0].value == 1
    assert found.rules["majority"].spins[0].value > 1.5
    assert "flips that move it by 1 %" in found.table()


def test_an_attack_on_an_exponent_knows_what_a_change_of_a_block_does():
    """Changes of one block, as a round predicts them, against energies counted anew."""
    spins = _drawn(Stability(shape=(8, 8), configurations=640))
    attack = _ExponentAttack(MAJORITY.table(), spins, (2, 2), 0)
    assert torch.equal(attack._untiled(tile(spins, (2, 2))), spins)
    before = attack._value(spins)
    turned, cost = attack._round(spins, 1, 1)
    assert int((turned != spins).sum()) == cost > 0
    best = attack._value(turned) - before
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):  # no change of one random block with as many flips moves it more
        other = spins.clone()
        n, i, j = (int(torch.randint(k, (), generator=generator)) for k in (640, 4, 4))
        site = torch.randperm(4, generator=generator)[:cost]
        for s in site:
            other[n, 2 * i + s // 2, 2 * j + s % 2] *= -1
        assert attack._value(other) - before <= best * 1.1 + 1e-9


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: worst_flips(torch.sum, torch.zeros(4), 1), "letters other than"),
        (lambda: worst_flips(torch.sum, torch.ones(4), 5), "5 flips of 4 sites"),
        (
            lambda: worst_flips(torch.sum, torch.ones(64), 8, "exact"),
            "sets of at most 8 of 64 sites; expected at most 1048576",
        ),
        (
            lambda: flip_costs(MAJORITY.table(), torch.ones(1, 4, 4), (2,), 1),
            r"expected \(4, 2\)",
        ),
        (lambda: flip_costs(MAJORITY.table(), torch.zeros(1, 4, 4), (2, 2), 1), "letters other"),
        (
            lambda: flip_costs(MAJORITY.table(), torch.ones(1, 4, 4), (2, 2), 3),
            "cannot be tiled",
        ),
        (lambda: Stability(configurations=100), "expected a multiple of 64, at least 640"),
        (lambda: Stability(share=0), "a share between 0 and 1"),
        (
            lambda: rule_stability(MAJORITY, torch.ones(640, 4, 4, dtype=torch.int8), 1),
            "expected|at least 3 sites along each axis",
        ),
        (
            lambda: study_stability(Stability((8, 8), "dimers", "inf", configurations=640)),
            "two-valued letter for each site",
        ),
    ],
)
def test_what_cannot_be_flipped_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_an_ordered_lattice_has_no_exponent_to_mislead():
    with pytest.raises(AnalysisError, match="not correlated"):
        rule_stability(MAJORITY, torch.ones(640, 8, 8, dtype=torch.int8), 1)
