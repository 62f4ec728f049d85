import math

import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import infonce, infonce_ceiling, leave_one_out

D = 20


def gaussian_scores(rho, batches=100, k=64, seed=0):
    """ln p(y_i | x_j) of correlated normal pairs (Song and Ermon, 2020), entry (b, i, j).

    Normalising over x is right for this score, so y takes the first index.
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batches, k, D, generator=generator, dtype=torch.float64)
    y = rho * x + (1 - rho**2) ** 0.5 * torch.randn(
        batches, k, D, generator=generator, dtype=torch.float64
    )
    distance = (y[:, :, None] - rho * x[:, None]).square().sum(-1)
    return -0.5 * distance / (1 - rho**2) - 0.5 * D * math.log(1 - rho**2)


def test_bounds_enclose_two_nats():
    scores = gaussian_scores(0.425757)
    lower, upper = infonce(scores), leave_one_out(scores)
    assert (lower.kind, upper.kind) == ("lower", "upper")
    assert lower.value - 4.9 * lower.error < 2.0 < upper.value + 4.9 * upper.error
    assert lower.value > 1.7
    assert upper.value < 2.4


def test_more_information_than_the_ceiling_is_not_seen():
    lower = infonce(gaussian_scores(0.795060))
    assert lower.value <= infonce_ceiling(64) + 1e-12
    assert lower.value > 0.95 * infonce_ceiling(64)


def test_shuffled_pairs_score_below_zero():
    assert infonce(gaussian_scores(0.425757).roll(1, 1)).value < 0


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"shape \[4, 8, 7\].*\(batches, K, K\)"):
        infonce(torch.zeros(4, 8, 7))
