import math

import pytest
import torch

from rsmi.errors import InputError
from rsmi.lattice import states
from rsmi.sampling.exact import coarse_distribution, coupling_of, exact_window, marginal


def pair_rule(first, second):
    """P(h|v) = sigmoid(2 h (first v1 + second v2))."""
    up = torch.sigmoid(2 * (states(2).double() @ torch.tensor([first, second]).double()))
    return torch.stack([1 - up, up], 1)


HARD = 1e3
RULES = {"decimation": (HARD, 0.0), "soft": (2.0, 1.0), "majority": (HARD, HARD)}


@pytest.mark.parametrize(
    ("coupling", "rule", "nearest", "range_ratio", "body_ratio", "kept"),
    [
        (0.1, "decimation", 9.934036e-3, 0.0, None, 0.5050),
        (0.1, "soft", 1.812630e-2, -8.190e-3, -2.4e-6, 0.4169),
        (0.1, "majority", 3.017733e-2, -2.0228e-2, -2.47e-5, 0.3023),
        (0.5, "majority", 2.569855e-1, -3.7243e-2, -7.13e-4, 0.5304),
    ],
)
def test_renormalised_couplings_of_a_ring(coupling, rule, nearest, range_ratio, body_ratio, kept):
    ring = marginal(16, [(i, (i + 1) % 16) for i in range(16)], coupling, range(16))
    table = pair_rule(*RULES[rule])
    coarse = coarse_distribution(ring, table)
    found = coupling_of(coarse, [0, 1])
    assert found == pytest.approx(nearest, rel=1e-6)
    assert coupling_of(coarse, [0, 2]) / found == pytest.approx(range_ratio, abs=6e-7, rel=1e-4)
    if body_ratio is not None:
        four = coupling_of(coarse, [0, 1, 2, 3]) / found
        assert four == pytest.approx(body_ratio, rel=3e-2)
    window = exact_window((math.inf,), coupling, (2,), 1)
    assert window.rule(table).value / window.full().value == pytest.approx(kept, abs=6e-5)


def test_decimation_of_a_long_ring_follows_the_closed_form():
    ring = marginal(20, [(i, (i + 1) % 20) for i in range(20)], 0.7, range(0, 20, 2))
    assert coupling_of(ring, [3, 4]) == pytest.approx(0.5 * math.log(math.cosh(1.4)), rel=1e-12)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="n divisible by b"):
        coarse_distribution(torch.ones(8) / 8, pair_rule(1.0, 1.0))
    with pytest.raises(InputError, match="probability zero"):
        coupling_of(torch.tensor([1.0, 0.0]), [0])
