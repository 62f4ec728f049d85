from functools import cache

import pytest
import torch

from rsmi.errors import InputError
from rsmi.information.bootstrap import block_labels, block_sums, bootstrap_error

REPEATS, LENGTH, RHO = 200, 8192, 0.9
# A standard error covers with probability .683; 200 repeats give +-.033, and 4.9 of those are
# a false alarm of 1e-6. 64 blocks of 128 records (13 autocorrelation times) cost .01 more.
BAND = 0.17


@cache
def autoregressive(seed):
    """REPEATS series x_t = rho x_{t-1} + noise of unit variance and mean 0."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(LENGTH, REPEATS, generator=generator, dtype=torch.float64)
    x = torch.empty_like(noise)
    x[0] = noise[0]
    for t in range(1, LENGTH):
        x[t] = RHO * x[t - 1] + (1 - RHO**2) ** 0.5 * noise[t]
    return x.T


def coverage(labels):
    hits = 0
    for series in autoregressive(7):
        sums = block_sums(series[:, None], labels)
        error = bootstrap_error(sums, lambda s: s[:, 0] / s[:, 1], resamples=100)
        hits += int(series.mean().abs() < error)
    return hits / REPEATS


def test_block_errors_cover_correlated_data():
    assert abs(coverage(block_labels(LENGTH)) - 0.683) < BAND


def test_errors_that_ignore_correlation_are_rejected():
    assert abs(coverage(None) - 0.683) > BAND


def test_blocks_are_stretches_of_single_chains():
    labels = block_labels(6 * 50, chains=6, blocks=12)
    index = torch.arange(300)
    for label in labels.unique():
        members = index[labels == label]
        assert len((members % 6).unique()) == 1
        assert ((members // 6).diff() == 1).all()
    assert len(labels.unique()) == 12
    assert len(block_labels(300, chains=100, blocks=64).unique()) == 100
    assert len(block_labels(3, chains=1, blocks=64).unique()) == 3


def test_sums_of_batches_add_up_to_the_sums_of_all():
    values, labels = torch.rand(60, 2), block_labels(60, blocks=4)
    parts = block_sums(values[:30], labels[:30]), block_sums(values[30:], labels[30:])
    total = torch.zeros(4, 3, dtype=torch.float64)
    for part in parts:
        total[: len(part)] += part
    torch.testing.assert_close(total, block_sums(values, labels))


def test_error_does_not_depend_on_joining_many_blocks():
    x = torch.randn(20000, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    error = bootstrap_error(block_sums(x), lambda s: s[:, 0] / s[:, 1])
    assert error == pytest.approx(20000**-0.5, rel=0.2)


def test_same_seed_same_error():
    sums = block_sums(torch.rand(50, 1))
    first, again = (bootstrap_error(sums, lambda s: s[:, 0], seed=3) for _ in range(2))
    assert first == again


def test_bad_input_is_named():
    with pytest.raises(InputError, match="expected all three >= 1"):
        block_labels(10, chains=0)
    with pytest.raises(InputError, match=r"expected \(3,\) integers >= 0"):
        block_sums(torch.rand(3, 1), torch.tensor([0, 1]))
    with pytest.raises(InputError, match="at least 2 independent blocks"):
        bootstrap_error(block_sums(torch.rand(5, 1), torch.zeros(5, dtype=torch.int64)), sum)
