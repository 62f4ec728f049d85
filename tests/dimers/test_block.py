"""Exact information of a block of dimers, against numbers computed by another program."""

import math

import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import best_rule
from rsmi.sampling.dimers import DimerBlock, Dimers, dimer_block


@pytest.fixture(scope="module")
def free() -> DimerBlock:
    """All 90 176 coverings of the 6 x 6 torus, a 2 x 2 block and a buffer of one ring."""
    return dimer_block(Dimers((6, 6)))


def test_what_is_seen_and_what_is_beyond(free: DimerBlock) -> None:
    assert free.visible.sum() == 12
    assert free.states.shape == (34, 12)
    assert free.solved.weights.sum() == pytest.approx(1, rel=1e-12)


def test_free_dimers_on_the_six_by_six_torus(free: DimerBlock) -> None:
    fields = free.fields()
    diagonals = torch.stack([fields[:, 0] + fields[:, 1], fields[:, 0] - fields[:, 1]], 1) > 0
    expected = {1.327309: free.full(), 1.162203: free.kept(fields)}
    expected |= {0.672539: free.kept(free.columns()), 0.468302: free.kept(diagonals)}
    for known, found in expected.items():
        assert found.value == pytest.approx(known, abs=1e-6)
        assert found.kind == "exact"
    swapped = torch.stack([fields[:, 0] > 0, fields[:, 1] > 0], 1)
    assert free.kept(swapped).value < 0.46


@pytest.mark.parametrize(("bits", "known"), [(1, 0.269731), (2, 0.583662)])
def test_best_rules_reach_those_of_an_exhaustive_local_search(
    free: DimerBlock, bits: int, known: float
) -> None:
    posterior, weights = free.solved.posterior, free.solved.weights
    found = [best_rule(posterior, weights, 1 << bits, "allow", seed)[1] for seed in range(3)]
    assert min(one.value for one in found) >= known - 1e-6
    assert all(one.value < free.full().value for one in found)


def test_a_rule_of_everything_keeps_everything_and_a_constant_nothing(free: DimerBlock) -> None:
    assert free.kept(torch.arange(34)).value == pytest.approx(free.full().value, rel=1e-12)
    assert free.kept(torch.zeros(34)).value == pytest.approx(0, abs=1e-12)


def test_attraction_changes_the_information() -> None:
    free, bound = (dimer_block(Dimers((4, 6), t), (1, 2)) for t in (math.inf, 1.0))
    assert bound.full().value > 1.2 * free.full().value > 0


def test_refusals() -> None:
    with pytest.raises(InputError, match="boundary is 'open'; the exact block lives on a torus"):
        dimer_block(Dimers((4, 6), boundary="open"))
    with pytest.raises(InputError, match=r"block \[2, 2\] with buffer 1 on a torus \[4, 4\]"):
        dimer_block(Dimers((4, 4)))
    with pytest.raises(InputError, match="has 64 sites; at most 40 can be enumerated"):
        dimer_block(Dimers((8, 8)))
