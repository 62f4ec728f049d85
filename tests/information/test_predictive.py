import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import (
    block_labels,
    predictive_estimate,
    predictive_information,
    predictive_sums,
    rule_information,
    rule_prediction,
    sampled_information,
)

N = 40_000
SIGMAS = 4.9  # false alarm 1e-6, two-sided


@pytest.fixture(scope="module")
def problem():
    """A joint distribution p(e, v), samples of it and a stochastic rule."""
    generator = torch.Generator().manual_seed(11)
    joint = torch.rand(16, 8, generator=generator, dtype=torch.float64) ** 3
    joint /= joint.sum()
    table = torch.rand(8, 4, generator=generator, dtype=torch.float64) ** 4
    table /= table.sum(1, keepdim=True)
    draw = torch.multinomial(joint.flatten(), N, replacement=True, generator=generator)
    weights = joint.sum(1)
    posterior = joint / weights[:, None]
    exact = rule_information(posterior, table, weights).item()
    return posterior, table, draw // 8, draw % 8, exact


def test_the_true_conditional_makes_the_bound_tight(problem):
    posterior, table, e, v, exact = problem
    log_q = rule_prediction(posterior.log(), table)
    estimate = predictive_information(table[v], log_q[e])
    assert estimate.kind == "lower"
    assert 0 < estimate.error < 0.01
    assert abs(estimate.deviation(exact)) < SIGMAS


def test_a_wrong_predictor_stays_below(problem):
    posterior, table, e, v, exact = problem
    blurred = 0.7 * posterior + 0.3 / 8
    estimate = predictive_information(table[v], rule_prediction(blurred.log(), table)[e])
    assert estimate.deviation(exact) < -SIGMAS


def test_shuffled_environments_give_no_information(problem):
    posterior, table, e, v, _ = problem
    log_q = rule_prediction(posterior.log(), table)
    assert predictive_information(table[v], log_q[e.roll(N // 2)]).value < 0
    ignorant = (table[v].mean(0)).log().expand(N, -1)
    assert abs(predictive_information(table[v], ignorant).value) < 1e-12


def test_sampled_environments_with_exact_posteriors(problem):
    posterior, table, e, v, exact = problem
    estimate = sampled_information(posterior[e], table, block_labels(N))
    assert (estimate.kind, estimate.n) == ("estimate", 64)
    assert abs(estimate.deviation(exact)) < SIGMAS
    direct = predictive_information(table[v], rule_prediction(posterior.log(), table)[e])
    assert estimate.error < direct.error


def test_sums_of_batches_equal_one_pass(problem):
    posterior, table, e, v, _ = problem
    p, log_q, labels = table[v], rule_prediction(posterior.log(), table)[e], block_labels(N)
    halves = [slice(0, N // 2), slice(N // 2, N)]
    total = torch.zeros(64, 6, dtype=torch.float64)
    for half in halves:
        part = predictive_sums(p[half], log_q[half], labels[half])
        total[: len(part)] += part
    once = predictive_information(p, log_q, labels)
    assert predictive_estimate(total).value == pytest.approx(once.value, abs=1e-12)


def test_hard_symbols_with_certain_predictions():
    p = torch.eye(2).repeat(10, 1)
    assert predictive_information(p, p.log()).value == pytest.approx(0.6931471805599453)


def test_bad_input_is_named():
    half = torch.full((4, 2), 0.5)
    with pytest.raises(InputError, match=r"\[4, 2\].*\[3, 2\].*same \(n, K\)"):
        predictive_information(half, half[:3].log())
    with pytest.raises(InputError, match="log_softmax"):
        predictive_information(half, half.log() + 0.1)
    with pytest.raises(InputError, match="2 independent blocks"):
        predictive_information(half, half.log(), torch.zeros(4, dtype=torch.int64))
