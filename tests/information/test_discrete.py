import math

import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import entropy, mutual_information, rule_information


def random_joint(seed, n_e=12, n_v=8):
    generator = torch.Generator().manual_seed(seed)
    joint = torch.rand(n_e, n_v, generator=generator, dtype=torch.float64) ** 4
    return joint / joint.sum()


def random_table(seed, n_v=8, k=2):
    generator = torch.Generator().manual_seed(1000 + seed)
    table = torch.rand(n_v, k, generator=generator, dtype=torch.float64) ** 3
    return table / table.sum(1, keepdim=True)


def split(joint):
    weights = joint.sum(1)
    return joint / weights[:, None], weights


def test_entropy_of_known_distributions():
    p = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.25] * 4])
    assert entropy(p).tolist() == pytest.approx([0.0, math.log(4)])


def test_mutual_information_of_a_product_is_zero_and_counts_are_normalised():
    p, q = torch.tensor([0.2, 0.8]), torch.tensor([0.5, 0.1, 0.4])
    assert abs(mutual_information(7 * torch.outer(p, q)).item()) < 1e-7
    assert mutual_information(torch.diag(p)).item() == pytest.approx(entropy(p).item())


@pytest.mark.parametrize("seed", range(20))
def test_rule_information_is_the_mutual_information_of_the_joint_table(seed):
    joint, table = random_joint(seed), random_table(seed, k=4)
    posterior, weights = split(joint)
    expected = mutual_information(joint @ table).item()
    assert rule_information(posterior, table, weights).item() == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("seed", range(20))
def test_information_lies_between_zero_and_its_ceilings(seed):
    joint, table = random_joint(seed), random_table(seed)
    posterior, weights = split(joint)
    value = rule_information(posterior, table, weights).item()
    h = entropy(joint.sum(0) @ table).item()
    assert -1e-13 <= value <= min(h, mutual_information(joint).item()) + 1e-13


@pytest.mark.parametrize("seed", range(20))
def test_processing_a_coarse_variable_further_loses_information(seed):
    posterior, weights = split(random_joint(seed))
    first, second = random_table(seed, k=4), random_table(seed + 50, n_v=4)
    before = rule_information(posterior, first, weights)
    assert rule_information(posterior, first @ second, weights) <= before + 1e-13


def test_a_batch_of_rules_equals_one_by_one():
    posterior, weights = split(random_joint(0, n_e=3000))
    tables = torch.stack([random_table(i) for i in range(6)]).reshape(2, 3, 8, 2)
    values = rule_information(posterior, tables, weights)
    single = [rule_information(posterior, t, weights).item() for t in tables.reshape(6, 8, 2)]
    assert values.shape == (2, 3)
    assert values.flatten().tolist() == pytest.approx(single, abs=1e-14)


def test_bad_input_is_named():
    good = torch.full((3, 4), 0.25, dtype=torch.float64)
    with pytest.raises(InputError, match=r"rule of shape \[8, 2\].*4 block states"):
        rule_information(good, torch.rand(8, 2))
    with pytest.raises(InputError, match="rows are >= 0 and sum to 1"):
        rule_information(2 * good, torch.eye(4))
    with pytest.raises(InputError, match="float32"):
        rule_information(good.float(), torch.eye(4))
    with pytest.raises(InputError, match=r"expected \(3,\), one weight >= 0"):
        rule_information(good, torch.eye(4), torch.ones(2))
    with pytest.raises(InputError, match="no weight at all"):
        mutual_information(torch.zeros(2, 2))
