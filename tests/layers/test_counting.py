import itertools
import math

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.layers.counting import (
    _keys,
    _words,
    collision_probability,
    conditional_entropy,
    count,
    dense_labels,
    hash_words,
    label_entropy,
    pair,
    row_ids,
)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.int64, torch.int8, torch.bool]
)
def test_equal_rows_and_only_those_share_an_id(dtype):
    every = torch.tensor(list(itertools.product([0, 1], repeat=9)))
    rows = torch.cat([every, every.flip(0)]).to(dtype)
    labels = dense_labels(row_ids(rows).numpy())
    assert labels.max() == 511
    assert (labels[:512] == labels[512:][::-1]).all()


def test_signs_that_differ_in_the_top_bit_only_are_told_apart():
    spins = 2.0 * torch.tensor(list(itertools.product([0, 1], repeat=12))) - 1
    assert len(row_ids(spins).unique(dim=0)) == 4096


def test_the_fast_loop_is_the_torch_reference():
    words = _words(torch.randn(50, 7, dtype=torch.float64))
    reference = hash_words(words, torch.from_numpy(_keys(words.shape[1])))
    assert torch.equal(row_ids(words), reference)


def test_numbers_that_are_equal_are_one():
    zeros = torch.tensor([[0.0], [-0.0]])
    assert torch.equal(*row_ids(zeros))
    half = torch.tensor([[0.1]], dtype=torch.bfloat16)
    assert torch.equal(row_ids(half), row_ids(half.float()))


def test_collisions_are_bounded():
    assert collision_probability(10**6) < 2e-27
    assert collision_probability(1) == 0


def test_complex_activations_are_refused():
    with pytest.raises(InputError, match=r"expected real numbers: take .abs\(\)"):
        row_ids(torch.ones(2, 2, dtype=torch.complex64))


def brute_force(x, y, t, w):
    """Entropies from the full joint table."""
    table = np.zeros((x.max() + 1, y.max() + 1, t.max() + 1))
    np.add.at(table, (x, y, t), w)

    def h(*axes):
        p = table.sum(axes).ravel()
        return -(p[p > 0] * np.log(p[p > 0])).sum()

    return {
        "H(T)": h(0, 1),
        "H(X|T)": h(1) - h(0, 1),
        "I(X;T)": h(1, 2) + h(0, 1) - h(1),
        "H(Y|T)": h(0) - h(0, 1),
        "I(T;Y)": h(0, 2) + h(0, 1) - h(0),
        "H(X|T,Y)": h() - h(0),
    }


@pytest.mark.parametrize("seed", range(5))
def test_counts_agree_with_the_joint_table(seed):
    rng = np.random.default_rng(seed)
    x, y, t = (rng.integers(0, k, 200) for k in (30, 4, 6))
    w = rng.random(200)
    found = count(x, y, t, w / w.sum()).quantities()
    for name, expected in brute_force(x, y, t, w / w.sum()).items():
        assert found[name] == pytest.approx(expected, abs=1e-12), name


def test_what_is_fixed_has_entropy_exactly_zero():
    rng = np.random.default_rng(0)
    t, w = rng.integers(0, 50, 1000), rng.random(1000)
    assert conditional_entropy(t % 7, t, w / w.sum()) == 0.0


def test_pairs_and_entropies():
    assert pair(np.array([0, 0, 1, 0]), np.array([0, 1, 0, 0])).tolist() == [0, 1, 2, 0]
    assert label_entropy(np.arange(8), np.full(8, 1 / 8)) == pytest.approx(math.log(8))
